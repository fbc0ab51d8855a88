import { PassThrough, type Readable } from 'node:stream';
import { invalid } from '../base/errors.ts';

/**
 * A stream that is read here but owned elsewhere, as a request's body is. Giving up on the result does not
 * destroy the source, which would cut the connection before the answer is out: the rest is read and dropped.
 */
export function borrow(source: Readable): Readable {
  const copy = new PassThrough({ highWaterMark: 256 * 1024 });
  source.once('error', (error) => copy.destroy(error));
  source.once('close', () => {
    if (!source.readableEnded) copy.destroy(invalid('unexpected EOF'));
  });
  copy.once('close', () => {
    source.unpipe(copy);
    source.on('error', () => {});
    source.resume();
  });
  return source.pipe(copy);
}
