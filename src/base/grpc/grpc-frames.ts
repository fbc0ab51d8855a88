/** Messages on a stream of gRPC: each has five bytes in front, whether it is compressed and how long it is. */
import { invalid } from '../errors.ts';

const HEAD_BYTES = 5;

export function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Takes bytes as they come, and gives the messages that are whole. */
export class FrameReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #size = 0;
  #wanted = -1; // of the message; -1 = its head has not come

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws invalid for a message that is compressed, or longer than `maxBytes` */
  *push(chunk: Buffer): Generator<Buffer> {
    this.#parts.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= (this.#wanted < 0 ? HEAD_BYTES : this.#wanted)) {
      const all = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts);
      if (this.#wanted < 0) {
        if (all[0] !== 0) throw invalid('a message is compressed, which was not agreed');
        this.#wanted = all.readUInt32BE(1);
        if (this.#wanted > this.#maxBytes) throw invalid(`a message is longer than ${this.#maxBytes} bytes`);
        this.#parts = [all.subarray(HEAD_BYTES)];
        this.#size -= HEAD_BYTES;
        continue;
      }
      const [message, rest] = [all.subarray(0, this.#wanted), all.subarray(this.#wanted)];
      this.#wanted = -1;
      this.#parts = rest.length > 0 ? [rest] : [];
      this.#size = rest.length;
      yield message;
    }
  }

  /** No more comes. @throws invalid where a message is cut off */
  end(): void {
    if (this.#size > 0 || this.#wanted >= 0) throw invalid('a message is cut off');
  }
}

/** @throws invalid for a message that is compressed, longer than `maxBytes`, or cut off */
export async function* readFrames(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  const reader = new FrameReader(maxBytes);
  for await (const chunk of chunks) yield* reader.push(chunk);
  reader.end();
}
