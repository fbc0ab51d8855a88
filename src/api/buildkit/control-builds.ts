/**
 * Builds that clients have asked for, by the names that they gave them: a build is asked for, watched and steered in calls of
 * their own, in any order.
 */
import { invalid, unavailable } from '../../base/errors.ts';
import type { SolvedBuild } from '../../model/solve-order.ts';
import { StatusLog } from './status-log.ts';
import { Vertices } from './vertices.ts';

const MAX_BUILDS = 1000;
const MAX_NAME_CHARS = 200;
/** A call may come before the one that asks for the build. */
const PATIENCE_MS = 10_000;
const LATE_MS = 5000;

/** What was asked for: by the call that stays open until the build is over. */
export interface AskedBuild {
  readonly session: string;
  readonly exporters: readonly { readonly kind: string; readonly attrs: ReadonlyMap<string, string> }[];
  readonly signal: AbortSignal;
}

/** How a client that steers a build ends it: with one of its results, with nothing, or with a failure. */
export type Returned = { readonly ref: string } | { readonly error: Error };

interface Result {
  readonly solved: SolvedBuild;
  /** Lets it go: with `true`, to the lists. */
  readonly choose: (isChosen: boolean) => void;
  /** Settles when it is let go. */
  readonly over: Promise<void>;
}

export class ControlBuild {
  readonly log = new StatusLog();
  readonly vertices: Vertices;
  readonly results = new Map<string, Result>();
  readonly asked: Promise<AskedBuild>;
  readonly returned: Promise<Returned>;
  ask!: (asked: AskedBuild) => void;
  return!: (returned: Returned) => void;
  isAsked = false;
  watchers = 0;

  constructor(name: string, now: () => number) {
    this.vertices = new Vertices(this.log, name, now);
    this.asked = new Promise((resolve) => {
      this.ask = (asked) => {
        this.isAsked = true;
        resolve(asked);
      };
    });
    this.returned = new Promise((resolve) => (this.return = resolve));
  }
}

export class ControlBuilds {
  readonly #builds = new Map<string, ControlBuild>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Made where nobody has spoken of it yet. Call `drop` when it is over. @throws invalid */
  get(name: string): ControlBuild {
    const known = this.#builds.get(name);
    if (known) return known;
    if (name === '' || name.length > MAX_NAME_CHARS) throw invalid('a build needs a name');
    if (this.#builds.size >= MAX_BUILDS) throw unavailable('too many builds are under way');
    const build = new ControlBuild(name, this.#now);
    this.#builds.set(name, build);
    return build;
  }

  /** One that has been asked for, or is about to be. @throws unavailable */
  async asked(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly build: ControlBuild; readonly asked: AskedBuild }> {
    const build = this.get(name);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const fail = (): void => reject(unavailable(`no such job ${name}`));
      timer = setTimeout(fail, PATIENCE_MS).unref();
      signal.addEventListener('abort', fail, { once: true });
    });
    try {
      return { build, asked: await Promise.race([build.asked, late]) };
    } catch (error) {
      this.dropUnasked(name, build);
      throw error;
    } finally {
      clearTimeout(timer);
      late.catch(() => {});
    }
  }

  drop(name: string, build: ControlBuild): void {
    if (this.#builds.get(name) === build) this.#builds.delete(name);
  }

  /** It is over, and its client may still come to read of it. */
  dropLater(name: string, build: ControlBuild): void {
    setTimeout(() => this.drop(name, build), LATE_MS).unref();
  }

  /** Nobody asks for it any more, and nobody did. */
  dropUnasked(name: string, build: ControlBuild): void {
    if (!build.isAsked && build.watchers === 0) this.drop(name, build);
  }
}
