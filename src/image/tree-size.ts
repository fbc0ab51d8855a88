import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The sizes of the files in a tree added up, hard links once; what vanishes meanwhile does not count. */
export async function treeSizeBytes(root: string): Promise<number> {
  const seen = new Set<number>();
  let sizeBytes = 0;
  const todo = [root];
  for (let directory = todo.pop(); directory !== undefined; directory = todo.pop()) {
    for (const entry of readEntries(directory)) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) {
        todo.push(path);
        continue;
      }
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (!stats || (stats.nlink > 1 && seen.has(stats.ino))) continue;
      if (stats.nlink > 1) seen.add(stats.ino);
      sizeBytes += stats.size;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return sizeBytes;
}

function readEntries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}
