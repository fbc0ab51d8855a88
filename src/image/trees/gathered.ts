/** Pieces of an archive put together: thousands of small files are as many headers, contents and paddings. */
const GATHERED_BYTES = 64 * 1024;

/** The same bytes. What is given may be used again by whoever gave it; what comes is the reader's. */
export async function* gathered(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let buffer = Buffer.allocUnsafeSlow(GATHERED_BYTES);
  let length = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const taken = piece.copy(buffer, length, at);
      at += taken;
      length += taken;
      if (length < buffer.length) continue;
      yield buffer;
      buffer = Buffer.allocUnsafeSlow(GATHERED_BYTES);
      length = 0;
    }
  }
  if (length > 0) yield buffer.subarray(0, length);
}
