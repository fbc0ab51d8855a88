/**
 * A log file that is begun anew when it has grown to its limit: the full one becomes PATH.1, that one PATH.2, and so on;
 * compressed ones end in .gz. What would be one too many goes.
 */
import { closeSync, existsSync, fstatSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { LogLimits } from '../../model/log-config.ts';
import { compressFull } from './full-files.ts';
import { markFull } from './full-mark.ts';

export class RotatedFile {
  readonly #path: string;
  readonly #limits: LogLimits;
  #fd: number;
  #inode: number;
  /** What it is to have: less than it has where something that was lost sight of is written once more. */
  size: number;

  constructor(path: string, limits: LogLimits) {
    this.#path = path;
    this.#limits = limits;
    [this.#fd, this.#inode, this.size] = open(path);
  }

  get inode(): number {
    return this.#inode;
  }

  get isFull(): boolean {
    return this.size >= this.#limits.maxBytes;
  }

  /** @throws what the disk says; then it is not known how much was written */
  append(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end;) at += writeSync(this.#fd, bytes, at, end - at, null);
  }

  /** A rotation that was cut off left a gap among the numbers, and is completed by the next one. */
  rotate(): void {
    const { maxFiles, compress } = this.#limits;
    markFull(this.#fd);
    if (maxFiles > 1) {
      let free = 1;
      while (free < maxFiles - 1 && this.#rotated(free) !== undefined) free++;
      for (const suffix of ['', '.gz']) rmSync(`${this.#path}.${free}${suffix}`, { force: true });
      for (let number = free - 1; number >= 1; number--) {
        const from = this.#rotated(number)!;
        renameSync(from, `${this.#path}.${number + 1}${from.endsWith('.gz') ? '.gz' : ''}`);
      }
      renameSync(this.#path, `${this.#path}.1`);
    } else rmSync(this.#path, { force: true });
    const [fd, inode, size] = open(this.#path);
    closeSync(this.#fd);
    [this.#fd, this.#inode, this.size] = [fd, inode, size];
    if (maxFiles > 1 && compress) compressFull(this.#path, maxFiles);
  }

  #rotated(number: number): string | undefined {
    return ['.gz', ''].map((suffix) => `${this.#path}.${number}${suffix}`).find((path) => existsSync(path));
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function open(path: string): [fd: number, inode: number, size: number] {
  const fd = openSync(path, 'a', 0o640);
  const { ino, size } = fstatSync(fd);
  return [fd, ino, size];
}
