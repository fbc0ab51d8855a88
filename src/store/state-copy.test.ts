import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { copyFile, readCopy, writeCopy, type StoredRecord } from './state-copy.ts';
import { Store, TABLES } from './store.ts';

const dir = mkdtempSync(join(tmpdir(), 'causeway-copy-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const MEGABYTE = 1 << 20;

/** Counts the records that are taken from it between two turns of the event loop. */
class Watched {
  most = 0;
  #inTurn = 0;
  #next: NodeJS.Immediate | undefined;

  *records(count: number, bytes: number): Generator<StoredRecord> {
    this.#watch();
    for (let n = 0; n < count; n++) {
      this.most = Math.max(this.most, ++this.#inTurn);
      yield { table: 'containers', key: `k${n}`, bytes: Buffer.from(JSON.stringify('x'.repeat(bytes))) };
    }
    clearImmediate(this.#next);
  }

  #watch(): void {
    this.#inTurn = 0;
    this.#next = setImmediate(() => this.#watch());
  }
}

for (const { count, bytes, most } of [
  { count: 20, bytes: 4 * MEGABYTE, most: 1 },
  { count: 2000, bytes: 1000, most: 128 },
]) {
  test(`of ${count} records of ${bytes} bytes at most ${most} are copied in one turn of the event loop`, async () => {
    const watched = new Watched();
    await writeCopy(dir, watched.records(count, bytes));
    assert.ok(watched.most <= most, `${watched.most} were`);
    const copy = readCopy(dir);
    assert.equal(copy?.records.length, count);
    assert.ok(copy.records.every(({ key, value }, n) => key === `k${n}` && (value as string).length === bytes));
  });
}

test('a copy begins with one record, not with all that there is', async () => {
  const store = Store.open(join(dir, 'large'));
  for (let n = 0; n < 24; n++) await store.put('containers', `k${n}`, 'x'.repeat(2 * MEGABYTE));
  for (const table of TABLES) store.values(table);
  const held = () => process.memoryUsage().heapUsed + process.memoryUsage().external;
  const before = held();
  const copying = store.copyNow();
  await Promise.resolve()
    .then(() => {})
    .then(() => {}); // what it does before it waits for anything
  assert.ok(held() - before < 24 * MEGABYTE, `${held() - before} bytes`);
  await copying;
  await store.close();
});

test('a copy is of one moment, whatever changes while it is made', async () => {
  const path = join(dir, 'moment');
  const store = Store.open(path);
  const write = (value: string) =>
    store.commit(
      Array.from({ length: 20 }, (_, n) => ({
        table: n < 10 ? ('networks' as const) : ('volumes' as const),
        key: `k${n}`,
        value: value.repeat(300_000),
      })),
    );
  await write('a');
  const copying = store.copyNow();
  const values = () => new Set(readCopy(path)!.records.map(({ value }) => (value as string)[0]));
  for (const value of ['b', 'c', 'd']) await write(value);
  await copying;
  assert.equal(values().size, 1);
  // Callers that ask while one is being made get one that has what was there when they asked.
  const first = store.copyNow();
  await write('e');
  const [second, third] = [store.copyNow(), store.copyNow()];
  assert.equal(second, third);
  await Promise.all([first, second]);
  assert.deepEqual([...values()], ['e']);
  await store.close();
});

test('the state grows beyond what is mapped while a copy is made', async () => {
  const path = join(dir, 'growing');
  const store = Store.open(path, { mapBytes: 4 * MEGABYTE });
  for (let n = 0; n < 12; n++) await store.put('containers', `k${n}`, 'a'.repeat(MEGABYTE / 4));
  const copying = store.copyNow();
  for (let n = 0; n < 12; n++) await store.put('containers', `k${n}`, 'b'.repeat(MEGABYTE));
  await copying;
  const letters = new Set(readCopy(path)!.records.map(({ value }) => (value as string)[0]));
  assert.equal(letters.size, 1);
  await store.close();
  assert.ok(readCopy(path)!.records.every(({ value }) => (value as string) === 'b'.repeat(MEGABYTE)));
});

test('a copy is taken only when it is whole, and of it what is wanted', async () => {
  const path = copyFile(dir);
  const records = [
    { table: 'meta', key: 'line', value: 'a\nb' },
    { table: 'meta', key: 'empty', value: '' },
    { table: 'volumes', key: 'ä', value: { long: 'ü'.repeat(300_000) } },
  ];
  await writeCopy(
    dir,
    records.map(({ table, key, value }) => ({ table, key, bytes: Buffer.from(JSON.stringify(value)) })),
  );
  assert.deepEqual(readCopy(dir)?.records, records);
  assert.deepEqual(readCopy(dir, ({ key }) => key === 'empty')?.records, [records[1]]);
  const whole = readFileSync(path);
  for (const cut of [0, 1, 20, whole.length - 100, whole.length - 3]) {
    writeFileSync(path, whole.subarray(0, cut));
    assert.equal(readCopy(dir), undefined, `cut to ${cut}`);
  }
  writeFileSync(path, whole);
  appendFileSync(path, '["meta","more",1]\n');
  assert.equal(readCopy(dir), undefined);
});
