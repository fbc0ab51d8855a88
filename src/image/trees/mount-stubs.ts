/**
 * What a runtime makes for a mount to be put on is no change of a step: empty directories and files on the way to its
 * target that the image does not have.
 */
import { readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { codeBeneath, errorKind } from '../../base/errors.ts';
import { removeEntry } from '../../kernel/remove-entry.ts';
import { asBytes, evaluateInRoot, resolveInRoot } from '../../kernel/root-path.ts';

/** The paths that are missing in the image, the deepest first. */
export function missingPlaces(root: string, targets: readonly string[]): string[] {
  const missing = new Set<string>();
  for (const target of targets)
    for (let path = evaluateInRoot({ root }, target); path !== '/' && !isThere(root, path); path = posix.dirname(path))
      missing.add(path);
  return [...missing].sort((a, b) => b.split('/').length - a.split('/').length);
}

/** Takes away those of them that are empty; `root` is what the step has changed. */
export function removeStubs(root: string, places: readonly string[]): void {
  for (const place of places) {
    if (!isEmpty(root, place)) continue;
    const parent = resolveInRoot({ root }, posix.dirname(place), { followLast: false });
    try {
      removeEntry(parent.fd, asBytes(posix.basename(place)));
    } finally {
      parent.close();
    }
  }
}

function isThere(root: string, path: string): boolean {
  return look(root, path, () => true) ?? false;
}

function isEmpty(root: string, path: string): boolean {
  return (
    look(root, path, (found) =>
      found.isDirectory ? readdirSync(found.hostPath).length === 0 : found.stats.isFile() && found.stats.size === 0n,
    ) ?? false
  );
}

function look<T>(root: string, path: string, at: (found: ReturnType<typeof resolveInRoot>) => T): T | undefined {
  try {
    const found = resolveInRoot({ root }, path, { followLast: false });
    try {
      return at(found);
    } finally {
      found.close();
    }
  } catch (error) {
    // A step may have put a file or a circle of links in its way: what was made for the mount is elsewhere then.
    if (errorKind(error) === 'notFound' || codeBeneath(error, ['ELOOP', 'ENOTDIR']) !== undefined) return undefined;
    throw error;
  }
}
