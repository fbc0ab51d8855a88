/** The keys that let go of a terminal session ('ctrl-p,ctrl-q'), and their search in what is typed. */
import { invalid } from '../base/errors.ts';

const DEFAULT_KEYS = Buffer.from([16, 17]); // ctrl-p, ctrl-q

/** '' = the default. `what` is how Docker names them in the error: 'detach' for attach, 'escape' for exec. */
export function parseDetachKeys(text: string, what: 'detach' | 'escape'): Buffer {
  if (text === '') return DEFAULT_KEYS;
  const codes = text.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    if (key === 'DEL') return 127;
    const control = /^ctrl-([a-z@[\\\]^_])$/.exec(key)?.[1];
    if (control === undefined) throw invalid(`Invalid ${what} keys (${text}) provided`);
    return control.toUpperCase().charCodeAt(0) - 64;
  });
  if (codes.some((code) => code > 127)) throw invalid(`Invalid ${what} keys (${text}) provided`);
  return Buffer.from(codes);
}

/** Looks for the keys across chunks; a begun sequence is held back until it is complete or broken. */
export class DetachScanner {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What to pass on of this chunk, and whether the keys were completed (what follows them is dropped). */
  scan(chunk: Buffer): { data: Buffer; detached: boolean } {
    if (this.#matched === 0 && !chunk.includes(this.#keys[0]!)) return { data: chunk, detached: false };
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        out.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) {
        this.#matched += 1;
        if (this.#matched === this.#keys.length) return { data: Buffer.from(out), detached: true };
      } else {
        out.push(byte);
      }
    }
    return { data: Buffer.from(out), detached: false };
  }

  /** A begun sequence that never came to its end, when input ends. */
  rest(): Buffer {
    return this.#keys.subarray(0, this.#matched);
  }
}
