/** What `docker cp` is told of a path in a container. */
export interface PathStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number; // Go's os.FileMode bits, as in Docker's X-Docker-Container-Path-Stat
  readonly mtime: string;
  readonly linkTarget: string;
}
