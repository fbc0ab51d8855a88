/** What is in a directory, by name: to tell what of it is as it should be. */
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../../kernel/descriptors.ts';
import { walkTree } from './tree-walk.ts';

export interface ListedEntry {
  /** As in archives: '0' file, '2' link, '3' '4' devices, '5' directory, '6' pipe or socket. */
  readonly type: string;
  readonly permissions: number;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly linkTarget: string;
}

/** Names and targets of links are bytes (latin1); the directory itself is not in it. */
export async function listTree(root: string, signal: AbortSignal): Promise<Map<string, ListedEntry>> {
  const listed = new Map<string, ListedEntry>();
  const fd = openFd(root, O_PATH | O_DIRECTORY);
  try {
    for await (const { name, stats, linkTarget } of walkTree(fd, { signal })) {
      if (name === '') continue;
      listed.set(name, {
        type: stats.isFile()
          ? '0'
          : stats.isSymbolicLink()
            ? '2'
            : stats.isCharacterDevice()
              ? '3'
              : stats.isBlockDevice()
                ? '4'
                : stats.isDirectory()
                  ? '5'
                  : '6',
        permissions: Number(stats.mode) & 0o7777,
        sizeBytes: Number(stats.size),
        mtimeNs: stats.mtimeNs,
        linkTarget,
      });
    }
  } finally {
    closeFd(fd);
  }
  return listed;
}
