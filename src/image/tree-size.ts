/**
 * What trees weigh that a container may be changing at the time: each directory is entered from the one above, never by
 * a link.
 */
import { closeSync, constants, lstatSync, openSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { FairTurns } from '../base/fair-turns.ts';

/** Names looked at in one turn of the event loop: a container may have a million in a directory. */
const NAMES_A_TURN = 256;
/** As deep as a path reaches; each directory on the way holds a descriptor. */
const MAX_DEPTH = 2048;

const turns = new FairTurns();

const OPEN = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * The sizes of the files in a tree added up, hard links once; what vanishes meanwhile does not count, nor what is too
 * deep for a path.
 */
export async function treeSizeBytes(root: string): Promise<number> {
  const seen = new Set<number>();
  let sizeBytes = 0;
  let looked = 0;
  const visit = async (path: string, depth: number): Promise<void> => {
    await turns.take();
    const fd = openDirectory(path);
    if (fd === undefined) return;
    try {
      const here = `/proc/self/fd/${fd}`;
      for await (const entry of await opendir(here, { bufferSize: NAMES_A_TURN })) {
        if (++looked % NAMES_A_TURN === 0) await turns.take();
        if (entry.isDirectory()) {
          if (depth < MAX_DEPTH) await visit(`${here}/${entry.name}`, depth + 1);
          continue;
        }
        const stats = lstatSync(`${here}/${entry.name}`, { throwIfNoEntry: false });
        if (!stats || (stats.nlink > 1 && seen.has(stats.ino))) continue;
        if (stats.nlink > 1) seen.add(stats.ino);
        sizeBytes += stats.size;
      }
    } finally {
      closeSync(fd);
    }
  };
  await visit(root, 0);
  return sizeBytes;
}

function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, OPEN);
  } catch {
    return undefined;
  }
}
