/** What is sent of a directory: by Docker's rules, in the order of names, as it is found while it is sent. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync } from 'node:fs';
import type { Stats } from 'node:fs';
import type { IgnorePatterns, ParentMatches } from '../../base/ignore-patterns.ts';
import { StatusError } from '../command/status-error.ts';
import { goFileError } from '../container/variable-file.ts';

export interface SentDirectory {
  /** Absolute. */
  readonly directory: string;
  readonly patterns: IgnorePatterns;
  /** Sent although the patterns leave them out. */
  readonly kept: readonly string[];
}

export interface Entry {
  /** As text, for patterns and messages. */
  readonly name: string;
  /** As the system has it: names need not be UTF-8. */
  readonly path: Buffer;
  readonly archived: string; // latin1
  readonly stats: Stats;
  readonly linkTo: string | undefined; // a name of the same file that came before
}

/** What is sent, directories before what is in them. */
export function* entriesOf({ directory, patterns, kept }: SentDirectory): Generator<Entry> {
  const links = new Map<string, string>();
  /** Directories on the way that are left out: they come with what is kept below them, if there is anything. */
  const pending: Entry[] = [];
  const leadsToKept = (name: string) => kept.some((path) => path.startsWith(`${name}/`));
  function* walk(path: Buffer, archived: Buffer | undefined, parent: ParentMatches | undefined): Generator<Entry> {
    for (const one of namesIn(path)) {
      const inArchive = archived ? joined(archived, one) : one;
      const name = inArchive.toString();
      const { ignored, matches } = patterns.test(name, parent);
      const isLeftOut = ignored && !kept.includes(name);
      // Of what is left out nothing is asked of the system, unless there may be something below it.
      if (isLeftOut && !patterns.mayKeepBelow(name) && !leadsToKept(name)) continue;
      const below = joined(path, one);
      const stats = statsOf(below);
      if (!stats || stats.isSocket() || (isLeftOut && !stats.isDirectory())) continue;
      const entry = { name, path: below, archived: inArchive.toString('latin1'), stats };
      if (isLeftOut) pending.push({ ...entry, linkTo: undefined });
      else {
        yield* pending.splice(0);
        yield { ...entry, linkTo: firstName(links, stats, entry.archived) };
      }
      if (!stats.isDirectory()) continue;
      yield* walk(below, inArchive, matches);
      if (isLeftOut && pending.at(-1)?.name === name) pending.pop();
    }
  }
  yield* walk(Buffer.from(directory), undefined, undefined);
}

/** By name as Go sorts, byte by byte. */
function namesIn(path: Buffer): Buffer[] {
  try {
    return readdirSync(path, 'buffer').toSorted((a, b) => Buffer.compare(a, b));
  } catch (error) {
    throw failure(error, path, `can't stat '${path.toString()}'`, 'open');
  }
}

function statsOf(path: Buffer): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw failure(error, path, `can't stat '${path.toString()}'`, 'lstat');
  }
}

/** The name under which a file with several names came before. */
function firstName(links: Map<string, string>, stats: Stats, archived: string): string | undefined {
  if (!stats.isFile() || stats.nlink < 2) return undefined;
  const key = `${stats.dev}:${stats.ino}`;
  const first = links.get(key);
  if (first === undefined) links.set(key, archived);
  return first;
}

const SLASH = Buffer.from('/');
const joined = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name]);

function failure(error: unknown, path: Buffer, forbidden: string, call: string): StatusError {
  const isForbidden = ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
  return new StatusError(
    `error checking context: ${isForbidden ? forbidden : goFileError(error, call, path.toString())}`,
  );
}

/** The content of a file that was found; the caller closes it. @throws StatusError */
export function openEntry({ path }: Entry): { readonly fd: number; readonly stats: Stats } {
  let fd: number;
  try {
    // What is put there meanwhile is neither followed nor waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw failure(error, path, `no permission to read from '${path.toString()}'`, 'open');
  }
  const stats = fstatSync(fd);
  if (stats.isFile()) return { fd, stats };
  closeSync(fd);
  throw new StatusError(`${path.toString()} is replaced while it is read`);
}

export const shortened = (path: Buffer): StatusError =>
  new StatusError(`${path.toString()} has become shorter while it is read`);

/** As the C library takes device numbers apart. */
export const deviceOf = (rdev: number): { readonly deviceMajor: number; readonly deviceMinor: number } => ({
  deviceMajor: (Math.floor(rdev / 256) & 0xfff) + (Math.floor(rdev / 2 ** 44) << 12),
  deviceMinor: (rdev & 0xff) + (Math.floor(rdev / 2 ** 12) & 0xfff00),
});
