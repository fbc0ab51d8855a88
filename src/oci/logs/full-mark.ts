/**
 * Which of a log's full files is which, also after it was compressed, which makes another file of it: by its time of
 * change, of which each gets one that no other has.
 */
import { futimesSync, utimesSync, type BigIntStats } from 'node:fs';

/** Such parts of a second are the same as a double, which times are set from, and in nanoseconds, which they are kept in. */
const STEPS = 8192;
let lastStep = 0;

/** Nothing is written to it any more. */
export function markFull(fd: number): void {
  lastStep = Math.max(Math.ceil(((performance.timeOrigin + performance.now()) / 1000) * STEPS), lastStep) + 1;
  futimesSync(fd, lastStep / STEPS, lastStep / STEPS);
}

/** `path` has what the file has that was changed at `mtimeMs`. */
export function copyMark(path: string, mtimeMs: number): void {
  const seconds = Math.round((mtimeMs / 1000) * STEPS) / STEPS;
  utimesSync(path, seconds, seconds);
}

type Marked = Pick<BigIntStats, 'ino' | 'mtimeNs'>;

/** The same file, or the same one compressed. */
export const isSameFull = (a: Marked, b: Marked): boolean => a.ino === b.ino || a.mtimeNs === b.mtimeNs;
