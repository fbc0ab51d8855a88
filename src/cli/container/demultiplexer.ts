/**
 * Takes apart the stream of a container without a TTY: frames of an 8-byte header (stream, three zeros, big-endian
 * length) and that many bytes. Frames may arrive in any pieces; payloads are passed on as they come.
 */
const HEADER_BYTES = 8;

export class Demultiplexer {
  readonly #write: (stream: 1 | 2, data: Buffer) => void;
  #header = Buffer.alloc(0);
  #stream = 1;
  #left = 0;
  #failure: Buffer[] = [];

  constructor(write: (stream: 1 | 2, data: Buffer) => void) {
    this.#write = write;
  }

  /** Throws what the daemon reports inside the stream. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        const missing = HEADER_BYTES - this.#header.length;
        this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.#header.length < HEADER_BYTES) return;
        this.#stream = this.#header.readUInt8(0);
        this.#left = this.#header.readUInt32BE(4);
        this.#header = Buffer.alloc(0);
        if (this.#stream > 3) throw new Error(`unrecognized stream: ${this.#stream}`);
        continue;
      }
      const data = rest.subarray(0, this.#left);
      this.#left -= data.length;
      rest = rest.subarray(data.length);
      if (this.#stream === 3) this.#collectFailure(data);
      else this.#write(this.#stream === 2 ? 2 : 1, data);
    }
  }

  #collectFailure(data: Buffer): void {
    this.#failure.push(data);
    if (this.#left > 0) return;
    throw new Error(`error from daemon in stream: ${Buffer.concat(this.#failure).toString()}`);
  }
}
