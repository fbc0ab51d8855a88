import { closeSync, fsyncSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * What has got a name in these directories, or lost one, has so on the disk when it resolves. One that is gone is let
 * be.
 */
export async function syncDirectories(...paths: readonly string[]): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      const directory = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      await directory?.sync().finally(() => directory.close());
    }),
  );
}

/** The same of one directory, at once; it has to be there. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
