/**
 * cp into and out of a container's file system: here where all that its paths can reach is on this machine, and in a
 * process of its own where there are file systems that another process or host serves, or fails to.
 */
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { leadToServed, type SilentMounts } from '../kernel/silent-mounts.ts';
import { ARCHIVE_PROGRAM, ArchiveProcess } from './archive-process.ts';
import { getArchive, placeMounts, putArchive, statPath, type ArchiveRoot, type PutOptions } from './archive.ts';
import { borrow } from './borrowed-stream.ts';
import { decompressStream } from './compression.ts';
import type { PathStat } from '../model/path-stat.ts';

/** Next to the daemon's own program. A run from sources, or a build with hooks for tests, has none. */
const hasProcesses = existsSync(ARCHIVE_PROGRAM);

const placed = (root: ArchiveRoot): ArchiveRoot => ({ ...root, ...placeMounts(root) });

export class Archives {
  readonly #silent: SilentMounts;

  constructor(silent: SilentMounts) {
    this.#silent = silent;
  }

  #mayBeHeldUp({ mounts = [] }: ArchiveRoot): boolean {
    return hasProcesses && mounts.length > 0 && leadToServed(mounts.map(({ source }) => source));
  }

  #told(root: ArchiveRoot): ArchiveRoot {
    return { ...root, silent: this.#silent.mountIds };
  }

  async stat(root: ArchiveRoot, path: string): Promise<PathStat> {
    if (!this.#mayBeHeldUp(root)) return statPath(placed(root), path);
    const process = new ArchiveProcess({ do: 'stat', root: this.#told(root), path }, this.#silent);
    try {
      return (await process.found())!;
    } finally {
      process.abandon(); // all is reported
    }
  }

  async get(root: ArchiveRoot, path: string): Promise<{ stat: PathStat; tar: Readable }> {
    if (!this.#mayBeHeldUp(root)) return getArchive(placed(root), path);
    const process = new ArchiveProcess({ do: 'get', root: this.#told(root), path }, this.#silent);
    return { stat: (await process.found())!, tar: process.archive };
  }

  async put(root: ArchiveRoot, path: string, tar: Readable, options: PutOptions): Promise<void> {
    if (!this.#mayBeHeldUp(root)) return putArchive(placed(root), path, tar, options);
    const process = new ArchiveProcess({ do: 'put', root: this.#told(root), path, options }, this.#silent);
    await process.found();
    const { stream } = await decompressStream(borrow(tar)).catch((error: unknown) => {
      process.abandon();
      throw error;
    });
    await process.feed(stream);
  }
}
