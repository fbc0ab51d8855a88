/** Streams that programs keep open, read as they read them. */
import type { Readable } from 'node:stream';
import type { StreamForm } from './table.ts';

const HEADER_BYTES = 8;

/** What has come so far. */
export class Stream {
  readonly #form: StreamForm;
  #rest = Buffer.alloc(0);
  readonly objects: unknown[] = [];
  readonly output: Record<number, string> = {};
  ended = false;
  wrong: string | undefined;

  constructor(form: StreamForm, readable: Readable) {
    this.#form = form;
    readable.on('data', (part: Buffer) => this.push(part));
    readable.once('close', () => (this.ended = true)).once('end', () => (this.ended = true));
    readable.on('error', () => (this.ended = true));
  }

  push(part: Buffer): void {
    if (this.#form === 'bytes') return this.#append(0, part);
    this.#rest = Buffer.concat([this.#rest, part]);
    if (this.#form === 'objects') this.#readObjects();
    else this.#readFrames();
  }

  #append(stream: number, data: Buffer): void {
    this.output[stream] = (this.output[stream] ?? '') + data.toString();
  }

  #readObjects(): void {
    const lines = this.#rest.toString('utf8').split('\n');
    this.#rest = Buffer.from(lines.pop()!);
    for (const line of lines) if (line.trim() !== '') this.objects.push(JSON.parse(line));
  }

  #readFrames(): void {
    while (this.#rest.length >= HEADER_BYTES) {
      const size = this.#rest.readUInt32BE(4);
      if (this.#rest[0]! > 2 || this.#rest.readUIntBE(1, 3) !== 0) {
        this.wrong = `no header of a frame: ${this.#rest.subarray(0, 32).toString('hex')}`;
        return;
      }
      if (this.#rest.length < HEADER_BYTES + size) return;
      this.#append(this.#rest[0]!, this.#rest.subarray(HEADER_BYTES, HEADER_BYTES + size));
      this.#rest = this.#rest.subarray(HEADER_BYTES + size);
    }
  }
}

/** The texts of whole framed output. */
export function unframed(data: Buffer): Record<number, string> {
  const texts: Record<number, string> = {};
  for (let at = 0; at < data.length;) {
    if (data[at]! > 2 || data.readUIntBE(at + 1, 3) !== 0)
      throw new Error(`no header of a frame: ${data.subarray(at, at + 32).toString('hex')}`);
    const size = data.readUInt32BE(at + 4);
    texts[data[at]!] = (texts[data[at]!] ?? '') + data.subarray(at + 8, at + 8 + size).toString();
    at += 8 + size;
  }
  return texts;
}
