/** A tar stream that is read entry by entry while it passes, and changed where the visitor requests it. */
import { Transform, type TransformCallback } from 'node:stream';
import { TarReader, type TarVisitor } from './tar-reader.ts';

export class TarFilter extends Transform {
  readonly #reader: TarReader;

  /** `open`: the end blocks are left out, for another archive to follow. */
  constructor(visitor: TarVisitor, options: { open?: boolean } = {}) {
    super({ writableHighWaterMark: 256 * 1024, readableHighWaterMark: 256 * 1024 });
    this.#reader = new TarReader(visitor, (bytes) => void this.push(bytes), options);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    try {
      this.#reader.consume(chunk);
      done();
    } catch (error) {
      done(error as Error);
    }
  }

  override _flush(done: TransformCallback): void {
    try {
      this.#reader.finish();
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}
