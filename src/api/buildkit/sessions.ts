/** The sessions that are open, by the names that their clients gave them. */
import { conflict, invalid, unavailable } from '../../base/errors.ts';
import type { BuildSession } from './build-session.ts';

/** A client opens its session and asks for the build at the same time. */
const PATIENCE_MS = 10_000;
const MAX_SESSIONS = 1000;
const MAX_NAME_CHARS = 200;

export class Sessions {
  readonly #open = new Map<string, BuildSession>();
  readonly #waiting = new Map<string, Set<(session: BuildSession) => void>>();

  /** Until it ends. @throws conflict for a name that is in use */
  add(name: string, session: BuildSession): void {
    if (this.#open.size >= MAX_SESSIONS) throw unavailable('too many build sessions are open');
    this.#open.set(name, session);
    void session.ended.then(() => {
      if (this.#open.get(name) === session) this.#open.delete(name);
    });
    for (const tell of this.#waiting.get(name) ?? []) tell(session);
    this.#waiting.delete(name);
  }

  /** Before anything is answered. */
  check(name: string): void {
    if (name === '' || name.length > MAX_NAME_CHARS) throw invalid('a build session needs a name');
    if (this.#open.has(name)) throw conflict(`session ${name} already exists`);
  }

  /** Waits for it a while. @throws unavailable */
  async get(name: string, signal: AbortSignal): Promise<BuildSession> {
    const open = this.#open.get(name);
    if (open) return open;
    return await new Promise<BuildSession>((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? new Set();
      this.#waiting.set(name, waiting);
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', fail);
        waiting.delete(tell);
        if (waiting.size === 0 && this.#waiting.get(name) === waiting) this.#waiting.delete(name);
      };
      const tell = (session: BuildSession): void => {
        end();
        resolve(session);
      };
      const fail = (): void => {
        end();
        reject(unavailable(`no active session for ${name.slice(0, MAX_NAME_CHARS)}: context deadline exceeded`));
      };
      const timer = setTimeout(fail, PATIENCE_MS).unref();
      signal.addEventListener('abort', fail, { once: true });
      waiting.add(tell);
      if (signal.aborted) fail();
    });
  }
}
