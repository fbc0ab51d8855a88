/** The requests that wait for a container to end or to be gone. */
import { systemError } from '../../base/errors.ts';

export interface Exit {
  readonly exitCode: number;
  readonly error: string;
}

type Moment = 'exit' | 'removal';

export class ExitWaits {
  readonly #waiting: Record<Moment, Map<string, Set<(exit: Exit) => void>>> = { exit: new Map(), removal: new Map() };

  /** Resolves at the next exit, or at the removal; rejects when `signal` aborts. */
  next(id: string, moment: Moment, signal?: AbortSignal): Promise<Exit> {
    const waiting = this.#waiting[moment];
    return new Promise((resolve, reject) => {
      const set = waiting.get(id) ?? new Set();
      waiting.set(id, set);
      const done = (exit: Exit): void => {
        signal?.removeEventListener('abort', cancel);
        resolve(exit);
      };
      const cancel = (): void => {
        set.delete(done);
        if (set.size === 0 && waiting.get(id) === set) waiting.delete(id);
        reject(systemError('the wait was given up'));
      };
      signal?.addEventListener('abort', cancel, { once: true });
      set.add(done);
    });
  }

  exited(id: string, exit: Exit): void {
    this.#notify('exit', id, exit);
  }

  /** The container is gone: no request may wait for it any more. */
  removed(id: string, exit: Exit): void {
    this.#notify('removal', id, exit);
    this.#notify('exit', id, exit);
  }

  #notify(moment: Moment, id: string, exit: Exit): void {
    const set = this.#waiting[moment].get(id);
    this.#waiting[moment].delete(id);
    for (const done of set ?? []) done(exit);
  }
}
