/** A created container's processes as Runtime holds them while they live: by pidfd. */
import { closeFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { openPidfd, reapChild, signalPidfd } from '../kernel/spawn.ts';
import { processState } from '../kernel/process.ts';
import { isConmonOf, readPid } from './find-processes.ts';

/**
 * The conmon that continues after the one that was started has forked and ended; undefined when there is none (it says
 * why on its sync pipe). It forks so that what its start-up read in is not resident in each of them: 2 MB instead of 4.
 */
export async function forkedConmon(
  startedPid: number,
  pidFile: string,
  id: string,
): Promise<WatchedProcess | undefined> {
  await new WatchedProcess(startedPid).ended;
  const pid = readPid(pidFile);
  return pid === undefined ? undefined : heldConmon(pid, id);
}

/**
 * A conmon of the container by its number; undefined: it has ended, or the number is another's. Held first, then looked
 * at: numbers are used again.
 */
export function heldConmon(pid: number, id: string): WatchedProcess | undefined {
  const conmon = new WatchedProcess(pid);
  let itIs = false;
  try {
    itIs = conmon.alive && isConmonOf(pid, id);
  } finally {
    if (!itIs) conmon.release();
  }
  return itIs ? conmon : undefined;
}

/**
 * A process by pidfd: signals never reach another that got its number, and `ended` tells when it is gone (and reaps a
 * child).
 */
export class WatchedProcess {
  readonly pid: number;
  readonly ended: Promise<void>;
  #pidfd: number | undefined;
  #watch: FdWatch | undefined;
  #end!: () => void;

  /** A process that is gone already is one that has ended. */
  constructor(pid: number) {
    this.pid = pid;
    this.ended = new Promise((resolve) => (this.#end = resolve));
    try {
      this.#pidfd = openPidfd(pid);
    } catch (error) {
      if (!isKernelError(error, 'ESRCH', 'EINVAL')) throw error;
      this.#finish();
      return;
    }
    this.#watch = new FdWatch(this.#pidfd, { readable: true }, () => this.#finish()).unref();
  }

  #finish(): void {
    reapChild(this.pid); // its own child: no zombie stays; another's child: nothing happens
    this.release();
    this.#end();
  }

  /** False when it has ended. */
  signal(number: number): boolean {
    return this.#pidfd !== undefined && signalPidfd(this.#pidfd, number);
  }

  get alive(): boolean {
    return this.#pidfd !== undefined;
  }

  /** False also where it has ended a moment ago, and nothing has told it yet. */
  get running(): boolean {
    return this.alive && !['Z', 'X', undefined].includes(processState(this.pid));
  }

  /** Stops watching; the process goes on. */
  release(): void {
    this.#watch?.close();
    this.#watch = undefined;
    if (this.#pidfd !== undefined) closeFd(this.#pidfd);
    this.#pidfd = undefined;
  }
}
