import { lstat, opendir, rmdir, unlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, systemError } from './errors.ts';
import { runProgram } from './program.ts';

/** Entries that are removed at once. */
const AT_ONCE = 16;
// The types of Node 20 know no names that are bytes here.
const BYTES = { encoding: 'buffer' as BufferEncoding, bufferSize: AT_ONCE };
const SLASH = Buffer.from('/');
/** A writer that is just ending may add an entry to a directory that was empty. */
const TRIES = 4;
const PAUSE_MS = 50;

/**
 * Removes what a container has filled, however deep and however much in one directory. Node's rm hands all entries of a
 * directory to libuv's threads at once: with a million of them whatever else wants a file waits until they are done. It
 * works with whole paths too, and gives up where they are longer than the kernel takes; the rm program goes down by
 * descriptors. Absent is fine.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await removeEntry(Buffer.from(path));
      } catch (error) {
        if (attempt === TRIES || !['ENOTEMPTY', 'EBUSY'].includes(errorCode(error) ?? '')) throw error;
        await sleep(PAUSE_MS * attempt);
      }
    }
  } catch (error) {
    if (errorCode(error) !== 'ENAMETOOLONG') throw error;
    const { code, stderr } = await runProgram('rm', ['-rf', '--', path]);
    if (code !== 0) throw systemError(`remove ${path}: ${stderr.split('\n')[0]!.slice(0, 500)}`);
  }
}

async function removeEntry(path: Buffer): Promise<void> {
  const found = await unlessAbsent(lstat(path));
  if (!found) return;
  if (found.isDirectory()) {
    await emptyDirectory(path);
    await unlessAbsent(rmdir(path));
  } else await unlessAbsent(unlink(path));
}

/** Names are bytes: a container's are not always text. */
async function emptyDirectory(path: Buffer): Promise<void> {
  const directory = await unlessAbsent(opendir(path, BYTES));
  if (!directory) return;
  let files: Promise<unknown>[] = [];
  // The stream of names is closed before one goes down: a deep tree would hold a descriptor for each level.
  const directories: Buffer[] = [];
  for await (const entry of directory) {
    const name = Buffer.concat([path, SLASH, entry.name as unknown as Buffer]);
    if (entry.isDirectory()) directories.push(name);
    else if (files.push(unlessAbsent(unlink(name))) === AT_ONCE) {
      await Promise.all(files);
      files = [];
    }
  }
  await Promise.all(files);
  for (const name of directories) {
    await emptyDirectory(name);
    await unlessAbsent(rmdir(name));
  }
}

function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
