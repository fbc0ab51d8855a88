/**
 * File systems that do not answer: a dead sshfs, a server of NFS that is gone. Whoever touches one waits in the kernel, often beyond
 * the reach of any signal, and takes along what it shares with others: a thread its pool, and its process, which cannot end. So what
 * touches files of strangers is a child of ours. Here its time is bounded, and while one hangs nobody else is sent to the same place.
 */
import { readlinkSync } from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import { within } from '../base/within.ts';
import { mountPoints } from './mount.ts';
import { kill } from './process.ts';

const SIGKILL = 9;
/** As many at a time in one place: the next wait for their turn, and are refused when it turns out to be silent. */
const MAX_AT_ONCE = 4;
const MAX_LINKS = 40;
/** Servers or programs stand behind them: one that is silent is so in all of its mount. */
const SERVED = /^(fuse|nfs|cifs|smb|9p|virtiofs|ceph|afs|lustre|beegfs|glusterfs|orangefs)/;

export interface TouchingChild<T> {
  readonly pid: number;
  /** Settles when it is gone. */
  readonly done: Promise<T>;
}

interface Visit {
  readonly path: string;
  readonly done: Promise<unknown>;
  /** Of one that was given up. */
  readonly place?: Place;
}

export class SilentMounts {
  readonly #patienceMs: number;
  readonly #visits = new Set<Visit>();
  /** Those of whom nothing came back, killed and not gone yet. */
  readonly #hanging = new Set<Visit>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** What the child answers that `start` makes, which touches `path`. Refused in time where nothing comes back, at once where another hangs. */
  async visit<T>(path: string, start: () => TouchingChild<T>): Promise<T> {
    await this.#turn(path);
    const { pid, done } = start();
    const visit = this.#remember(this.#visits, { path, done });
    if (await this.#inTime(done)) return done;
    this.#visits.delete(visit);
    throw this.giveUp(path, { pid, done });
  }

  /** Kills a child that touches `path` and remembers it until it is gone; the error for whoever waits for it. */
  giveUp(path: string, { pid, done }: TouchingChild<unknown>): SilentMountError {
    const place = placeOf(path);
    this.#remember(this.#hanging, { path, done, place });
    kill(pid, SIGKILL);
    return silentMountError(path, place);
  }

  /** @throws where `path` is in a place in which a child hangs */
  refuse(path: string): void {
    if (this.#hanging.size === 0) return;
    const place = placeOf(path);
    if ([...this.#hanging].some((visit) => visit.place?.key === place.key)) throw silentMountError(path, place);
  }

  #inTime(done: Promise<unknown>): Promise<boolean> {
    return within(done.catch(() => {}), this.#patienceMs);
  }

  async #turn(path: string): Promise<void> {
    for (;;) {
      this.refuse(path);
      const here = this.#visits.size < MAX_AT_ONCE ? [] : this.#inPlaceOf(path);
      if (here.length < MAX_AT_ONCE) return;
      // One of them ends, or is given up and hangs from then on.
      await Promise.race(here.map(({ done }) => this.#inTime(done)));
    }
  }

  #remember(set: Set<Visit>, visit: Visit): Visit {
    set.add(visit);
    const forget = (): void => void set.delete(visit);
    visit.done.then(forget, forget);
    return visit;
  }

  #inPlaceOf(path: string): Visit[] {
    const { key } = placeOf(path);
    return [...this.#visits].filter((visit) => placeOf(visit.path).key === key);
  }
}

export class SilentMountError extends CausewayError {}

export function silentMountError(path: string, place = placeOf(path)): SilentMountError {
  const what = place.mount === undefined || place.mount === path ? 'its file system' : `the file system at ${place.mount}`;
  return new SilentMountError('system', `${path} does not answer: ${what} hangs; unmount it or start its server`);
}

interface Place {
  /** One that is mounted anew in the same place is another. */
  readonly key: string;
  readonly mount: string | undefined;
}

/** The first mount on the way along which somebody answers for what is in it; else the path itself. What is looked at here is in file systems of this machine. */
function placeOf(path: string): Place {
  const mounts = new Map(mountPoints().map((point) => [point.target, point]));
  const itself = { key: path, mount: undefined };
  const todo = path.split('/');
  let at = '';
  for (let links = 0; todo.length > 0 && links < MAX_LINKS; ) {
    const name = todo.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const next = `${at}/${name}`;
    const mount = mounts.get(next);
    if (mount && SERVED.test(mount.type)) return { key: `mount ${mount.id}`, mount: next };
    if (mount?.type === 'autofs') return itself; // a look could mount something
    const target = linkTarget(next);
    if (target === undefined) at = next;
    else {
      links++;
      if (target.startsWith('/')) at = '';
      todo.unshift(...target.split('/'));
    }
  }
  return itself;
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // no link, or nothing
  }
}
