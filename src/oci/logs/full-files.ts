/**
 * The full files of a log are compressed one after the other, the newest first, while the log goes on: a rotation does
 * not wait for that. What is overtaken by rotations goes as it is.
 */
import {
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { copyMark } from './full-mark.ts';

/** Logs that one is being compressed of. */
const busy = new Set<string>();

export const isCompressing = (): boolean => busy.size > 0;

/** `path`: of the log. One that cannot be compressed stays as it is: it is as good, and larger; the next call tries again. */
export function compressFull(path: string, maxFiles: number): void {
  if (busy.has(path)) return;
  const number = plainOne(path, maxFiles);
  if (number === undefined) return;
  busy.add(path);
  compress(path, number, maxFiles).then(
    () => {
      busy.delete(path);
      compressFull(path, maxFiles);
    },
    () => {
      busy.delete(path);
      rmSync(temporary(path), { force: true });
    },
  );
}

const temporary = (path: string): string => `${path}.gz.tmp`;

function plainOne(path: string, maxFiles: number): number | undefined {
  for (let number = 1; number < maxFiles; number++) {
    const [isPlain, isPacked] = ['', '.gz'].map((suffix) => existsSync(`${path}.${number}${suffix}`));
    if (isPlain && !isPacked) return number;
    // A daemon was killed between the two last steps.
    if (isPlain) rmSync(`${path}.${number}`, { force: true });
    if (!isPlain && !isPacked) return undefined;
  }
  return undefined;
}

async function compress(path: string, number: number, maxFiles: number): Promise<void> {
  // Opened now: its name changes with each rotation.
  const fd = openSync(`${path}.${number}`, 'r');
  const { ino, mtimeMs } = fstatSync(fd);
  const fresh = temporary(path);
  await pipeline(createReadStream('', { fd }), createGzip(), createWriteStream(fresh, { mode: 0o640 }));
  for (let now = number; now < maxFiles; now++) {
    if (statSync(`${path}.${now}`, { throwIfNoEntry: false })?.ino !== ino) continue;
    copyMark(fresh, mtimeMs);
    renameSync(fresh, `${path}.${now}.gz`);
    rmSync(`${path}.${now}`, { force: true });
    return;
  }
  rmSync(fresh, { force: true });
}
