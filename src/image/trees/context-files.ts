/** Single files of a tree with untrusted content. */
import { errorKind } from '../../base/errors.ts';
import { invalid } from '../../base/errors.ts';
import { closeFd } from '../../kernel/descriptors.ts';
import { removeEntry } from '../../kernel/remove-entry.ts';
import { openRegularFile, whenNotLeased } from '../../kernel/regular-file.ts';
import { asBytes, resolveBytes } from '../../kernel/root-path.ts';
import { posix } from 'node:path';
import { fileContent } from './file-content.ts';

/** Undefined where there is no regular file of that name. @throws invalid where it is longer */
export async function readTextFile(root: string, path: string, maxBytes: number): Promise<string | undefined> {
  const found = await whenNotLeased(path, () => openRegularFile(root, path));
  if (!found) return undefined;
  try {
    if (found.stats.size > maxBytes) throw invalid(`${path} is longer than ${maxBytes} bytes`);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const piece of fileContent(found.fd, path)) {
      size += piece.length;
      if (size > maxBytes) throw invalid(`${path} is longer than ${maxBytes} bytes`);
      parts.push(Buffer.from(piece));
    }
    return Buffer.concat(parts).toString();
  } finally {
    closeFd(found.fd);
  }
}

/** What is not there is fine. */
export function removeFile(root: string, path: string): void {
  removeNamed(root, asBytes(path));
}

/** The same for a path of bytes. */
export function removeNamed(root: string, path: string): void {
  try {
    const parent = resolveBytes({ root }, posix.dirname(`/${path}`), { followLast: true });
    try {
      removeEntry(parent.fd, posix.basename(path));
    } finally {
      parent.close();
    }
  } catch (error) {
    if (errorKind(error) !== 'notFound') throw error;
  }
}
