/**
 * `docker diff`: a container's own directory against the layers below it. Both are walked together, a directory at a
 * time, by overlayfs's rules (whiteouts, opaque directories); nothing has to be mounted. What counts as changed, and
 * that the directories above a change do, is Docker's rule.
 */
import { closeSync, constants, lstatSync, openSync, type BigIntStats } from 'node:fs';
import { opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FairTurns } from '../base/fair-turns.ts';
import { errorCode, systemError } from '../base/errors.ts';
import { readXattr } from '../kernel/xattr.ts';
import { sortedNames } from './sorted-names.ts';

/** Of a container's own directory, as long as nobody changes it. */
export const UPPER_MODE = 0o755;

/** Nothing was changed in it, not even who may enter it. */
export async function isUntouched(upperDir: string): Promise<boolean> {
  const { mode, uid, gid } = await stat(upperDir);
  if ((mode & 0o7777) !== UPPER_MODE || uid !== 0 || gid !== 0) return false;
  const entries = await opendir(upperDir);
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}

export interface Change {
  readonly kind: 0 | 1 | 2; // modified, added, deleted
  readonly path: string;
}

/**
 * Places looked at in one turn of the event loop, a name in each layer: a container may have a million names in a
 * directory, and a hundred layers.
 */
const LOOKS_A_TURN = 256;
/** Names read in one turn. */
const NAMES_A_TURN = 128;

const turns = new FairTurns();

const MODIFIED = 0;
const ADDED = 1;
const DELETED = 2;

/** Deeper, no name reaches; each directory on the way holds a descriptor. */
const MAX_PATH_LENGTH = 4096;

interface Directory {
  /** The directories that make it up below the container's own, the topmost first. */
  readonly lower: readonly string[];
}

interface LowerEntry extends Directory {
  readonly stats: BigIntStats;
}

/** `layers` are the lower directories, the topmost first. Sorted by path, a directory before what it holds. */
export async function listChanges(upper: string, layers: readonly string[]): Promise<Change[]> {
  const changes: Change[] = [];
  await compareDirectory(upper, '', { lower: layers }, changes);
  return changes;
}

const OPEN = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * `directory` is the container's own. The container may run: each directory is entered from the descriptor of the one
 * above, so that a link that it puts in the place of one has no effect.
 */
async function compareDirectory(directory: string, path: string, below: Directory, changes: Change[]): Promise<void> {
  if (path.length > MAX_PATH_LENGTH) throw systemError(`lstat ${path.slice(0, 200)}...: file name too long`);
  // A large tree must not keep other work waiting, nor a deep one take a stack of calls.
  await turns.take();
  let fd: number;
  try {
    fd = openSync(directory, OPEN);
  } catch (error) {
    if (path !== '' && ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error) ?? '')) return; // it went away
    throw error;
  }
  try {
    await compareOpened(`/proc/self/fd/${fd}`, path, below, changes);
  } finally {
    closeSync(fd);
  }
}

async function compareOpened(here: string, path: string, below: Directory, changes: Change[]): Promise<void> {
  const names = new Set<string>();
  await addNames(names, here);
  const all = path !== '' && isOpaque(`${here}/.`) ? new Set(names) : names;
  // What an opaque directory hides is deleted, if it is in the layers at all.
  if (all !== names) for (const directory of below.lower) await addNames(all, directory);
  let looked = 0;
  for (const name of await sortedNames(all, turns)) {
    looked += 1 + below.lower.length;
    if (looked > LOOKS_A_TURN) {
      looked = 1 + below.lower.length;
      await turns.take();
    }
    const entryPath = `${path}/${name}`;
    const lower = findLower(below, name);
    const own = names.has(name) ? lstat(`${here}/${name}`) : undefined;
    if (!own || isWhiteout(own)) {
      if (lower) changes.push({ kind: DELETED, path: entryPath });
      continue;
    }
    const at = changes.length;
    if (own.isDirectory()) {
      await compareDirectory(`${here}/${name}`, entryPath, lower?.stats.isDirectory() ? lower : { lower: [] }, changes);
    }
    const kind = lower ? MODIFIED : ADDED;
    // The directories above a change count as changed.
    if (!lower || changes.length > at || differs(lower.stats, own)) changes.splice(at, 0, { kind, path: entryPath });
  }
}

function findLower(below: Directory, name: string): LowerEntry | undefined {
  let first: BigIntStats | undefined;
  const lower: string[] = [];
  for (const directory of below.lower) {
    const path = join(directory, name);
    const stats = lstat(path);
    if (!stats) continue;
    if (isWhiteout(stats) || (first && !stats.isDirectory())) break;
    first ??= stats;
    lower.push(path);
    if (!stats.isDirectory() || isOpaque(path)) break;
  }
  return first ? { stats: first, lower } : undefined;
}

/** Read a piece a turn. */
async function addNames(names: Set<string>, directory: string): Promise<void> {
  for await (const { name } of await opendir(directory, { bufferSize: NAMES_A_TURN })) names.add(name);
}

function lstat(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined; // it went away, or its parent is no directory
  }
}

function isWhiteout(stats: BigIntStats): boolean {
  return stats.isCharacterDevice() && stats.rdev === 0n;
}

export function isOpaque(directory: string): boolean {
  return readXattr(directory, 'trusted.overlay.opaque')?.toString() === 'y';
}

function differs(before: BigIntStats, now: BigIntStats): boolean {
  if (before.mode !== now.mode || before.uid !== now.uid || before.gid !== now.gid || before.rdev !== now.rdev)
    return true;
  // A directory's size and time tell nothing about what a user did.
  if (now.isDirectory()) return false;
  return before.size !== now.size || !sameTime(before.mtimeNs, now.mtimeNs);
}

/** Tar programs drop the fraction of a second: where one has none, the seconds decide. */
function sameTime(a: bigint, b: bigint): boolean {
  const second = 1_000_000_000n;
  return a === b || (a / second === b / second && (a % second === 0n || b % second === 0n));
}
