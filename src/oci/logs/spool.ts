/**
 * What conmon has written of one run and has not come to the log yet: a file that only grows, and whose beginning is
 * given back to the disk as soon as it is done with. Next to it is kept how far that came: what stores the output and
 * what sends it to another program have a place each.
 *
 * conmon may begin its file anew (`--log-size-max`). Where the output is sent too, each file has a second name, so that
 * one that was replaced is there until all of it is sent: a chain, oldest first, whose last is conmon's own.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { punchHole } from '../../kernel/punch-hole.ts';
import type { OpenLineState } from './line-assembler.ts';
import type { LogPlace } from './stored-log.ts';

/** How far a spool has been taken, and what had been written by then. */
export interface SpoolPlace {
  readonly inode: number;
  readonly offset: number;
  readonly lines: readonly OpenLineState[];
  /** What is sent has none. */
  readonly log?: LogPlace;
  /** All of a run that has ended is done with. */
  readonly finished?: true;
}

export type Cursor = 'stored' | 'sent';

const PREFIX = 'spool-';
/** All end in a way that earlier releases know: they take none of them for a spool. */
const SLOTS: Readonly<Record<Cursor, readonly string[]>> = {
  stored: ['.place0', '.place1'],
  sent: ['.sent.place0', '.sent.place1'],
};
let last = 0;

/** A name that sorts behind those of earlier runs. */
export function newSpoolName(): string {
  last = Math.max(Date.now(), last + 1);
  return `${PREFIX}${String(last).padStart(16, '0')}`;
}

/** The spools in a container's directory, oldest first; none where there is no such directory. */
export async function spoolNames(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => name.startsWith(PREFIX) && !/\.place\d$/.test(name)).sort();
}

/** Nothing was written to it, and nothing is kept of it. @throws ENOENT where it is not there */
export const isUntouched = (path: string): boolean =>
  statSync(path).size === 0 && !SLOTS.stored.some((slot) => existsSync(path + slot));

/** The files of a chain, oldest first: second names of what conmon has written. */
function chainOf(path: string): { readonly path: string; readonly number: number; readonly inode: number }[] {
  const [directory, end] = [dirname(path), `-${basename(path)}`];
  const names = readdirSync(directory).filter((name) => /^part-\d{6}-/.test(name) && name.slice(11) === end);
  return names.sort().map((name) => {
    const part = join(directory, name);
    return { path: part, number: Number(name.slice(5, 11)), inode: statSync(part).ino };
  });
}

interface SpoolOptions {
  readonly cursor: Cursor;
  readonly chained: boolean;
}

export class Spool {
  readonly path: string;
  readonly #options: SpoolOptions;
  readonly #found: SpoolPlace | undefined;
  #fd: number;
  #inode: number;
  #given = 0;
  #keeps: number;

  /** @throws ENOENT where it is not there */
  constructor(path: string, options: SpoolOptions = { cursor: 'stored', chained: false }) {
    this.path = path;
    this.#options = options;
    const kept = lastKept(path, options.cursor);
    [this.#found, this.#keeps] = [kept?.place, kept?.number ?? 0];
    const chain = options.chained ? chainOf(path) : [];
    const known = chain.find(({ inode }) => inode === kept?.place.inode) ?? chain[0];
    this.#fd = known ? openSync(known.path, 'r+') : this.#openNewest();
    this.#inode = fstatSync(this.#fd).ino;
  }

  get inode(): number {
    return this.#inode;
  }

  get size(): number {
    return fstatSync(this.#fd).size;
  }

  read(into: Buffer, offset: number): number {
    return readSync(this.#fd, into, 0, into.length, offset);
  }

  /** conmon has begun another file in its place, and writes no more to this one. */
  get isReplaced(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    return now !== undefined && now.ino !== this.#inode;
  }

  /** There is a file that came after this one. */
  get follows(): boolean {
    const last = this.#options.chained ? chainOf(this.path).at(-1) : undefined;
    return this.isReplaced || (last !== undefined && last.inode !== this.#inode);
  }

  /** Goes on with the file that came after this one, from its beginning on; false: there is none. */
  follow(): boolean {
    const chain = this.#options.chained ? chainOf(this.path) : [];
    const at = chain.findIndex(({ inode }) => inode === this.#inode);
    const next = chain[at + 1];
    if (!next && !this.isReplaced) return false;
    const fd = next ? openSync(next.path, 'r+') : this.#openNewest();
    closeSync(this.#fd);
    [this.#fd, this.#inode, this.#given] = [fd, fstatSync(fd).ino, 0];
    return true;
  }

  /** Named first and opened then by that name: conmon may begin another one between any two calls. */
  #openNewest(): number {
    if (!this.#options.chained) return openSync(this.path, 'r+');
    const number = (chainOf(this.path).at(-1)?.number ?? 0) + 1;
    const part = join(dirname(this.path), `part-${String(number).padStart(6, '0')}-${basename(this.path)}`);
    linkSync(this.path, part);
    return openSync(part, 'r+');
  }

  /** The last one that was kept whole; undefined also where the file was cut below it: it is read from its beginning. */
  place(): SpoolPlace | undefined {
    const place = this.#found;
    const isCut = place?.inode === this.#inode && place.offset > this.size;
    return isCut ? undefined : place;
  }

  /**
   * Written over the one before the last, in place: a write that is cut off leaves the last one. Renaming a new file,
   * or truncating the old one, makes the file system write to the disk at once. `given`: the disk gets back what is
   * before it.
   */
  keep(place: SpoolPlace, given = place.offset): void {
    const number = ++this.#keeps;
    const json = JSON.stringify({ number, place });
    const fd = openSync(
      this.path + SLOTS[this.#options.cursor][number % 2]!,
      constants.O_RDWR | constants.O_CREAT,
      0o600,
    );
    try {
      writeSync(fd, `${checksum(json)} ${json}\n`, 0);
    } finally {
      closeSync(fd);
    }
    if (given > this.#given && punchHole(this.#fd, this.#given, given)) this.#given = given;
  }

  /** Those of the chain that come before the one that is read. */
  removeEarlier(): void {
    for (const { path, inode } of chainOf(this.path)) {
      if (inode === this.#inode) return;
      rmSync(path, { force: true });
    }
  }

  remove(): void {
    removeSpool(this.path, this.#options.chained);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** With its places, which go last: without them all of it would be stored again. */
export function removeSpool(path: string, chained: boolean): void {
  for (const part of chained ? chainOf(path) : []) rmSync(part.path, { force: true });
  const slots = chained ? [...SLOTS.sent, ...SLOTS.stored] : SLOTS.stored;
  for (const suffix of ['', ...slots]) rmSync(path + suffix, { force: true });
}

const checksum = (text: string): string => createHash('sha1').update(text).digest('hex');

interface KeptPlace {
  readonly number: number;
  readonly place: SpoolPlace;
}

function lastKept(path: string, cursor: Cursor): KeptPlace | undefined {
  const found = SLOTS[cursor].map((slot) => readPlace(path + slot)).filter((kept) => kept !== undefined);
  return found.sort((a, b) => b.number - a.number)[0];
}

function readPlace(path: string): KeptPlace | undefined {
  try {
    const [line = ''] = readFileSync(path, 'utf8').split('\n', 1);
    const json = line.slice(line.indexOf(' ') + 1);
    return line.startsWith(`${checksum(json)} `) ? (JSON.parse(json) as KeptPlace) : undefined;
  } catch {
    return undefined; // none yet; or a power cut took it, and with it what was written last
  }
}
