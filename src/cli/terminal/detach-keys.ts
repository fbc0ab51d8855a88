/** Recognises the keys that leave a container running and go away: ctrl-p ctrl-q, or what --detach-keys says. */

export const DEFAULT_DETACH_KEYS = 'ctrl-p,ctrl-q';

/** The bytes of "ctrl-p,a"; throws for words that are no key. */
export function parseDetachKeys(keys: string): Buffer {
  const codes = keys.split(',').map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const letter = /^ctrl-([a-z@[\\\]^_])$/i.exec(key)?.[1]?.toLowerCase();
    if (letter === undefined) throw new Error(`invalid detach keys (${keys}): Unknown character: '${key}'`);
    return letter === '@' ? 0 : letter.toUpperCase().charCodeAt(0) - 64;
  });
  return Buffer.from(codes);
}

/** Passes input through, holding back what may be the start of the sequence. */
export class DetachFilter {
  readonly #keys: Buffer;
  #matched = 0;

  constructor(keys: Buffer) {
    this.#keys = keys;
  }

  /** What to send on, and whether the sequence is complete (nothing behind it is read). */
  push(input: Buffer): { data: Buffer; detached: boolean } {
    const out: number[] = [];
    for (const byte of input) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) return { data: Buffer.from(out), detached: true };
        continue;
      }
      out.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = byte === this.#keys[0] ? 1 : 0;
      if (this.#matched === 0) out.push(byte);
    }
    return { data: Buffer.from(out), detached: false };
  }
}
