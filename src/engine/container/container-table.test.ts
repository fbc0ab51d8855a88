import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../../model/container.ts';
import type { HealthState } from '../../model/health.ts';
import type { Change, Store } from '../../store/store.ts';
import { ContainerTable } from './container-table.ts';
import type { Held } from './held.ts';

/** A store whose commits end on request. */
class SlowStore {
  readonly written: Change[] = [];
  slow = false;
  #end: (() => void) | undefined;

  values(): unknown[] {
    return [];
  }

  async commit(changes: readonly Change[]): Promise<void> {
    this.written.push(...changes);
    if (this.slow) await new Promise<void>((resolve) => (this.#end = resolve));
  }

  end(): void {
    this.slow = false;
    this.#end?.();
  }
}

const health = (status: HealthState['status']): HealthState => ({ status, failingStreak: 0, log: [] });
const record = (id: string, name: string): ContainerRecord =>
  ({
    id,
    name,
    links: [],
    state: { pid: 7, startedAt: 'now', health: health('healthy') },
  }) as unknown as ContainerRecord;
const named =
  (name: string) =>
  (now: ContainerRecord): ContainerRecord => ({ ...now, name });
const becoming =
  (status: HealthState['status']) =>
  (now: ContainerRecord): ContainerRecord => ({ ...now, state: { ...now.state, health: health(status) } });

async function tableWith(...names: string[]): Promise<{ store: SlowStore; table: ContainerTable }> {
  const store = new SlowStore();
  const table = new ContainerTable(store as unknown as Store);
  for (const name of names) await table.add(record(`id-of-${name}`, name));
  return { store, table };
}

const aTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('what a probe found stays, whatever else was being saved, before and during the write', async () => {
  const { store, table } = await tableWith('web');
  store.slow = true;
  const saved = table.locked('web', (held) => held.save(named('renamed')));
  const found = table.locked('web', async (held) => held.update(becoming('unhealthy')));
  await aTurn();
  assert.equal(table.get('id-of-web')!.name, 'web', 'readers see the new one when it is durable');
  store.end();
  await Promise.all([saved, found]);
  const { name, state } = table.get('id-of-web')!;
  assert.deepEqual([name, state.health!.status], ['renamed', 'unhealthy']);
});

test('a record is always the present one, and each change is made of that', async () => {
  const { store, table } = await tableWith('web');
  await table.locked('web', async (held) => {
    const old = held.record;
    held.update(becoming('unhealthy'));
    await held.save(named('renamed'));
    assert.equal(old.state.health!.status, 'healthy');
    assert.equal(held.record.state.health!.status, 'unhealthy');
  });
  const last = store.written.at(-1)!.value as ContainerRecord;
  assert.deepEqual(
    [last.name, last.state.health!.status],
    ['renamed', 'unhealthy'],
    'what was in memory only is stored with the next',
  );
});

test('a write that fails leaves the record as it was', async () => {
  const { store, table } = await tableWith('web');
  store.commit = async () => {
    throw new Error('no space left on device');
  };
  await table.locked('web', async (held) => {
    await assert.rejects(held.save(named('renamed')), /no space left/);
    await assert.rejects(held.remove([]), /no space left/);
    assert.equal(held.record.name, 'web');
  });
  assert.equal(table.find('web').name, 'web');
});

test('a lock that was released writes no more', async () => {
  const { table } = await tableWith('web');
  let kept!: Held;
  await table.locked('web', async (held) => void (kept = held));
  assert.throws(() => kept.update(named('renamed')), /not held any more/);
  await assert.rejects(kept.save(), /not held any more/);
  await assert.rejects(kept.remove([]), /not held any more/);
});

test('waiting for the lock of a container that is removed meanwhile ends with not found', async () => {
  const { table } = await tableWith('web');
  const removed = table.locked('web', (held) => held.remove([]));
  const refused = assert.rejects(
    table.locked('web', async () => {}),
    /No such container: id-of-web/,
  );
  assert.equal(await table.lockedEvenIfGone('id-of-web', async (held) => held), undefined);
  await Promise.all([removed, refused]);
});

test('several containers are changed with one commit, under all of their locks', async () => {
  const { store, table } = await tableWith('web', 'db');
  const before = store.written.length;
  await table.lockedAll(['id-of-web', 'id-of-db', 'gone'], async (held) => {
    assert.deepEqual([...held.keys()], ['id-of-web', 'id-of-db']);
    await table.saveTogether([...held.values()].map((one) => ({ held: one, change: named(`new-${one.record.name}`) })));
  });
  assert.equal(store.written.length - before, 2);
  assert.deepEqual(
    table
      .all()
      .map(({ name }) => name)
      .sort(),
    ['new-db', 'new-web'],
  );
  assert.equal(table.byName('web'), undefined);
});

test('a link whose alias has a slash before it is found, and shown, by the path that it makes', async () => {
  const { table } = await tableWith('db');
  const links = [{ sourceId: 'id-of-db', sourceName: 'db', alias: '/mysql' }];
  await table.add({ ...record('id-of-app', 'app'), links } as ContainerRecord);
  await table.locked('app', (held) => held.save(named('renamed')));
  assert.equal(table.find('renamed/mysql').name, 'db');
  assert.equal(table.tryFind('app/mysql'), undefined);
  assert.deepEqual(table.namesOf(table.find('db')), ['db', 'renamed/mysql']);
});

test('the names of many containers are those of each: its own, and the links that point to it', async () => {
  const { table } = await tableWith('db', 'web', 'app');
  const link = (alias: string) => ({ sourceId: 'id-of-db', alias });
  for (const [name, aliases] of [
    ['web', ['z', 'b']],
    ['app', ['db']],
  ] as const)
    await table.locked(name, (held) =>
      held.save((now) => ({ ...now, links: aliases.map(link) }) as unknown as ContainerRecord),
    );
  const namesOf = table.namesOfMany();
  assert.deepEqual(namesOf(table.get('id-of-db')!), ['db', 'app/db', 'web/b', 'web/z']);
  for (const one of table.all()) assert.deepEqual(namesOf(one), table.namesOf(one));
});
