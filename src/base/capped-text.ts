/**
 * Output of a program or of an untrusted peer, of which only the beginning is worth keeping: never holds more than its
 * bound.
 */
export class CappedText {
  readonly #maxBytes: number;
  readonly #parts: Buffer[] = [];
  #sizeBytes = 0;
  #cut = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Something was left out. */
  get cut(): boolean {
    return this.#cut;
  }

  push(chunk: Buffer): void {
    const room = this.#maxBytes - this.#sizeBytes;
    if (chunk.length > room) this.#cut = true;
    if (room <= 0 || chunk.length === 0) return;
    // A copy: a part of a chunk would keep all of it.
    const part = Buffer.from(chunk.subarray(0, room));
    this.#parts.push(part);
    this.#sizeBytes += part.length;
  }

  toString(): string {
    return Buffer.concat(this.#parts).toString();
  }
}
