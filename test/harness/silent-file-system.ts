/**
 * A file system that does not answer, as a dead sshfs is one: mounted by FUSE, its server (this process) takes requests
 * and says nothing. Whoever touches it then waits beyond the reach of signals. It ends with `end`, or with this
 * process. Nothing in this process may touch it.
 */
import { mkdirSync } from 'node:fs';
import { runInMountNamespace } from '../../src/kernel/mount-namespace.ts';
import { unmount } from '../../src/kernel/mount.ts';
import { FuseDevice, INIT, type FuseRequest } from './fuse-device.ts';

const POLL_MS = 5;

export class SilentFileSystem {
  readonly path: string;
  readonly #device = new FuseDevice();
  readonly #inside: (work: () => void) => void;
  #isServed = false;
  /** What was asked of it so far. */
  asked = 0;

  /** In the mount namespace of that file, else in this process's. */
  constructor(path: string, namespace?: string) {
    this.path = path;
    this.#inside = (work) => (namespace === undefined ? work() : runInMountNamespace(namespace, work));
    mkdirSync(path, { recursive: true });
    this.#inside(() => this.#device.mount('silent', path));
    while (!this.#device.takeOne((request) => this.#take(request))); // the kernel introduces itself at once
    this.#device.serve(POLL_MS, (request) => this.#take(request));
    this.#isServed = true;
  }

  #take({ opcode }: FuseRequest): void {
    if (opcode === INIT) this.#device.introduce();
    else this.asked++;
  }

  /** Whoever waits gets an error; the mount is gone from where this process sees it. */
  end(): void {
    if (!this.#isServed) return;
    this.#isServed = false;
    this.#device.close();
    this.#inside(() => unmount(this.path, { detach: true }));
  }
}
