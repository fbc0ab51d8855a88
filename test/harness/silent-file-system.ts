/**
 * A file system that does not answer, as a dead sshfs is one: mounted by FUSE, its server (this process) takes requests
 * and says nothing. Whoever touches it then waits beyond the reach of signals. It ends with `end`, or with this
 * process. Nothing in this process may touch it.
 */
import { closeSync, mkdirSync, openSync, constants, readSync, writeSync } from 'node:fs';
import { runInMountNamespace } from '../../src/kernel/mount-namespace.ts';
import { mount, unmount } from '../../src/kernel/mount.ts';

const OPCODE_INIT = 26;
const HEADER_BYTES = 16;
const POLL_MS = 5;

export class SilentFileSystem {
  readonly path: string;
  readonly #device = openSync('/dev/fuse', constants.O_RDWR | constants.O_NONBLOCK);
  readonly #request = Buffer.alloc(256 * 1024);
  readonly #inside: (work: () => void) => void;
  #timer: NodeJS.Timeout | undefined;
  /** What was asked of it so far. */
  asked = 0;

  /** In the mount namespace of that file, else in this process's. */
  constructor(path: string, namespace?: string) {
    this.path = path;
    this.#inside = (work) => (namespace === undefined ? work() : runInMountNamespace(namespace, work));
    mkdirSync(path, { recursive: true });
    this.#inside(() =>
      mount({
        source: 'silent',
        target: path,
        type: 'fuse',
        data: `fd=${this.#device},rootmode=40000,user_id=0,group_id=0,allow_other`,
      }),
    );
    while (!this.#takeOne()); // the kernel introduces itself at once
    this.#timer = setInterval(() => {
      while (this.#takeOne());
    }, POLL_MS);
  }

  #takeOne(): boolean {
    try {
      readSync(this.#device, this.#request);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
    if (this.#request.readUInt32LE(4) === OPCODE_INIT) this.#introduce();
    else this.asked++;
    return true;
  }

  // struct fuse_out_header { len, error, unique }, struct fuse_init_out { major, minor, max_readahead, flags, ...,
  // max_write, ... }
  #introduce(): void {
    const answer = Buffer.alloc(HEADER_BYTES + 64);
    answer.writeUInt32LE(answer.length, 0);
    this.#request.copy(answer, 8, 8, 16);
    answer.writeUInt32LE(7, HEADER_BYTES);
    answer.writeUInt32LE(31, HEADER_BYTES + 4);
    answer.writeUInt32LE(4096, HEADER_BYTES + 20);
    writeSync(this.#device, answer);
  }

  /** Whoever waits gets an error; the mount is gone from where this process sees it. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    closeSync(this.#device);
    this.#inside(() => unmount(this.path, { detach: true }));
  }
}
