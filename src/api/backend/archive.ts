/** What `docker cp`, `export` and `commit` need of an engine. */
import type { Readable } from 'node:stream';
import type { PathStat } from '../../model/path-stat.ts';

export interface CommitOptions {
  readonly repo: string;
  readonly tag: string;
  readonly comment: string;
  readonly author: string;
  readonly pause: boolean;
  readonly changes: readonly string[]; // Dockerfile lines: 'CMD ["sh"]', 'EXPOSE 80', 'ENV A=b'
}

export interface ArchiveBackend {
  statPath(ref: string, path: string): Promise<PathStat>;
  getArchive(ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }>;
  putArchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  ): Promise<void>;
  exportRootfs(ref: string): Promise<Readable>;
  commit(ref: string, options: CommitOptions): Promise<string>; // the image's id
}
