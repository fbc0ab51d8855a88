/**
 * What the daemon and a process that reads or writes one archive for it send to each other: one request, then events, a
 * line of JSON each.
 */
import type { ToldError } from '../base/errors.ts';
import type { ArchiveRoot, PutOptions } from './archive.ts';
import type { PathStat } from '../model/path-stat.ts';

export type ArchiveOrder =
  | { readonly do: 'stat' | 'get'; readonly root: ArchiveRoot; readonly path: string }
  | { readonly do: 'put'; readonly root: ArchiveRoot; readonly path: string; readonly options: PutOptions };

export type ArchiveNews =
  /** It knows its order, and touches file systems from now on. */
  | { readonly news: 'begun' }
  /** What was asked for is found; `stat` is absent where an archive is put. */
  | { readonly news: 'found'; readonly stat?: PathStat }
  | { readonly news: 'done' }
  | ({ readonly news: 'failed' } & ToldError);

/** The process's descriptors; the archive is its standard input, or output. */
export const ORDER_FD = 3;
export const NEWS_FD = 4;
