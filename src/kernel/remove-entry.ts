/**
 * Removing what is in a directory that is held by a descriptor, where another process may be at work: links are never
 * followed, and nothing is reached by a path. Neither the names of a directory nor the descriptors of a deep tree are
 * ever held all at once.
 */
import { fstatSync, opendirSync, type Dir } from 'node:fs';
import { closeFd, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW } from './descriptors.ts';
import { check, errnoNumber, isKernelError, KernelError } from './errors.ts';
import { errnoOfLastCall, openatBytes, unlinkat } from './ffi.ts';
import { nameBuffer } from './root-path.ts';

const AT_REMOVEDIR = 0x200;
/**
 * Deeper trees are a program's, or an attempt to exhaust this process's descriptors: the upper levels are left, and
 * entered again from below.
 */
const HELD_LEVELS = 64;
const NAMES_AT_ONCE = 128;
const PARENT = nameBuffer('..');

class Level {
  /** In the one above. */
  readonly name: Buffer;
  readonly #dev: bigint;
  readonly #ino: bigint;
  #opened: { readonly fd: number; readonly entries: Dir } | undefined;

  constructor(name: Buffer, fd: number) {
    this.name = name;
    this.hold(fd);
    const { dev, ino } = fstatSync(fd, { bigint: true });
    this.#dev = dev;
    this.#ino = ino;
  }

  hold(fd: number): void {
    try {
      // As a string of bytes; the types know text only.
      const entries = opendirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1', bufferSize: NAMES_AT_ONCE });
      this.#opened = { fd, entries };
    } catch (error) {
      closeFd(fd);
      throw error;
    }
  }

  get isHeld(): boolean {
    return this.#opened !== undefined;
  }

  get fd(): number {
    return this.#opened!.fd;
  }

  next(): string | undefined {
    return this.#opened!.entries.readSync()?.name;
  }

  /** From the one below, which must still be in it: the parent of one that was moved is a foreign directory. */
  holdAgain(below: number): void {
    const fd = check(openatBytes(below, PARENT, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), 'unlinkat');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    if (dev === this.#dev && ino === this.#ino) return this.hold(fd);
    closeFd(fd);
    throw new KernelError('unlinkat', errnoNumber('EBUSY'));
  }

  release(): void {
    if (!this.#opened) return;
    this.#opened.entries.closeSync();
    closeFd(this.#opened.fd);
    this.#opened = undefined;
  }
}

/**
 * Removes what is there, directories with all that is in them. Absent is fine; a directory that others fill or move
 * meanwhile is not.
 */
export function removeEntry(directory: number, name: string): void {
  const first = removeFile(directory, name);
  if (!first) return;
  const levels = [first];
  try {
    for (let here = levels.at(-1); here; here = levels.at(-1)) {
      const entry = here.next();
      if (entry === undefined) {
        const above = levels.at(-2);
        if (above && !above.isHeld) above.holdAgain(here.fd);
        here.release();
        levels.pop();
        check(unlinkat(above?.fd ?? directory, here.name, AT_REMOVEDIR), 'unlinkat');
        continue;
      }
      const below = removeFile(here.fd, entry);
      if (!below) continue;
      levels.push(below);
      levels.at(-1 - HELD_LEVELS)?.release();
    }
  } finally {
    for (const level of levels) level.release();
  }
}

/** A directory is opened instead. */
function removeFile(directory: number, name: string): Level | undefined {
  const bytes = nameBuffer(name);
  if (unlinkat(directory, bytes, 0) === 0) return undefined;
  const errno = errnoOfLastCall();
  if (errno === errnoNumber('ENOENT')) return undefined;
  if (errno !== errnoNumber('EISDIR') && errno !== errnoNumber('EPERM')) throw new KernelError('unlinkat', errno);
  try {
    return new Level(bytes, check(openatBytes(directory, bytes, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0), 'unlinkat'));
  } catch (error) {
    if (isKernelError(error, 'ENOTDIR', 'ELOOP')) throw new KernelError('unlinkat', errno);
    throw error;
  }
}
