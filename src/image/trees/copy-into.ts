/**
 * COPY and ADD: files of one tree are put into another, both of them untrusted. What is read comes from descriptors, and
 * what is written goes the way of all archives (tree-extraction.ts): no path and no link leaves either tree.
 */
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { errorKind } from '../../base/errors.ts';
import { decompressStream } from '../compression.ts';
import { extractTar } from '../extract-tar.ts';
import { formatTarHeader, impliedDirectory, isZeroBlock, parseTarHeader, TAR_BLOCK } from '../../base/tar-headers.ts';
import { asBytes, evaluateInRoot, resolveInRoot } from '../../kernel/root-path.ts';
import { fileContent } from './file-content.ts';
import { ARCHIVE_END, archiveTree } from './tree-archive.ts';
import { gathered } from './gathered.ts';
import { openSource, type TreeSource } from './tree-sources.ts';
import type { Wanted } from './tree-walk.ts';

export interface CopyRequest {
  readonly from: string;
  readonly sources: readonly TreeSource[];
  readonly into: string;
  /** Absolute; what ends in '/' is a directory. */
  readonly destination: string;
  /** undefined = the files' own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode?: ((mode: number, isDirectory: boolean) => number) | undefined;
  /** Of the path in the source tree, as bytes. */
  readonly wants?: ((path: string, isDirectory: boolean) => Wanted) | undefined;
  /** The directories of the sources' paths come along: where each path begins. */
  readonly parents?: ((path: string) => string) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export async function copyInto(request: CopyRequest): Promise<void> {
  const { into, destination, signal } = request;
  const place = evaluateInRoot({ root: into }, destination);
  const isDirectory = request.parents !== undefined || destination.endsWith('/') || isDirectoryAt(into, place);
  const stream = Readable.from(gathered(entriesOf(request, place, isDirectory)), {
    objectMode: false,
    highWaterMark: 256 * 1024,
  });
  try {
    await extractTar(stream, { view: { root: into }, into: '/' }, signal);
  } finally {
    stream.destroy();
  }
}

async function* entriesOf(request: CopyRequest, place: string, isDirectory: boolean): AsyncGenerator<Buffer> {
  const made = new Set<string>();
  for (const source of request.sources) {
    const target = targetOf(request, source, place, isDirectory);
    yield* parentsOf(request, target, made);
    const found = openSource(request.from, source.path);
    try {
      const base = asBytes(source.path);
      const bytes = asBytes(target).replace(/^\/+/, '');
      const isThere = source.isDirectory && isDirectoryAt(request.into, target);
      yield* archiveTree(found.fd, {
        ...(request.wants
          ? {
              wants: (name: string, isDir: boolean) =>
                request.wants!(source.isDirectory && base !== '' ? `${base}/${name}` : name || base, isDir),
            }
          : {}),
        // A directory that is there stays as it is: what is in the other one is put into it.
        place: (name) => (name === '' ? (isThere ? undefined : bytes) : bytes === '' ? name : `${bytes}/${name}`),
        owner: request.owner,
        ...(request.mode ? { mode: request.mode } : {}),
        signal: request.signal,
      });
    } finally {
      found.close();
    }
  }
  yield ARCHIVE_END;
}

function targetOf(request: CopyRequest, source: TreeSource, place: string, isDirectory: boolean): string {
  if (request.parents) return posix.join(place, request.parents(source.path));
  if (source.isDirectory) return place;
  return isDirectory ? posix.join(place, posix.basename(source.path)) : place;
}

/** Headers of the directories on the way that are missing: they are of the same owner. */
function* parentsOf(
  { into, owner }: Pick<CopyRequest, 'into' | 'owner'>,
  target: string,
  made: Set<string>,
): Generator<Buffer> {
  const missing: string[] = [];
  for (let path = posix.dirname(target); path !== '/' && !made.has(path); path = posix.dirname(path)) {
    if (isThere(into, path)) break;
    missing.unshift(path);
  }
  for (const path of missing) {
    made.add(path);
    yield formatTarHeader(impliedDirectory(asBytes(path).slice(1), owner));
  }
}

function isThere(root: string, path: string): boolean {
  try {
    resolveInRoot({ root }, path, { followLast: true }).close();
    return true;
  } catch (error) {
    if (errorKind(error) === 'notFound') return false;
    throw error;
  }
}

function isDirectoryAt(root: string, path: string): boolean {
  try {
    const found = resolveInRoot({ root }, path, { followLast: true });
    try {
      return found.isDirectory;
    } finally {
      found.close();
    }
  } catch (error) {
    if (errorKind(error) === 'notFound') return false;
    throw error;
  }
}

/**
 * A file of `from` that is an archive, compressed or not, is unpacked into the directory. False where it is none:
 * nothing has been written then.
 */
export async function unpackInto(
  request: Pick<CopyRequest, 'from' | 'into' | 'destination' | 'owner' | 'signal'> & {
    readonly path: string;
  },
): Promise<boolean> {
  const found = openSource(request.from, request.path);
  try {
    if (!found.stats.isFile() || !(await isArchive(found.fd, request.path))) return false;
    const { stream } = await decompressStream(contentStream(found.fd, request.path));
    const into = evaluateInRoot({ root: request.into }, request.destination);
    try {
      await extractTar(stream, { view: { root: request.into }, into, owner: request.owner ?? null }, request.signal);
    } finally {
      stream.destroy();
    }
    return true;
  } finally {
    found.close();
  }
}

const contentStream = (fd: number, path: string): Readable =>
  Readable.from(copies(fileContent(fd, path)), { objectMode: false, highWaterMark: 256 * 1024 });

async function* copies(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) yield Buffer.from(piece);
}

/** By its first block, as Docker tells it. */
async function isArchive(fd: number, path: string): Promise<boolean> {
  const source = contentStream(fd, path);
  try {
    const { stream } = await decompressStream(source);
    let head = Buffer.alloc(0);
    for await (const piece of stream as AsyncIterable<Buffer>) {
      head = Buffer.concat([head, piece]);
      if (head.length >= TAR_BLOCK) break;
    }
    if (head.length < TAR_BLOCK || isZeroBlock(head)) return false;
    parseTarHeader(head.subarray(0, TAR_BLOCK));
    return true;
  } catch (error) {
    if (errorKind(error) === 'invalid') return false;
    throw error;
  } finally {
    source.destroy();
  }
}

/** The directory at `path`, made where it is missing: WORKDIR. */
export async function makeWorkingDirectory(
  root: string,
  path: string,
  owner: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const place = evaluateInRoot({ root }, path);
  if (isThere(root, place)) return;
  const headers = [...parentsOf({ into: root, owner }, posix.join(place, 'x'), new Set())];
  await extractTar(Readable.from([...headers, ARCHIVE_END], { objectMode: false }), { view: { root }, into: '/' });
}
