/** A whole tree on its way out: its entries, the content of one of its files, or all of it as an archive. */
import { Readable } from 'node:stream';
import { notFound } from '../../base/errors.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../../kernel/descriptors.ts';
import { asText, resolveBytes } from '../../kernel/root-path.ts';
import { fileContent } from './file-content.ts';
import { gathered } from './gathered.ts';
import { ARCHIVE_END, archiveTree } from './tree-archive.ts';
import { walkTree, type TreeEntry } from './tree-walk.ts';

/** In the order of their names, without the root itself. */
export async function* entriesOf(root: string, signal: AbortSignal): AsyncGenerator<TreeEntry> {
  const fd = openFd(root, O_PATH | O_DIRECTORY);
  try {
    for await (const entry of walkTree(fd, { signal })) if (entry.name !== '') yield entry;
  } finally {
    closeFd(fd);
  }
}

/** `name` is bytes. @throws notFound where there is no regular file of that name */
export async function* contentAt(root: string, name: string): AsyncGenerator<Buffer> {
  const found = resolveBytes({ root }, name, { followLast: false });
  try {
    if (!found.stats.isFile()) throw notFound(`${asText(name)} is not a regular file any more`);
    yield* fileContent(found.fd, asText(name));
  } finally {
    found.close();
  }
}

export function archiveOf(root: string, signal: AbortSignal): Readable {
  return Readable.from(gathered(archive(root, signal)), { objectMode: false, highWaterMark: 256 * 1024 });
}

async function* archive(root: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const fd = openFd(root, O_PATH | O_DIRECTORY);
  try {
    yield* archiveTree(fd, { place: (name) => (name === '' ? undefined : name), owner: undefined, signal });
    yield ARCHIVE_END;
  } finally {
    closeFd(fd);
  }
}
