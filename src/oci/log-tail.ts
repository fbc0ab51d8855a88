/**
 * Where the last lines of a log begin, found backwards: whatever is in the file, no more of it is held than one piece.
 */
import type { FileHandle } from 'node:fs/promises';

const PIECE_BYTES = 64 * 1024;
/** As much of a line as shows whether it is whole: time, stream, mark. */
const HEAD_BYTES = 64;

export interface Tail {
  readonly position: number;
  /** How many lines there are from there on: fewer than asked for where the file has no more. */
  readonly lines: number;
}

/** Whether what begins at `lineStart` is a line, and no piece of the one that ends after it. */
export type WholeLine = (text: Buffer, lineStart: number) => boolean;

/** Where the last `count` lines begin; pieces of a line belong to the line that ends after them. */
export async function tailPosition(
  file: FileHandle,
  count: number,
  isWhole: WholeLine,
  signal?: AbortSignal,
): Promise<Tail> {
  const { size } = await file.stat();
  if (count === 0 || size === 0) return { position: size, lines: 0 };
  const buffer = Buffer.allocUnsafe(PIECE_BYTES + HEAD_BYTES);
  let lines = 0;
  let begin = size; // of the last line that was counted, or of the pieces in front of it
  // True when there are enough: the line that begins here belongs to no line behind it.
  const enough = (lineStart: number, whole: boolean): boolean => {
    if (whole || begin === size) {
      if (lines === count) return true;
      lines++;
    }
    begin = lineStart;
    return false;
  };
  // The last byte is the last line's newline, or as good as one.
  for (let end = size - 1; end > 0;) {
    const start = Math.max(0, end - PIECE_BYTES);
    const { bytesRead } = await file.read(buffer, 0, Math.min(end - start + HEAD_BYTES, size - start), start);
    if (signal?.aborted) return { position: size, lines: count };
    const text = buffer.subarray(0, bytesRead);
    for (
      let newline = text.lastIndexOf(10, end - start - 1);
      newline >= 0;
      newline = newline === 0 ? -1 : text.lastIndexOf(10, newline - 1)
    ) {
      if (enough(start + newline + 1, isWhole(text, newline + 1))) return { position: begin, lines };
    }
    if (start === 0 && enough(0, isWhole(text, 0))) return { position: begin, lines };
    end = start;
  }
  return { position: 0, lines };
}

/** In conmon's form, where pieces of a line are marked P. */
export function isWholePlain(text: Buffer, lineStart: number): boolean {
  const timeEnd = text.indexOf(32, lineStart);
  const streamEnd = text.indexOf(32, timeEnd + 1);
  return timeEnd >= 0 && streamEnd >= 0 && streamEnd - lineStart < HEAD_BYTES && text[streamEnd + 1] === 0x46;
}
