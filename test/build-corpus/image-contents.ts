/** What an image comes to, whoever wrote the archive: its files with all layers applied, and its configuration. */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract, type Header } from 'tar-stream';

export interface ImageContents {
  /** A line a file, by its path. */
  readonly files: ReadonlyMap<string, string>;
  readonly config: Readonly<Record<string, unknown>>;
}

interface ManifestItem {
  readonly Config: string;
  readonly RepoTags: readonly string[] | null;
  readonly Layers: readonly string[];
}

interface FoundFile {
  readonly about: string;
  /** Names of one file have one number. */
  readonly inode: number;
}

/** Of each name in an unpacked `docker save`. */
export async function readImages(directory: string): Promise<ReadonlyMap<string, ImageContents>> {
  const items = JSON.parse(readFileSync(join(directory, 'manifest.json'), 'utf8')) as ManifestItem[];
  const found = new Map<string, ImageContents>();
  for (const item of items) {
    const files = new Map<string, FoundFile>();
    for (const layer of item.Layers) await apply(files, join(directory, layer));
    const config = JSON.parse(readFileSync(join(directory, item.Config), 'utf8')) as Record<string, unknown>;
    for (const tag of item.RepoTags ?? []) found.set(tag, { files: shown(files), config });
  }
  return found;
}

let inodes = 0;

async function apply(files: Map<string, FoundFile>, layer: string): Promise<void> {
  const here = new Set<string>();
  const remove = (path: string, alsoItself: boolean): void => {
    for (const other of files.keys())
      if (!here.has(other) && ((alsoItself && other === path) || other.startsWith(`${path}/`))) files.delete(other);
  };
  for await (const entry of createReadStream(layer).pipe(extract())) {
    const { header } = entry;
    const path = `/${header.name.replace(/^(\.?\/)+|\/+$/g, '')}`;
    const name = path.slice(path.lastIndexOf('/') + 1);
    const parent = path.slice(0, path.lastIndexOf('/'));
    const hash = createHash('sha256');
    for await (const piece of entry) hash.update(piece as Buffer);
    if (name === '.wh..wh..opq') remove(parent, false);
    else if (name.startsWith('.wh.')) remove(`${parent}/${name.slice(4)}`, true);
    else if (path !== '/') {
      if (header.type !== 'directory') remove(path, false);
      const target =
        header.type === 'link' ? files.get(`/${(header.linkname ?? '').replace(/^(\.?\/)+/, '')}`) : undefined;
      files.set(path, target ?? { about: aboutOf(header, hash.digest('hex')), inode: inodes++ });
      here.add(path);
    }
  }
}

function aboutOf(header: Header, digest: string): string {
  const { type, mode, uid, gid, linkname, devmajor, devminor } = header;
  const pax = (header.pax ?? {}) as Readonly<Record<string, string>>;
  const xattrs = Object.entries(pax).filter(([key]) => key.startsWith('SCHILY.xattr.'));
  const parts = [type ?? 'file', type === 'symlink' ? '' : ((mode ?? 0) & 0o7777).toString(8), `${uid}:${gid}`];
  if (type === 'symlink') parts.push(linkname ?? '');
  if (type === 'character-device' || type === 'block-device') parts.push(`${devmajor}:${devminor}`);
  if ((type ?? 'file') === 'file') parts.push(digest.slice(0, 16));
  for (const [key, value] of xattrs.sort()) parts.push(`${key}=${value}`);
  return parts.join(' ');
}

function shown(files: ReadonlyMap<string, FoundFile>): Map<string, string> {
  const names = new Map<number, string[]>();
  for (const [path, { inode }] of files) names.set(inode, [...(names.get(inode) ?? []), path]);
  return new Map(
    [...files].map(([path, { about, inode }]) => {
      const others = names.get(inode)!.toSorted();
      return [path, others.length > 1 ? `${about} = ${others.join(' ')}` : about];
    }),
  );
}
