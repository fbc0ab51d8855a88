/** A tree, or a part of it, as an archive under other names and with other owners: what COPY puts into an image. */
import { padding, formatTarHeader, TAR_BLOCK, type PaxRecords, type TarHeader } from '../../base/tar-headers.ts';
import { asText } from '../../kernel/root-path.ts';
import { fileContent } from './file-content.ts';
import { walkTree, type TreeEntry, type WalkOptions } from './tree-walk.ts';

export interface ArchiveOptions extends WalkOptions {
  /** Where an entry is to be; undefined = nowhere. Both are bytes, without '/' in front. */
  readonly place: (name: string) => string | undefined;
  /** undefined = the files' own. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined;
  readonly mode?: (mode: number, isDirectory: boolean) => number;
}

/** Entries without the end blocks, for more to follow. */
export async function* archiveTree(fd: number, options: ArchiveOptions): AsyncGenerator<Buffer> {
  /** Names of files that have several, by their number. */
  const links = new Map<string, string>();
  for await (const entry of walkTree(fd, options)) {
    const name = options.place(entry.name);
    if (name === undefined || entry.stats.isSocket()) continue;
    const { stats } = entry;
    const key = `${stats.dev}:${stats.ino}`;
    const earlier = stats.nlink > 1n && !stats.isDirectory() ? links.get(key) : undefined;
    if (earlier !== undefined) {
      yield formatTarHeader({ ...headerOf(entry, name, options), type: '1', sizeBytes: 0, linkName: earlier });
      continue;
    }
    if (stats.nlink > 1n && !stats.isDirectory()) links.set(key, name);
    const header = headerOf(entry, name, options);
    yield formatTarHeader(header, recordsOf(entry));
    if (stats.isFile()) yield* contentOf(entry, header.sizeBytes);
  }
}

export const ARCHIVE_END = Buffer.alloc(2 * TAR_BLOCK);

async function* contentOf(entry: TreeEntry, sizeBytes: number): AsyncGenerator<Buffer> {
  let left = sizeBytes;
  if (left > 0) {
    for await (const piece of fileContent(entry.fd, asText(entry.name))) {
      const part = Buffer.from(piece.subarray(0, left));
      left -= part.length;
      yield part;
      if (left === 0) break;
    }
  }
  // It has become shorter since: what the header promised comes as zeros, as tar does it.
  for (; left > 0; left -= Math.min(left, ZEROS.length)) yield ZEROS.subarray(0, left);
  yield padding(sizeBytes);
}

const ZEROS = Buffer.alloc(64 * 1024);

function headerOf({ stats, linkTarget }: TreeEntry, name: string, options: ArchiveOptions): TarHeader {
  const { rdev } = stats;
  const isDevice = stats.isCharacterDevice() || stats.isBlockDevice();
  const mode = Number(stats.mode) & 0o7777;
  return {
    name,
    mode: options.mode && !stats.isSymbolicLink() ? options.mode(mode, stats.isDirectory()) : mode,
    uid: options.owner?.uid ?? Number(stats.uid),
    gid: options.owner?.gid ?? Number(stats.gid),
    sizeBytes: stats.isFile() ? Number(stats.size) : 0,
    mtimeS: Number(stats.mtimeNs / 1_000_000_000n),
    type: typeOf(stats),
    linkName: linkTarget,
    userName: '',
    groupName: '',
    deviceMajor: isDevice ? Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn)) : 0,
    deviceMinor: isDevice ? Number((rdev & 0xffn) | ((rdev >> 12n) & ~0xffn)) : 0,
  };
}

function typeOf(stats: TreeEntry['stats']): string {
  if (stats.isFile()) return '0';
  if (stats.isSymbolicLink()) return '2';
  if (stats.isCharacterDevice()) return '3';
  if (stats.isBlockDevice()) return '4';
  return stats.isDirectory() ? '5' : '6';
}

function recordsOf({ stats, xattrs }: TreeEntry): PaxRecords {
  const records: PaxRecords = new Map();
  const { mtimeNs } = stats;
  const second = 1_000_000_000n;
  if (mtimeNs % second !== 0n && mtimeNs > 0n)
    records.set('mtime', `${mtimeNs / second}.${`${mtimeNs % second}`.padStart(9, '0')}`);
  for (const [key, value] of xattrs)
    if (!key.startsWith('trusted.')) records.set(`SCHILY.xattr.${key}`, value.toString('latin1'));
  return records;
}
