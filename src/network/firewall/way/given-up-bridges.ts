/**
 * Names of bridges that were the engine's and are no more, until they have left firewalld's permanent configuration: it
 * may not run when they are given up, nor the next daemon be the one that gave them up. A name alone proves nothing, so
 * only these are taken out.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { errorCode, errorMessage } from '../../../base/errors.ts';
import { parseJsonText } from '../../../base/json-text.ts';
import type { Log } from '../../../base/log.ts';

export class GivenUpBridges {
  readonly #file: string;
  readonly #log: Log;
  readonly #names: Set<string>;

  constructor(file: string, log: Log) {
    this.#file = file;
    this.#log = log;
    this.#names = new Set(this.#read());
  }

  get names(): readonly string[] {
    return [...this.#names];
  }

  add(name: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    this.#write();
  }

  forget(name: string): void {
    if (this.#names.delete(name)) this.#write();
  }

  #read(): string[] {
    try {
      const value = parseJsonText(readFileSync(this.#file, 'utf8'));
      if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value as string[];
      throw new SyntaxError('not a list of names');
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#log.warn(
          { file: this.#file, error: errorMessage(error) },
          'which bridges were given up cannot be read: those may stay in the zone of firewalld',
        );
      return [];
    }
  }

  /** What cannot be kept now counts as long as this process lives. */
  #write(): void {
    try {
      if (this.#names.size === 0) return rmSync(this.#file, { force: true });
      const fd = openSync(`${this.#file}.new`, 'w', 0o600);
      try {
        writeSync(fd, JSON.stringify(this.names));
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(`${this.#file}.new`, this.#file);
    } catch (error) {
      this.#log.warn({ file: this.#file, error: errorMessage(error) }, 'which bridges were given up cannot be kept');
    }
  }
}
