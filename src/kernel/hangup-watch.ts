/**
 * Tells when a connection is over in both directions. A stream that was read to its end does not: the other side may
 * have closed its half and still read, and libuv watches no longer. The kernel tells the two apart (EPOLLHUP).
 */
import { isKernelError } from './errors.ts';
import { Poller } from './poller.ts';

interface Watched {
  readonly fd: number;
  readonly gone: () => void;
}

/** One epoll set for any number of connections. It keeps no process alive. */
export class HangupWatch {
  readonly #poller = new Poller();
  /**
   * By numbers of their own: that of a descriptor may be another's while a program that is being started still has a
   * copy of the old one.
   */
  readonly #watched = new Map<number, Watched>();
  readonly #keys = new Map<number, number>(); // the latest of each descriptor
  #last = 0;

  constructor() {
    this.#poller.watch((keys) => keys.forEach((key) => this.#tell(key))).unref();
  }

  /**
   * Calls `gone` once when both directions of a connected socket have ended, be it that the other side has closed it (of
   * TCP that is known once it has answered with a reset), in the next turn of the loop where it is so already. What is
   * returned ends the watching: before the descriptor is closed or soon after. One watch for a descriptor.
   */
  add(fd: number, gone: () => void): () => void {
    this.#last = (this.#last + 1) & 0x7fffffff;
    const key = this.#last;
    this.#poller.add(fd, { hangup: true, key });
    this.#watched.set(key, { fd, gone });
    this.#keys.set(fd, key);
    return () => this.#forget(key);
  }

  close(): void {
    this.#watched.clear();
    this.#keys.clear();
    this.#poller.close();
  }

  #tell(key: number): void {
    const watched = this.#watched.get(key);
    this.#forget(key);
    watched?.gone();
  }

  #forget(key: number): void {
    const watched = this.#watched.get(key);
    if (!watched) return;
    this.#watched.delete(key);
    // The descriptor may be closed, and its number another's, which is watched since.
    if (this.#keys.get(watched.fd) !== key) return;
    this.#keys.delete(watched.fd);
    try {
      this.#poller.remove(watched.fd);
    } catch (error) {
      // With the last copy of a descriptor its entry goes. The number may be that of something else by now, which is not
      // watched, or as a file cannot be.
      if (!['ENOENT', 'EBADF', 'EPERM'].some((name) => isKernelError(error, name))) throw error;
    }
  }
}
