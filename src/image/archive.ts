/**
 * `docker cp`, `stat` and `export`: tar streams out of and into a container's file system. Paths are resolved inside it
 * (kernel/root-path.ts), read by a confined program and written by this process: no link resolves outside. Words and
 * statuses are Docker's.
 */
import { posix } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { formatTimeNs } from '../base/clock.ts';
import { CausewayError, errorKind, invalid, notFound } from '../base/errors.ts';
import { borrow } from './borrowed-stream.ts';
import { breakLeases } from './break-leases.ts';
import { decompressStream } from './compression.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../kernel/descriptors.ts';
import {
  asBytes,
  evaluateInRoot,
  pathComponents,
  placeMounts as placeMountsInRoot,
  resolveInRoot,
  resolveOrMakeDirectory,
  type RootMount,
  type RootPath,
  type RootView,
} from '../kernel/root-path.ts';
import { touchBelow } from '../kernel/silent-mounts.ts';
import { makeDirectory } from '../kernel/tree-writer.ts';
import { extractTar } from './extract-tar.ts';
import { goFileMode } from '../base/go-file-mode.ts';
import { packDirectory, packFile } from './pack-tree.ts';
import { TarFilter } from './tar-filter.ts';
import type { TarEntry, TarVerdict, TarVisitor } from './tar-reader.ts';
import { formatTarHeader } from '../base/tar-headers.ts';
import type { ExtractionTarget } from './tree-extraction.ts';
import { cleanEntryName } from './whiteouts.ts';
import type { PathStat } from '../model/path-stat.ts';

export type { RootMount };

/**
 * Where the mounts of a container truly are; see kernel/root-path.ts. The directories that lead to one are made where
 * the container lacks them, as its start would make them: until then nothing could be copied into a volume below.
 */
export function placeMounts(view: RootView): RootView {
  const placed = placeMountsInRoot(view);
  const { mounts = [] } = placed;
  for (const [i, { destination }] of mounts.entries()) {
    const before = mounts.slice(0, i);
    const parent = posix.dirname(destination);
    // The one on top decides. What is read-only stays as it is.
    if (before.findLast((outer) => isWithin(parent, outer.destination))?.readonly) continue;
    makeWay({ ...view, mounts: before }, parent);
  }
  return placed;
}

function makeWay(view: RootView, path: string): void {
  try {
    resolveOrMakeDirectory(view, asBytes(path), (fd, name) => makeDirectory(fd, name, 0o755)).close();
  } catch (error) {
    // A file is in the way, a disk is full: what is elsewhere is copied all the same, and this mount is not found.
    if (!(error instanceof CausewayError)) throw error;
  }
}

/** A file system and what to call it in messages. */
export interface ArchiveRoot extends RootView {
  readonly containerName: string;
}

function find(root: ArchiveRoot, path: string, options: { followLast: boolean }): RootPath {
  try {
    return resolveInRoot(root, path, options);
  } catch (error) {
    if (!(error instanceof CausewayError) || error.kind !== 'notFound') throw error;
    throw notFound(`Could not find the file ${path} in container ${root.containerName}`, error);
  }
}

/** Go's filepath.Base of the absolute path, with a '.' at the end kept. */
function baseName(path: string): string {
  const absolute = absolutePath(path);
  return absolute.endsWith('/.') ? '.' : posix.basename(absolute) || '/';
}

/** '/a/b' for 'a//b'; what ends in '/' or '/.' keeps that end, because it means the directory itself. */
function absolutePath(path: string): string {
  const clean = posix.resolve('/', path);
  if (clean === '/') return '/';
  return /\/\.$|^\.$/.test(path) ? `${clean}/.` : path.endsWith('/') ? `${clean}/` : clean;
}

function describe(root: ArchiveRoot, path: string, found: RootPath): PathStat {
  const { stats } = found;
  return {
    name: baseName(path),
    size: Number(stats.size),
    mode: goFileMode(Number(stats.mode)),
    mtime: formatTimeNs(stats.mtimeNs),
    linkTarget: stats.isSymbolicLink() ? evaluateInRoot(root, path) : '',
  };
}

/** What is at `path`; a symbolic link is described itself. */
export function statPath(root: ArchiveRoot, path: string): PathStat {
  const found = find(root, absolutePath(path), { followLast: false });
  try {
    return describe(root, path, found);
  } finally {
    found.close();
  }
}

/** `path` as a tar: its entries start with the last element of the path as it was asked for. */
export async function getArchive(root: ArchiveRoot, path: string): Promise<{ stat: PathStat; tar: Readable }> {
  const found = find(root, absolutePath(path), { followLast: false });
  const parts: Readable[] = [];
  try {
    const stat = describe(root, path, found);
    const base = baseName(path);
    const prefix = base === '/' ? '' : base;
    parts.push(await packOne(root, found, prefix));
    if (found.isDirectory) await packMountsBelow(root, found.path, prefix, parts);
    return { stat, tar: parts.length === 1 ? parts[0]! : concatenate(parts) };
  } catch (error) {
    for (const part of parts) part.destroy();
    throw error;
  } finally {
    found.close();
  }
}

/** One tree, its entries renamed to start with `prefix`; end blocks included. */
async function packOne(root: ArchiveRoot, found: RootPath, prefix: string): Promise<Readable> {
  const owner = `container ${root.containerName}`;
  if (!found.isDirectory) return packFile(found, prefix, owner);
  if (root.silent) touchBelow(found.fd, root.silent);
  await breakLeases(found.fd, found.path, owner);
  return rename(packDirectory(found.fd), '', prefix);
}

/** Volumes inside a directory that is packed: each is a tree of its own on the host. */
async function packMountsBelow(root: ArchiveRoot, path: string, prefix: string, parts: Readable[]): Promise<void> {
  const base = path === '/' ? '/' : `${path}/`;
  const below = (root.mounts ?? []).filter((mount) =>
    `/${pathComponents(mount.destination).join('/')}`.startsWith(base),
  );
  for (const mount of below) {
    const destination = `/${pathComponents(mount.destination).join('/')}`;
    let found: RootPath;
    try {
      found = resolveInRoot(root, destination, { followLast: false });
    } catch (error) {
      if (errorKind(error) === 'notFound') continue; // the way to it is made when the container starts
      throw error;
    }
    try {
      parts.push(await packOne(root, found, posix.join(prefix, destination.slice(base.length))));
    } finally {
      found.close();
    }
  }
}

/** Entry names that start with `from` start with `to` instead. */
class Renamer implements TarVisitor {
  readonly #from: string;
  readonly #to: string;

  constructor(from: string, to: string) {
    this.#from = cleanEntryName(from);
    this.#to = Buffer.from(to).toString('latin1'); // entry names are bytes
  }

  #rename(name: string): string {
    const clean = cleanEntryName(name);
    const from = Buffer.from(this.#from).toString('latin1');
    const rest = clean === from ? '' : from === '' ? clean : clean.slice(from.length + 1);
    return [this.#to, rest].filter((part) => part !== '').join('/');
  }

  visit({ header, pax }: TarEntry): TarVerdict {
    const renamed = this.#rename(header.name);
    const name = header.type === '5' ? `${renamed}/` : renamed;
    const linkName = header.type === '1' ? this.#rename(header.linkName) : header.linkName;
    return { headers: formatTarHeader({ ...header, name, linkName }, pax), dropContent: false };
  }
}

function rename(tar: Readable, from: string, to: string): Readable {
  return pipe(tar, new TarFilter(new Renamer(from, to)));
}

function pipe(source: Readable, filter: TarFilter): Readable {
  // Each end's failure reaches the other; a reader of the filter sees it.
  pipeline(source, filter, () => {});
  return filter;
}

/** Several archives as one: the end blocks of all except the last are left out. */
function concatenate(parts: readonly Readable[]): Readable {
  const keepAll: TarVisitor = { visit: () => undefined };
  const open = parts.map((part, i) => pipe(part, new TarFilter(keepAll, { open: i < parts.length - 1 })));
  async function* chunks() {
    for (const part of open) yield* part;
  }
  return Readable.from(chunks(), { objectMode: false });
}

export interface PutOptions {
  /** Refuse to put a file in a directory's place and the other way round. */
  readonly noOverwriteDirNonDir: boolean;
  /** Give everything to this user; null keeps the owners in the archive. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  readonly readonlyRootfs?: boolean;
}

/** Extracts a tar (compressed or not) into the directory at `path`. */
export async function putArchive(root: ArchiveRoot, path: string, tar: Readable, options: PutOptions): Promise<void> {
  const target = extractionTarget(root, path, options);
  const { stream } = await decompressStream(borrow(tar));
  await extractTar(stream, target);
}

/** What `path` is as a target of extraction; refused where nothing may be written. */
export function extractionTarget(root: ArchiveRoot, path: string, options: PutOptions): ExtractionTarget {
  const found = find(root, absolutePath(path), { followLast: true });
  const into = found.path;
  const { isDirectory } = found;
  found.close();
  if (!isDirectory) throw invalid('extraction point is not a directory');
  const inside = (root.mounts ?? []).filter((mount) => isWithin(into, mount.destination));
  if (inside.at(-1)?.readonly) throw invalid('mounted volume is marked read-only');
  if (inside.length === 0 && options.readonlyRootfs) throw invalid('container rootfs is marked read-only');
  const { noOverwriteDirNonDir, owner } = options;
  return { view: root, into, noOverwriteDirNonDir, owner, keepTarget: true };
}

function isWithin(path: string, directory: string): boolean {
  const parts = pathComponents(directory);
  return pathComponents(path).slice(0, parts.length).join('/') === parts.join('/');
}

/** The whole file system without what is mounted in it. */
export async function exportRootfs(root: string, containerName: string): Promise<Readable> {
  const dropRoot: TarVisitor = { visit: ({ header }) => (cleanEntryName(header.name) === '' ? 'drop' : undefined) };
  const directory = openFd(root, O_PATH | O_DIRECTORY);
  try {
    await breakLeases(directory, '/', `container ${containerName}`);
    return pipe(rename(packDirectory(directory), '', ''), new TarFilter(dropRoot));
  } finally {
    closeFd(directory);
  }
}
