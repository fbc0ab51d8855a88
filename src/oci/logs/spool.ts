/**
 * What conmon has written of one run and has not come to the log yet: a file that only grows, and whose beginning is
 * given back to the disk as soon as it is done with. Next to it is kept how far that came.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { punchHole } from '../../kernel/punch-hole.ts';
import type { OpenLineState } from './line-assembler.ts';
import type { LogPlace } from './stored-log.ts';

/** How far a spool has been taken, and what had been written by then. */
export interface SpoolPlace {
  readonly inode: number;
  readonly offset: number;
  readonly lines: readonly OpenLineState[];
  readonly log: LogPlace;
}

const PREFIX = 'spool-';
const SLOTS = ['.place0', '.place1'];
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
  statSync(path).size === 0 && !SLOTS.some((slot) => existsSync(path + slot));

export class Spool {
  readonly path: string;
  #fd: number;
  #inode: number;
  #given = 0;
  #keeps = 0;

  constructor(path: string) {
    this.path = path;
    this.#fd = openSync(path, 'r+');
    this.#inode = fstatSync(this.#fd).ino;
  }

  get inode(): number {
    return this.#inode;
  }

  read(into: Buffer, offset: number): number {
    return readSync(this.#fd, into, 0, into.length, offset);
  }

  /** Where conmon has begun another file in its place: that one, from its beginning on. */
  followed(): boolean {
    const now = statSync(this.path, { throwIfNoEntry: false });
    if (now === undefined || now.ino === this.#inode) return false;
    const fd = openSync(this.path, 'r+');
    closeSync(this.#fd);
    [this.#fd, this.#inode, this.#given] = [fd, fstatSync(fd).ino, 0];
    return true;
  }

  /** The last one that was kept whole; undefined also where the file was cut below it: it is read from its beginning. */
  place(): SpoolPlace | undefined {
    const found = SLOTS.map((slot) => readPlace(this.path + slot)).filter((place) => place !== undefined);
    found.sort((a, b) => b.number - a.number);
    this.#keeps = found[0]?.number ?? 0;
    const place = found[0]?.place;
    const isCut = place?.inode === this.#inode && place.offset > fstatSync(this.#fd).size;
    return isCut ? undefined : place;
  }

  /**
   * Written over the one before the last, in place: a write that is cut off leaves the last one. Renaming a new file,
   * or truncating the old one, makes the file system write to the disk at once.
   */
  keep(place: SpoolPlace): void {
    const number = ++this.#keeps;
    const json = JSON.stringify({ number, place });
    const fd = openSync(this.path + SLOTS[number % 2]!, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      writeSync(fd, `${checksum(json)} ${json}\n`, 0);
    } finally {
      closeSync(fd);
    }
    if (place.offset > this.#given && punchHole(this.#fd, this.#given, place.offset)) this.#given = place.offset;
  }

  remove(): void {
    for (const suffix of ['', ...SLOTS]) rmSync(this.path + suffix, { force: true });
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const checksum = (text: string): string => createHash('sha1').update(text).digest('hex');

function readPlace(path: string): { readonly number: number; readonly place: SpoolPlace } | undefined {
  try {
    const [line = ''] = readFileSync(path, 'utf8').split('\n', 1);
    const json = line.slice(line.indexOf(' ') + 1);
    return line.startsWith(`${checksum(json)} `) ? (JSON.parse(json) as ReturnType<typeof readPlace>) : undefined;
  } catch {
    return undefined; // none yet; or a power cut took it, and with it what was written last
  }
}
