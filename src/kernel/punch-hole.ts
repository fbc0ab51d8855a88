/** Giving back the disk that the beginning of a file takes; its length, and the offsets of what follows, stay. */
import { fallocate } from './ffi.ts';

const KEEP_SIZE = 0x01;
const PUNCH_HOLE = 0x02;

/** False where the file system cannot do that. */
export function punchHole(fd: number, from: number, to: number): boolean {
  return fallocate(fd, PUNCH_HOLE | KEEP_SIZE, from, to - from) === 0;
}
