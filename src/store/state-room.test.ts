import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { open } from 'lmdb';
import { pagesOf, type FileUse } from './state-room.ts';
import { TABLES } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'causeway-room-'));
after(() => rmSync(dir, { recursive: true, force: true }));

/** Numbers that look like chance and are the same each time. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 1103515245 + 12345) % 2 ** 31) % below;
}

test('no commit needs more pages than were seen to, of short and long values, few and many records, in a file that has free pages and in one that has none', async () => {
  const next = numbers(9);
  const root = open({
    path: join(dir, 'bound'),
    maxDbs: TABLES.length,
    noMemInit: true,
    mapSize: 1 << 30,
    noSync: true,
  });
  const tables = TABLES.map((name) => root.openDB<unknown, string>({ name, encoding: 'json' }));
  const use = (): FileUse => {
    const { pageSize: pageBytes, lastPageNumber: lastPage } = root.getStats() as {
      pageSize: number;
      lastPageNumber: number;
    };
    return { pageBytes, lastPage };
  };
  let closest = 0;
  for (let round = 0; round < 500; round++) {
    const many = next(40) === 0 ? 200 : 1 + next(4);
    const changes = Array.from({ length: many }, () => ({
      table: tables[next(tables.length)]!,
      key: `${next(600)}`.padStart(64, 'k'),
      value: next(3) === 0 ? undefined : 'x'.repeat(next(10) === 0 ? next(200_000) : next(9000)),
    }));
    const before = use();
    const valueBytes = changes.map(({ value }) => (value === undefined ? 0 : JSON.stringify(value).length));
    root.transactionSync(() => {
      for (const { table, key, value } of changes) {
        if (value === undefined) table.removeSync(key);
        else table.putSync(key, value);
      }
    });
    const grown = use().lastPage - before.lastPage;
    const bound = pagesOf({ valueBytes, for: 'making' }, before);
    assert.ok(grown <= bound, `commit ${round} of ${many} changes took ${grown} pages, ${bound} were seen to`);
    closest = Math.max(closest, grown / bound);
  }
  assert.ok(closest > 0.1, `the nearest took ${closest} of what was seen to: the bound is far off`);
  await root.close();
});
