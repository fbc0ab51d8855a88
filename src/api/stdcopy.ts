/**
 * Docker's multiplexed stream: each frame is one byte for the stream, three zero bytes, a big-endian length, the data.
 */
import type { Writable } from 'node:stream';
import type { OutputFrame } from '../model/streams.ts';

export type StreamName = OutputFrame['stream'] | 'system';

const STREAM_BYTE: Readonly<Record<StreamName, number>> = { stdout: 1, stderr: 2, system: 3 };

function frameHeader(stream: StreamName, sizeBytes: number): Buffer {
  const header = Buffer.alloc(8);
  header[0] = STREAM_BYTE[stream];
  header.writeUInt32BE(sizeBytes, 4);
  return header;
}

export function frame(stream: StreamName, data: Buffer): Buffer {
  return Buffer.concat([frameHeader(stream, data.length), data]);
}

/** Output as it is, of both streams. */
export const writeRaw = (writer: Writable, _stream: StreamName, data: Buffer): boolean => writer.write(data);

/** Writes one frame without copying the data; false when the writer wants to rest. */
export function writeFrame(writer: Writable, stream: StreamName, data: Buffer): boolean {
  writer.cork();
  writer.write(frameHeader(stream, data.length));
  const more = writer.write(data);
  process.nextTick(() => writer.uncork());
  return more;
}
