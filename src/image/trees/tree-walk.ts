/**
 * What is in a tree with untrusted content, entry by entry: every step starts from a descriptor, links are looked at and
 * never followed. Names are bytes: latin1 strings, a character a byte.
 */
import { fstatSync, readdirSync, type BigIntStats } from 'node:fs';
import { invalid } from '../../base/errors.ts';
import { closeFd } from '../../kernel/descriptors.ts';
import { asText, MAX_PATH_BYTES, openChild, readLink } from '../../kernel/root-path.ts';
import { readXattrs } from '../../kernel/xattr.ts';

export interface TreeEntry {
  /** Below where the walk began, 'a/b'; '' for that itself. */
  readonly name: string;
  readonly stats: BigIntStats;
  /** O_PATH; good until the next entry is asked for. */
  readonly fd: number;
  /** '' where it is no symbolic link. */
  readonly linkTarget: string;
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** `below`: what is in a directory that is not wanted itself may be. */
export type Wanted = 'yes' | 'no' | 'below';

export interface WalkOptions {
  readonly wants?: (name: string, isDirectory: boolean) => Wanted;
  /** The size of what is read is told before it is; throws where that is too much. */
  readonly signal?: AbortSignal | undefined;
}

/** So many are gone through, or for so long, before others get their turn: there may be thousands of patterns to compare with. */
const ENTRIES_AT_ONCE = 64;
const MS_AT_ONCE = 5;

/**
 * What the O_PATH descriptor names, and all below it in the order of their names; the descriptor stays the caller's.
 * @throws invalid for what is deeper than a path reaches: each directory on the way holds a descriptor
 */
export async function* walkTree(fd: number, options: WalkOptions = {}): AsyncGenerator<TreeEntry> {
  let count = 0;
  let sinceMs = performance.now();
  yield* walk(fd, '');

  async function* walk(place: number, name: string): AsyncGenerator<TreeEntry> {
    if (++count % ENTRIES_AT_ONCE === 0 || performance.now() - sinceMs >= MS_AT_ONCE) {
      await new Promise((resolve) => setImmediate(resolve));
      sinceMs = performance.now();
    }
    options.signal?.throwIfAborted();
    if (name.length > MAX_PATH_BYTES) throw invalid(`${asText(name.slice(0, 60))}...: file name too long`);
    const stats = fstatSync(place, { bigint: true });
    const isDirectory = stats.isDirectory();
    const wanted = name === '' ? 'yes' : (options.wants?.(name, isDirectory) ?? 'yes');
    if (wanted === 'no') return;
    if (wanted === 'yes')
      yield {
        name,
        stats,
        fd: place,
        linkTarget: stats.isSymbolicLink() ? readLink(place) : '',
        xattrs: readXattrs(place),
      };
    if (!isDirectory) return;
    for (const child of readdirSync(`/proc/self/fd/${place}`, { encoding: 'latin1' }).sort()) {
      const fd = openChild(place, child);
      try {
        yield* walk(fd, name === '' ? child : `${name}/${child}`);
      } finally {
        closeFd(fd);
      }
    }
  }
}
