import { constants } from 'node:fs';
import { open, opendir, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, systemError } from './errors.ts';
import { runProgram } from './program.ts';

/** Entries that are removed at once. */
const AT_ONCE = 16;
// The types of Node 20 know no names that are bytes here.
const BYTES = { encoding: 'buffer' as BufferEncoding, bufferSize: AT_ONCE };
const SLASH = Buffer.from('/');
/** Deeper ones are left to the rm program: each level holds a descriptor. */
const HELD_LEVELS = 64;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
/** A writer that is just ending may add an entry to a directory that was empty. */
const TRIES = 4;
const PAUSE_MS = 50;

/**
 * Removes what a container has filled, however deep and however much in one directory. Node's rm hands all entries of a
 * directory to libuv's threads at once: with a million of them whatever else wants a file waits until they are done. What
 * is deeper than this goes down, or has longer paths than the kernel takes, is left to the rm program. Absent is fine.
 */
export async function removeTree(path: string): Promise<void> {
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        return await removeEntry(Buffer.from(path));
      } catch (error) {
        if (attempt === TRIES || !['ENOTEMPTY', 'EBUSY', 'ENOTDIR'].includes(errorCode(error) ?? '')) throw error;
        await sleep(PAUSE_MS * attempt);
      }
    }
  } catch (error) {
    if (errorCode(error) !== 'ENAMETOOLONG') throw error;
    const { code, stderr } = await runProgram('rm', ['-rf', '--', path]);
    if (code !== 0) throw systemError(`remove ${path}: ${stderr.split('\n')[0]!.slice(0, 500)}`);
  }
}

/** By descriptors: who still has the tree open may put a link in the place of a directory, and root would follow it. */
async function removeEntry(path: Buffer, depth = 0): Promise<void> {
  if (depth > HELD_LEVELS) throw Object.assign(new Error('too deep'), { code: 'ENAMETOOLONG' });
  const directory = await openDirectory(path);
  if (directory === 'absent') return;
  if (directory === 'other') return unlessAbsent(unlink(path));
  try {
    await emptyDirectory(Buffer.from(`/proc/self/fd/${directory.fd}`), depth);
  } finally {
    await directory.close();
  }
  await unlessAbsent(rmdir(path));
}

async function openDirectory(path: Buffer): Promise<FileHandle | 'absent' | 'other'> {
  try {
    return await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const code = errorCode(error) ?? '';
    if (code === 'ENOENT') return 'absent';
    if (code === 'ENOTDIR' || code === 'ELOOP') return 'other';
    throw error;
  }
}

/** Names are bytes: a container's are not always text. */
async function emptyDirectory(path: Buffer, depth: number): Promise<void> {
  // The stream of names is closed before one goes down.
  const directories: Buffer[] = [];
  const failures: unknown[] = []; // dealt with at once: the next names may be waited for meanwhile
  let files: Promise<unknown>[] = [];
  for await (const entry of await opendir(path, BYTES)) {
    const name = Buffer.concat([path, SLASH, entry.name as unknown as Buffer]);
    if (entry.isDirectory()) directories.push(name);
    else if (files.push(unlessAbsent(unlink(name)).catch((error: unknown) => failures.push(error))) === AT_ONCE) {
      await Promise.all(files);
      files = [];
    }
  }
  await Promise.all(files);
  if (failures.length > 0) throw failures[0];
  for (const name of directories) await removeEntry(name, depth + 1);
}

function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
}
