/** Messages behind a length of two bytes, as DNS over TCP has them, out of chunks of any size. */

const FIRST_BYTES = 512;

export class FrameReader {
  #data: Buffer = Buffer.alloc(0);
  #from = 0;
  #to = 0;

  /** Copies the chunk: a byte that comes alone costs a byte, not a copy of all that came before. */
  push(chunk: Buffer): void {
    if (this.#data.length - this.#to < chunk.length) this.#makeRoom(chunk.length);
    chunk.copy(this.#data, this.#to);
    this.#to += chunk.length;
  }

  get hasMessage(): boolean {
    const bytes = this.#to - this.#from;
    return bytes >= 2 && bytes >= 2 + this.#data.readUInt16BE(this.#from);
  }

  /** The next whole message, good until the next `push`; undefined if there is none yet. */
  next(): Buffer | undefined {
    if (!this.hasMessage) return undefined;
    const start = this.#from + 2;
    this.#from = start + this.#data.readUInt16BE(this.#from);
    return this.#data.subarray(start, this.#from);
  }

  #makeRoom(bytes: number): void {
    const waiting = this.#data.subarray(this.#from, this.#to);
    const needed = waiting.length + bytes;
    const target = needed * 2 > this.#data.length ? Buffer.allocUnsafe(Math.max(FIRST_BYTES, needed * 2)) : this.#data;
    waiting.copy(target);
    this.#data = target;
    this.#from = 0;
    this.#to = waiting.length;
  }
}
