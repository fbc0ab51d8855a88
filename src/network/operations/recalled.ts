/** What the store has of the sandboxes of containers that run, from a daemon's first look at it until they are restored. */
import { isNetns } from '../../kernel/netns.ts';
import type { NetworkStore } from '../contract.ts';
import type { Sandbox, SandboxRecord } from '../table/sandbox.ts';

type Stored = ReturnType<NetworkStore['load']>;

export class Recalled {
  readonly #store: Pick<NetworkStore, 'load'>;
  #stored: Stored | undefined;
  #shown = new Map<string, Sandbox>();

  constructor(store: Pick<NetworkStore, 'load'>) {
    this.#store = store;
  }

  /** Read once: nothing writes before all is restored. */
  stored(): Stored {
    return (this.#stored ??= this.#store.load());
  }

  /** Those of these containers can be shown. */
  show(live: ReadonlySet<string>): void {
    for (const record of this.stored().sandboxes) {
      const { containerId } = record.sandbox;
      if (live.has(containerId) && !record.parked && hasNamespace(record)) this.#shown.set(containerId, record.sandbox);
    }
  }

  sandbox(containerId: string): Sandbox | undefined {
    return this.#shown.get(containerId);
  }

  /** All is restored: the table has it. */
  forget(): void {
    this.#stored = undefined;
    this.#shown = new Map();
  }
}

export const hasNamespace = ({ sandbox }: SandboxRecord): boolean => sandbox.netns === '' || isNetns(sandbox.netns);
