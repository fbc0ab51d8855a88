import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/container.ts';
import type { HealthState } from '../../model/health.ts';
import type { Change, Store } from '../../store/store.ts';
import { ContainerTable } from './container-table.ts';

/** A store whose commits end when they are told to. */
class SlowStore {
  written: unknown;
  #end: (() => void) | undefined;

  values(): unknown[] {
    return [];
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.written = changes[0]!.value;
    await new Promise<void>((resolve) => (this.#end = resolve));
  }

  end(): void {
    this.#end?.();
  }
}

const health = (status: HealthState['status']): HealthState => ({ status, failingStreak: 0, log: [] });
const record = (pid: number, startedAt: string, status: HealthState['status'], name = 'web'): ContainerRecord =>
  ({ id: 'id', name, links: [], state: { pid, startedAt, health: health(status) } }) as unknown as ContainerRecord;

async function started(): Promise<{ store: SlowStore; table: ContainerTable }> {
  const store = new SlowStore();
  const table = new ContainerTable(store as unknown as Store);
  const saved = table.save(record(7, 'now', 'healthy'));
  store.end();
  await saved;
  return { store, table };
}

test('what a probe found stays, whoever saves an older copy of the record, before and during the write', async () => {
  const { store, table } = await started();
  const copy = table.get('id')!;
  table.setHealth(copy, health('starting'));
  const saved = table.save({ ...copy, name: 'renamed' });
  assert.equal((store.written as ContainerRecord).state.health!.status, 'starting');
  table.setHealth(copy, health('unhealthy'));
  store.end();
  await saved;
  assert.deepEqual([table.get('id')!.name, table.get('id')!.state.health!.status], ['renamed', 'unhealthy']);
});

test('a new run, and the end of one, have the health that they are saved with; a probe of an earlier run says nothing', async () => {
  const { store, table } = await started();
  const old = table.get('id')!;
  for (const next of [record(8, 'later', 'starting'), record(0, 'later', 'unhealthy')]) {
    const saved = table.save(next);
    store.end();
    await saved;
    table.setHealth(old, health('healthy'));
    assert.deepEqual(table.get('id')!.state, next.state);
  }
});
