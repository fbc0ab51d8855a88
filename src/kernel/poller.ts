/** Many descriptors under one: epoll, for a process that reads hundreds of sockets; and eventfd, to wake it. */
import { closeFd } from './descriptors.ts';
import { check, KernelError } from './errors.ts';
import { FdWatch } from './fd-watch.ts';
import { epollCreate1, epollCtl, epollWait, errnoOfLastCall, eventfd, read, write } from './ffi.ts';

const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
// struct epoll_event is packed on x86-64 only.
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const EVENTS_MAX = 256;

/**
 * Level-triggered readiness of any number of descriptors. `wait` blocks the thread (a Worker's), `watch` lets Node's
 * loop do the waiting. A descriptor that is closed leaves by itself if there is no other copy of it; `remove` is safer.
 */
export class Poller {
  readonly fd: number;
  readonly #events = Buffer.alloc(EVENT_BYTES * EVENTS_MAX);
  readonly #event = Buffer.alloc(EVENT_BYTES);
  #watch: FdWatch | undefined;

  constructor() {
    this.fd = check(epollCreate1(EPOLL_CLOEXEC), 'create epoll descriptor');
  }

  /**
   * Once for each descriptor: KernelError EEXIST if it is in already. `hangup`: it counts as ready not when it can be
   * read, but when both its directions have ended, or it has failed. `key`: what `wait` names in place of its number.
   */
  add(fd: number, { hangup = false, key = fd } = {}): void {
    this.#event.writeUInt32LE(hangup ? 0 : EPOLLIN, 0); // EPOLLHUP and EPOLLERR are reported in any case
    this.#event.writeInt32LE(key, DATA_OFFSET);
    check(epollCtl(this.fd, EPOLL_CTL_ADD, fd, this.#event), `watch descriptor ${fd}`);
  }

  remove(fd: number): void {
    check(epollCtl(this.fd, EPOLL_CTL_DEL, fd, this.#event), `stop watching descriptor ${fd}`);
  }

  /**
   * The descriptors that can be read, at most 256 of them; -1 waits without end, 0 not at all. A signal ends it early:
   * [].
   */
  wait(timeoutMs: number): number[] {
    const count = epollWait(this.fd, this.#events, EVENTS_MAX, timeoutMs);
    if (count < 0) {
      const error = new KernelError('wait for descriptors', errnoOfLastCall());
      if (error.code === 'EINTR') return [];
      throw error;
    }
    const ready: number[] = [];
    for (let index = 0; index < count; index++) ready.push(this.#events.readInt32LE(index * EVENT_BYTES + DATA_OFFSET));
    return ready;
  }

  /** Calls `ready` from Node's event loop with what can be read, as long as something can. Keeps the process alive. */
  watch(ready: (fds: number[]) => void): FdWatch {
    this.#watch?.close();
    this.#watch = new FdWatch(this.fd, { readable: true }, () => ready(this.wait(0)));
    return this.#watch;
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
    closeFd(this.fd);
  }
}

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;

/** A counter that is a descriptor: readable while it is not zero. Non-blocking. */
export function openEventfd(): number {
  return check(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), 'create eventfd');
}

const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
const count = Buffer.alloc(8);

export function signalEventfd(fd: number): void {
  check(write(fd, one, 8), `signal eventfd ${fd}`);
}

/** Takes the count back to zero; true if it was not. */
export function drainEventfd(fd: number): boolean {
  if (read(fd, count, 8) === 8) return true;
  const error = new KernelError(`read eventfd ${fd}`, errnoOfLastCall());
  if (error.code === 'EAGAIN') return false;
  throw error;
}
