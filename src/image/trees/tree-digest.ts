/**
 * What a tree is told apart by: names, kinds, modes, owners, attributes, link targets and contents. Not times: a fresh
 * checkout of the same files is the same tree.
 */
import { createHash } from 'node:crypto';
import { asBytes, asText } from '../../kernel/root-path.ts';
import { fileContent } from './file-content.ts';
import { openSource, type TreeSource } from './tree-sources.ts';
import { walkTree, type TreeEntry, type WalkOptions } from './tree-walk.ts';

export interface DigestOptions extends WalkOptions {
  /** Owners count: they are copied, too. */
  readonly owners: boolean;
}

/** Hexadecimal sha256. */
async function digestTree(fd: number, options: DigestOptions): Promise<string> {
  const hash = createHash('sha256');
  for await (const entry of walkTree(fd, options)) {
    hash.update(`${JSON.stringify(headOf(entry, options.owners))}\n`);
    if (entry.stats.isFile()) hash.update(await digestContent(entry));
  }
  return hash.digest('hex');
}

function headOf({ name, stats, linkTarget, xattrs }: TreeEntry, owners: boolean): unknown {
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  return [
    name,
    Number(stats.mode),
    owners ? [Number(stats.uid), Number(stats.gid)] : [],
    linkTarget,
    isDevice ? String(stats.rdev) : '',
    [...xattrs.keys()].sort().map((key) => [key, xattrs.get(key)!.toString('latin1')]),
  ];
}

async function digestContent({ fd, name }: TreeEntry): Promise<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of fileContent(fd, asText(name))) hash.update(piece);
  return hash.digest();
}

/** Of what is found at a path; a link at its end is followed, as the copy does it. */
export async function digestSource(
  root: string,
  source: TreeSource,
  options: Omit<DigestOptions, 'wants'> & { readonly wants?: DigestOptions['wants'] },
): Promise<string> {
  const found = openSource(root, source.path);
  try {
    const { wants } = options;
    const base = asBytes(source.path);
    const full = (name: string): string => (source.isDirectory && base !== '' ? `${base}/${name}` : name || base);
    return await digestTree(found.fd, {
      ...options,
      ...(wants ? { wants: (name: string, isDirectory: boolean) => wants(full(name), isDirectory) } : {}),
    });
  } finally {
    found.close();
  }
}
