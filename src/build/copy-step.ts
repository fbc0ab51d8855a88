/** COPY and ADD: which files are meant, what they are told apart by, and how they come into the image. */
import { join, posix } from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { errorKind, errorMessage, invalid } from '../base/errors.ts';
import { copyInto, unpackInto } from '../image/trees/copy-into.ts';
import { digestSource } from '../image/trees/tree-digest.ts';
import { cleanPath, matchingSources, oneSource, type TreeSource } from '../image/trees/tree-sources.ts';
import type { Wanted } from '../image/trees/tree-walk.ts';
import { fetchRepository, repositoryOf, type GitRepository } from './context/git-context.ts';
import { IgnorePatterns, type ParentMatches } from '../base/ignore-patterns.ts';
import { PathGlob } from '../base/path-glob.ts';
import type { CopyInstruction } from './dockerfile/instruction.ts';
import { fetchUrl, isUrl } from './fetch-url.ts';
import { workingDirectory } from './config-step.ts';
import { readModeChange } from './mode-change.ts';
import { stepKey } from './step-cache.ts';

export interface CopyOrder {
  readonly instruction: CopyInstruction;
  /** Variables put in. */
  readonly sources: readonly string[];
  readonly texts: readonly { readonly name: string; readonly content: string }[];
  readonly destination: string;
  readonly chown: string;
  readonly chmod: string;
  readonly workingDir: string;
  /** The tree that is copied from. */
  readonly from: string | undefined;
  /** Of another stage or image: its owners stay. */
  readonly isContext: boolean;
  /** For what is written or fetched first. */
  readonly workDirectory: string;
  readonly signal: AbortSignal;
}

interface FoundSource {
  readonly root: string;
  readonly source: TreeSource;
  readonly mayUnpack: boolean;
  readonly digest: string;
  /** How many directories of its path are left out where the others come along. */
  readonly pivot: number;
}

export interface PreparedCopy {
  readonly order: CopyOrder;
  readonly found: readonly FoundSource[];
  /** 'file:...', 'dir:...', 'multi:...': as in the history. */
  readonly digest: string;
  readonly destination: string;
  /** What the sources are called in the image, where that depends on what they were called before. */
  readonly names: readonly string[];
}

type Wants = (path: string, isDirectory: boolean) => Wanted;

/** @throws invalid in Docker's words */
export async function prepareCopy(order: CopyOrder): Promise<PreparedCopy> {
  const name = order.instruction.kind.toUpperCase();
  readModeOf(order);
  const found: FoundSource[] = [];
  try {
    for (const source of order.sources) found.push(...(await findSources(order, source)));
  } catch (error) {
    if (errorKind(error) === 'notFound')
      throw invalid(
        `${name} failed: ${order.isContext ? 'file not found in build context or excluded by .dockerignore: ' : ''}${errorMessage(error)}`,
        error,
      );
    throw error;
  }
  found.push(...(await writeTexts(order)));
  if (found.length === 0) throw invalid(`${name} failed: no source files were specified`);
  if (found.length > 1 && !/\/\.?$/.test(order.destination) && !order.instruction.parents)
    throw invalid(
      `When using ${name} with more than one source file, the destination must be a directory and end with a /`,
    );
  const [first] = found;
  const digest =
    found.length === 1
      ? `${first!.source.isDirectory ? 'dir' : 'file'}:${first!.digest}`
      : `multi:${stepKey(found.map(({ digest: one, source }) => [source.isDirectory, one]))}`;
  const names = found.map((one) => (order.instruction.parents ? belowPivot(one) : nameOf(one)));
  return { order, found, digest, destination: destinationOf(order), names };
}

/** Of a directory the content is copied, whatever it is called. */
const nameOf = ({ source }: FoundSource): string => (source.isDirectory ? '' : posix.basename(source.path));

const belowPivot = ({ source, pivot }: Pick<FoundSource, 'source' | 'pivot'>): string =>
  source.path.split('/').slice(pivot).join('/');

function destinationOf({ destination, workingDir }: CopyOrder): string {
  const path = workingDirectory(workingDir, destination || '.');
  return /(^|\/)\.?\.?$/.test(destination) && path !== '/' ? `${path}/` : path;
}

async function findSources(order: CopyOrder, source: string): Promise<FoundSource[]> {
  const repository = order.instruction.kind === 'add' ? repositoryOf(source) : undefined;
  if (repository) return [await cloned(order, repository)];
  if (isUrl(source)) return [await fetched(order, source)];
  if (order.from === undefined) throw invalid('missing build context');
  const root = order.from;
  const { instruction, signal, isContext } = order;
  const clean = cleanPath(source);
  // '/./' is where the directories that come along begin.
  const [, before] = (instruction.parents && /^(.*?)\/\.\//s.exec(source)) || [];
  const pivot = before === undefined ? 0 : cleanPath(before).split('/').filter(Boolean).length;
  const glob = new PathGlob(clean, { deep: instruction.parents });
  const sources = glob.isPlain
    ? [oneSource(root, clean)]
    : await matchingSources(root, (path) => glob.matches(path), { signal });
  const found: FoundSource[] = [];
  for (const one of sources) {
    const wants = wantsOf(order);
    const digest = await digestSource(root, one, { owners: !isContext, signal, ...(wants ? { wants } : {}) });
    const mayUnpack = instruction.kind === 'add' && instruction.unpack !== false;
    found.push({ root, source: one, mayUnpack, digest, pivot });
  }
  return found;
}

async function fetched(order: CopyOrder, url: string): Promise<FoundSource> {
  const { instruction, destination, signal } = order;
  if (instruction.kind === 'copy') throw invalid("COPY failed: source can't be a URL for COPY");
  const root = newDirectory(order);
  const name = await fetchUrl(url, root, instruction.checksum, signal);
  if (name === '__unnamed__' && destination.endsWith('/'))
    throw invalid(`ADD failed: cannot determine filename for source ${url}`);
  const source = oneSource(root, name);
  return {
    root,
    source,
    mayUnpack: instruction.unpack === true,
    pivot: 0,
    digest: await digestSource(root, source, { owners: false, signal }),
  };
}

/** A commit is always the same: what tells it apart is its id. */
async function cloned(order: CopyOrder, repository: GitRepository): Promise<FoundSource> {
  const { keepGitDir, checksum } = order.instruction;
  const root = newDirectory(order);
  const commit = await fetchRepository(repository, root, order.signal, { keepGitDir });
  if (checksum !== '' && !(/^[0-9a-f]{7,64}$/i.test(checksum) && commit.startsWith(checksum.toLowerCase())))
    throw invalid(`digest mismatch for ${repository.address}: ${commit} (expected: ${checksum})`);
  const digest = stepKey('git', commit, repository.directory, keepGitDir);
  return { root, source: oneSource(root, ''), mayUnpack: false, digest, pivot: 0 };
}

/** Files that are written in the Dockerfile: each in a directory of its own, as two may have one name. */
async function writeTexts(order: CopyOrder): Promise<FoundSource[]> {
  const found: FoundSource[] = [];
  for (const { name, content } of order.texts) {
    const root = newDirectory(order);
    const file = name.replaceAll('/', '_');
    writeFileSync(join(root, file), content, { mode: 0o644, flag: 'wx' });
    const source = oneSource(root, file);
    found.push({
      root,
      source,
      mayUnpack: false,
      pivot: 0,
      digest: await digestSource(root, source, { owners: false, signal: order.signal }),
    });
  }
  return found;
}

let directories = 0;

function newDirectory({ workDirectory }: CopyOrder): string {
  const path = join(workDirectory, `copy-${directories++}`);
  mkdirSync(path, { mode: 0o755 });
  return path;
}

const readModeOf = ({ chmod }: CopyOrder) => (chmod === '' ? undefined : readModeChange(chmod));

/** What `--exclude` leaves. */
function wantsOf({ instruction }: CopyOrder): Wants | undefined {
  if (instruction.exclude.length === 0) return undefined;
  const patterns = new IgnorePatterns(instruction.exclude);
  const parents = new Map<string, ParentMatches>();
  return (path, isDirectory) => {
    const slash = path.lastIndexOf('/');
    const { ignored, matches } = patterns.test(path, slash < 0 ? undefined : parents.get(path.slice(0, slash)));
    if (isDirectory) parents.set(path, matches);
    if (!ignored) return 'yes';
    return isDirectory && patterns.mayKeepBelow(path) ? 'below' : 'no';
  };
}

/** `owner`: of `--chown`, undefined where there is none. */
export async function performCopy(
  { order, found, destination }: PreparedCopy,
  into: string,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Promise<void> {
  const { signal, isContext, instruction } = order;
  const mode = readModeOf(order);
  for (const { root, source, mayUnpack, pivot } of found) {
    signal.throwIfAborted();
    const isOwn = isContext || root !== order.from;
    if (mayUnpack && !source.isDirectory) {
      const target = { from: root, path: source.path, into, destination, owner, signal };
      if (await unpackInto(target)) continue;
    }
    await copyInto({
      from: root,
      sources: [source],
      into,
      destination,
      owner: owner ?? (isOwn ? { uid: 0, gid: 0 } : undefined),
      mode,
      wants: wantsOf(order),
      parents: instruction.parents ? () => belowPivot({ source, pivot }) : undefined,
      signal,
    });
  }
}
