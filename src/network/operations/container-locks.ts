/** One operation on a container after another, each whole or undone. */
import { conflict, errorMessage } from '../../base/errors.ts';
import type { KeyedLock } from '../../base/keyed-lock.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { NetworkCore } from './core.ts';

export function exclusively<T>(
  core: NetworkCore,
  locks: KeyedLock,
  containerId: string,
  work: (undo: UndoStack) => Promise<T>,
): Promise<T> {
  return locks.run(containerId, async () => {
    core.busy.add(containerId);
    try {
      return await withUndo(work, (failure) =>
        core.log.error(
          { container: containerId, step: failure.name, error: errorMessage(failure.error) },
          'undoing a failed network operation',
        ),
      );
    } finally {
      core.busy.delete(containerId);
    }
  });
}

/** Throws `conflict` where the container does not run. */
export function runningRecord(core: NetworkCore, containerId: string): SandboxRecord {
  const record = core.table.sandbox(containerId);
  if (!record || record.parked) throw conflict(`container ${containerId} is not running`);
  return record;
}
