/** One operation on a container after another, each whole or undone. */
import { conflict } from '../../base/errors.ts';
import { KeyedLock } from '../../base/keyed-lock.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkTable } from '../table/table.ts';
import type { Busy } from './busy.ts';

export class ContainerLocks {
  readonly #locks = new KeyedLock();
  readonly #busy: Pick<Busy, 'change'>;

  constructor(busy: Pick<Busy, 'change'>) {
    this.#busy = busy;
  }

  exclusively<T>(containerId: string, work: (undo: UndoStack) => Promise<T>): Promise<T> {
    const failing = { what: 'undoing a failed network operation', facts: { container: containerId } };
    return this.#locks.run(containerId, () => this.#busy.change(containerId, failing, work));
  }

  /** For what takes down: it goes on to the end, whatever fails. */
  run(containerId: string, work: () => Promise<void>): Promise<void> {
    return this.#locks.run(containerId, work);
  }
}

/** Throws `conflict` where the container does not run. */
export function runningRecord({ table }: { readonly table: NetworkTable }, containerId: string): SandboxRecord {
  const record = table.sandbox(containerId);
  if (!record || record.parked) throw conflict(`container ${containerId} is not running`);
  return record;
}
