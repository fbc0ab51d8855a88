/**
 * File systems that do not respond: a dead sshfs, an NFS server that is gone. A thread that touches one waits in the
 * kernel, often beyond the reach of any signal, and blocks what it shares with others: its pool, and its process, which
 * cannot end. So what touches foreign files is a child process. Here its time is bounded, and while one hangs no other
 * is sent to the same place.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { CausewayError } from '../base/errors.ts';
import { within } from '../base/within.ts';
import { closeFd, O_PATH, openFd } from './descriptors.ts';
import { mountPoints, parseMountinfo, type MountPoint } from './mount.ts';
import { kill } from './process.ts';

const SIGKILL = 9;
/** As many at a time in one place: the next wait for their turn, and are refused when it turns out to be silent. */
const MAX_AT_ONCE = 4;
const MAX_LINKS = 40;
/** Servers or programs serve them: one that is silent is so in all of its mount. */
const SERVED_TYPES = '(fuse|nfs|cifs|smb|9p|virtiofs|ceph|afs|lustre|beegfs|glusterfs|orangefs)';
const SERVED = new RegExp(`^${SERVED_TYPES}`);
const HAS_SERVED = new RegExp(` - (${SERVED_TYPES}|autofs )`);
const MOUNTINFO = '/proc/thread-self/mountinfo';

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
  /** Those that did not return, killed and not gone yet. */
  readonly #hanging = new Set<Visit>();

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /**
   * What the child answers that `start` makes, which touches `path`. Refused in time where nothing comes back, at once
   * where another hangs.
   */
  async visit<T>(path: string, start: () => TouchingChild<T>): Promise<T> {
    await this.#turn(path);
    const { pid, done } = start();
    const visit = this.#remember(this.#visits, { path, done });
    if (await this.#inTime(done)) return done;
    this.#visits.delete(visit);
    throw this.giveUp(path, { pid, done });
  }

  /** The numbers of mounts in which a child hangs. */
  get mountIds(): number[] {
    return [...new Set([...this.#hanging].flatMap(({ place }) => place?.mountId ?? []))];
  }

  /**
   * Whether the child reports in time after its start; one that does not is given up, with an error that names where
   * its last open file is.
   */
  async hear<T>(child: TouchingChild<unknown>, said: Promise<T>): Promise<T> {
    if (await this.#inTime(said)) return said;
    throw this.giveUp(lastOpenFile(child.pid), child);
  }

  /** Kills a child that touches `path` and remembers it until it is gone; returns the error for its waiters. */
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
    return within(
      done.catch(() => {}),
      this.#patienceMs,
    );
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
  const what =
    place.mount === undefined || place.mount === path ? 'its file system' : `the file system at ${place.mount}`;
  return new SilentMountError('system', `${path} does not answer: ${what} hangs; unmount it or start its server`);
}

interface Place {
  /** One that is mounted again in the same place is another. */
  readonly key: string;
  readonly mount: string | undefined;
  readonly mountId?: number;
}

/**
 * Whether a file system that another process or host serves is on the way to one of the paths or mounted below it,
 * links followed.
 */
export function leadToServed(paths: readonly string[]): boolean {
  const text = readFileSync(MOUNTINFO, 'utf8');
  if (!HAS_SERVED.test(text)) return false;
  const points = parseMountinfo(text);
  const served = points.filter(({ type }) => SERVED.test(type) || type === 'autofs');
  return (
    served.length > 0 &&
    paths.some((path) => {
      const { place, real } = follow(path, points);
      return place.mount !== undefined || served.some(({ target }) => target === real || target.startsWith(`${real}/`));
    })
  );
}

/**
 * Waits until all that is mounted below an open directory answers; by its last open descriptor others see for what.
 * @throws SilentMountError for one of the numbers
 */
export function touchBelow(descriptor: number, silent: readonly number[]): void {
  const directory = readlinkSync(`/proc/self/fd/${descriptor}`);
  for (const { id, target, type } of mountPoints()) {
    if (!SERVED.test(type) || !target.startsWith(directory === '/' ? '/' : `${directory}/`)) continue;
    if (silent.includes(id)) throw silentMountError(target);
    const mount = openFd(target, O_PATH);
    try {
      closeFd(openFd(`/proc/self/fd/${mount}`));
    } finally {
      closeFd(mount);
    }
  }
}

export function mountIdOf(descriptor: number): number {
  return Number(/^mnt_id:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))?.[1]);
}

/**
 * Of another process, the last one in a file system that another process or host serves, if it has any. The kernel
 * knows the path by itself.
 */
function lastOpenFile(pid: number): string {
  try {
    const numbers = readdirSync(`/proc/${pid}/fd`)
      .map(Number)
      .sort((a, b) => b - a);
    const paths = numbers
      .map((number) => readlinkSync(`/proc/${pid}/fd/${number}`))
      .filter((path) => path.startsWith('/'));
    return paths.find((path) => placeOf(path).mount !== undefined) ?? UNKNOWN;
  } catch {
    return UNKNOWN; // it has ended
  }
}

const UNKNOWN = 'what the path leads to';

/**
 * The first mount on the way whose content another process or host serves; else the path itself. What is looked at here
 * is in file systems of this machine.
 */
const placeOf = (path: string): Place => follow(path, mountPoints()).place;

function follow(path: string, points: readonly MountPoint[]): { place: Place; real: string } {
  const mounts = new Map(points.map((point) => [point.target, point]));
  const itself = { key: path, mount: undefined };
  const todo = path.split('/');
  let at = '';
  for (let links = 0; todo.length > 0 && links < MAX_LINKS;) {
    const name = todo.shift()!;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const next = `${at}/${name}`;
    const mount = mounts.get(next);
    if (mount && SERVED.test(mount.type))
      return { place: { key: `mount ${mount.id}`, mount: next, mountId: mount.id }, real: next };
    if (mount?.type === 'autofs') return { place: itself, real: next }; // a look could mount something
    const target = linkTarget(next);
    if (target === undefined) at = next;
    else {
      links++;
      if (target.startsWith('/')) at = '';
      todo.unshift(...target.split('/'));
    }
  }
  return { place: itself, real: at };
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // no link, or nothing
  }
}
