/** A process for one archive (archive-main.ts), seen from the daemon. */
import { fileURLToPath } from 'node:url';
import { Socket } from 'node:net';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorCode, systemError, toldError } from '../base/errors.ts';
import { closeFd, openFd } from '../kernel/descriptors.ts';
import { kill } from '../kernel/process.ts';
import type { SilentMounts, TouchingChild } from '../kernel/silent-mounts.ts';
import { childEnd, openPipe, spawnProgram } from '../kernel/spawn.ts';
import type { ArchiveNews, ArchiveOrder } from './archive-messages.ts';
import type { PathStat } from '../model/path-stat.ts';

export const ARCHIVE_PROGRAM = fileURLToPath(new URL('./archive.mjs', import.meta.url));
const SIGKILL = 9;
const PIPE_BYTES = 256 * 1024;

export class ArchiveProcess implements TouchingChild<void> {
  readonly pid: number;
  /** Rejects with what it failed with. */
  readonly done: Promise<void>;
  readonly #silent: SilentMounts;
  readonly #begun: Promise<void>;
  readonly #found: Promise<PathStat | undefined>;
  /** The other end of its standard input or output. */
  readonly #data: Socket;
  #hear!: (news: ArchiveNews) => void;
  #ended = false;

  constructor(order: ArchiveOrder, silent: SilentMounts) {
    this.#silent = silent;
    const [data, orders, news] = [openPipe(), openPipe(), openPipe()];
    const nothing = openFd('/dev/null', 2);
    const puts = order.do === 'put';
    const theirs = [nothing, data[puts ? 'readFd' : 'writeFd'], orders.readFd, news.writeFd];
    const ours = [data[puts ? 'writeFd' : 'readFd'], orders.writeFd, news.readFd];
    try {
      const [input, output] = puts ? [data.readFd, nothing] : [nothing, data.writeFd];
      this.pid = spawnProgram({
        file: process.execPath,
        args: ['--', ARCHIVE_PROGRAM],
        env: { PATH: process.env['PATH'] ?? '' },
        cwd: '/',
        fds: [input, output, 2, orders.readFd, news.writeFd],
      });
    } catch (error) {
      ours.forEach(closeFd);
      throw error;
    } finally {
      theirs.forEach(closeFd);
    }
    this.#data = new Socket({ fd: ours[0]!, readable: !puts, writable: puts });
    this.#data.on('error', () => {}); // reported by the pipeline
    new Socket({ fd: orders.writeFd, readable: false, writable: true })
      .on('error', () => {})
      .end(JSON.stringify(order));
    let begin: () => void;
    this.#begun = new Promise((resolve) => (begin = resolve));
    let find: (stat: PathStat | undefined) => void;
    const found = new Promise<PathStat | undefined>((resolve) => (find = resolve));
    let last: ArchiveNews | undefined;
    this.#hear = (said) => {
      last = said;
      if (said.news === 'begun') begin();
      if (said.news === 'found') find(said.stat);
    };
    this.done = this.#listen(news.readFd).then(() => {
      if (last?.news === 'failed') throw toldError(last);
      if (last?.news !== 'done') throw systemError('the process that reads or writes the archive has ended');
    });
    this.#found = Promise.race([found, this.done.then(() => found)]);
    for (const promise of [this.done, this.#found]) promise.catch(() => {});
  }

  async #listen(fd: number): Promise<void> {
    let rest = '';
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on('data', (chunk: Buffer) => {
      const lines = `${rest}${chunk.toString('latin1')}`.split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#hear(JSON.parse(Buffer.from(line, 'latin1').toString()) as ArchiveNews);
    });
    await new Promise<void>((resolve) => socket.on('error', () => {}).on('close', () => resolve()));
    await childEnd(this.pid);
    this.#ended = true;
  }

  /** What it has found, in time. @throws SilentMountError; what it failed with */
  async found(): Promise<PathStat | undefined> {
    try {
      await Promise.race([this.#begun, this.done]);
      return await this.#silent.hear(this, this.#found);
    } catch (error) {
      this.#data.destroy();
      throw error;
    }
  }

  /** The archive that it reads. */
  get archive(): Readable {
    const output = new PassThrough({ highWaterMark: PIPE_BYTES });
    const run = async (): Promise<void> => {
      await pipeline(this.#data, output, { end: false });
      await this.done;
      output.end();
    };
    run().catch((error: unknown) => {
      this.abandon();
      output.destroy(error as Error);
    });
    return output;
  }

  /** Has the archive written. */
  async feed(tar: Readable): Promise<void> {
    const fed = pipeline(tar, this.#data).catch((error: unknown) => {
      if (errorCode(error) === 'EPIPE' || this.#ended) return; // it has failed, and says why
      this.abandon();
      throw error;
    });
    // After a failure nothing is read any more, by the caller either.
    const done = this.done.catch((error: Error) => {
      tar.destroy();
      throw error;
    });
    await Promise.all([fed, done]);
  }

  /** Ends it; where that takes long it counts as one that hangs. */
  abandon(): void {
    this.#data.destroy();
    if (this.#ended) return;
    kill(this.pid, SIGKILL);
    this.#silent
      .hear(
        this,
        this.done.catch(() => {}),
      )
      .catch(() => {});
  }
}
