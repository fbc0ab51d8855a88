/**
 * The layer between an image and its containers: the mount points that every container needs. It lies below the
 * container's own directory, so that they are no change of the container's. What it holds are empty files and
 * directories; a directory that the image has too keeps the image's owner and mode.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

const DIRECTORIES = ['dev', 'dev/pts', 'dev/shm', 'etc', 'proc', 'sys'];
const FILES = ['.dockerenv', 'dev/console', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf'];

/** Makes the layer at `path` unless it is there. `layers` are the image's directories, the topmost first. */
export function ensureInitLayer(path: string, layers: readonly string[]): void {
  if (existsSync(path)) return;
  const beside = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(beside, { recursive: true });
    const like = (name: string) => {
      const found = lookup(layers, name);
      if (!found?.isDirectory()) return;
      const target = join(beside, name);
      chownSync(target, found.uid, found.gid);
      chmodSync(target, found.mode & 0o7777);
      utimesSync(target, found.atime, found.mtime);
    };
    for (const name of DIRECTORIES) mkdirSync(join(beside, name), { mode: 0o755 });
    for (const name of FILES)
      writeFileSync(join(beside, name), '', { mode: name === '.dockerenv' || name === 'dev/console' ? 0o755 : 0o644 });
    if (!lookup(layers, 'etc/mtab')) symlinkSync('/proc/mounts', join(beside, 'etc/mtab'));
    // Times last: making something inside changes them.
    for (const name of [...DIRECTORIES].reverse()) like(name);
    like('');
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { recursive: true, force: true });
    throw error;
  }
}

/**
 * What the topmost layer that has something of that name has there; undefined if something on the way is no directory.
 */
function lookup(layers: readonly string[], name: string): Stats | undefined {
  for (const layer of layers) {
    let path = layer;
    let stats = lstatSync(path, { throwIfNoEntry: false });
    for (const part of name.split('/').filter((item) => item !== '')) {
      if (stats && !stats.isDirectory()) return undefined;
      path = join(path, part);
      stats = stats && lstatSync(path, { throwIfNoEntry: false });
    }
    if (stats) return stats;
  }
  return undefined;
}
