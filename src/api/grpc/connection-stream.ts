/** A connection that was taken over from HTTP, as a stream of its bytes: what ends one ends the other. */
import { Duplex, Readable } from 'node:stream';
import type { TakenConnection } from '../end-connection.ts';

export function streamOf({ socket, input }: TakenConnection): Duplex {
  const stream = Duplex.from({ readable: Readable.from(input, { objectMode: false }), writable: socket });
  stream.once('close', () => socket.destroy());
  socket.once('close', () => stream.destroy());
  if (socket.destroyed) stream.destroy();
  return stream;
}
