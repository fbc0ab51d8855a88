/** Which files of a tree the sources of a COPY mean. Links are followed inside the tree, as Docker does it. */
import { notFound } from '../../base/errors.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../../kernel/descriptors.ts';
import { asBytes, asText, pathComponents, resolveInRoot, type RootPath } from '../../kernel/root-path.ts';
import { walkTree, type Wanted } from './tree-walk.ts';

export interface TreeSource {
  /** As it was asked for, without '/' in front: what a copy of a file is called by. */
  readonly path: string;
  readonly isDirectory: boolean;
}

/** @throws notFound */
export function openSource(root: string, path: string): RootPath {
  try {
    return resolveInRoot({ root }, path, { followLast: true });
  } catch (error) {
    throw notFound(`stat ${path}: file does not exist`, error);
  }
}

export function oneSource(root: string, path: string): TreeSource {
  const clean = cleanPath(path);
  const found = openSource(root, clean);
  try {
    return { path: clean, isDirectory: found.isDirectory };
  } finally {
    found.close();
  }
}

/** All whose path matches, in the order of their names. */
export async function matchingSources(
  root: string,
  matches: (path: string) => boolean,
  options: {
    readonly wants?: (name: string, isDirectory: boolean) => Wanted;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<TreeSource[]> {
  const paths: string[] = [];
  const fd = openFd(root, O_PATH | O_DIRECTORY);
  try {
    for await (const { name } of walkTree(fd, options)) {
      const path = asText(name);
      if (name !== '' && matches(path)) paths.push(path);
    }
  } finally {
    closeFd(fd);
  }
  return paths.map((path) => oneSource(root, path));
}

/** 'a/b' for '/a/./b/' and '../a/b': nothing is above the root. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of pathComponents(asBytes(path))) {
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return asText(parts.join('/'));
}
