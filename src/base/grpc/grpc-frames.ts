/** Messages on a stream of gRPC: each has five bytes in front, whether it is compressed and how long it is. */
import { invalid } from '../errors.ts';

const HEAD_BYTES = 5;

export function frame(message: Buffer): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** @throws invalid for a message that is compressed, longer than `maxBytes`, or cut off */
export async function* readFrames(chunks: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let size = 0;
  let wanted = -1; // of the message; -1 = its head has not come
  for await (const chunk of chunks) {
    parts.push(chunk);
    size += chunk.length;
    while (size >= (wanted < 0 ? HEAD_BYTES : wanted)) {
      const all = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
      if (wanted < 0) {
        if (all[0] !== 0) throw invalid('a message is compressed, which was not agreed');
        wanted = all.readUInt32BE(1);
        if (wanted > maxBytes) throw invalid(`a message is longer than ${maxBytes} bytes`);
        parts = [all.subarray(HEAD_BYTES)];
        size -= HEAD_BYTES;
        continue;
      }
      const [message, rest] = [all.subarray(0, wanted), all.subarray(wanted)];
      wanted = -1;
      parts = rest.length > 0 ? [rest] : [];
      size = rest.length;
      yield message;
    }
  }
  if (size > 0 || wanted >= 0) throw invalid('a message is cut off');
}
