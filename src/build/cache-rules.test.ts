import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildCacheRecord } from '../model/build-cache.ts';
import { chooseRecords } from './cache-keeper.ts';
import { keptBytes, rulesOf } from './cache-rules.ts';

const GB = 1000 ** 3;
const NONE = { reservedBytes: 0, maxUsedBytes: 0, minFreeBytes: 0 };
const disk = { total: 500 * 1024 ** 3, free: 300 * 1024 ** 3 };

test('without settings the cache has what dockerd gives it: parts of the disk', () => {
  const rules = rulesOf({ isEnabled: true, rules: undefined, defaults: NONE }, disk);
  assert.deepEqual(
    rules.map(({ all, unusedForMs, reservedBytes, maxUsedBytes, minFreeBytes }) => [
      all,
      unusedForMs / 3_600_000,
      reservedBytes / GB,
      Math.round(maxUsedBytes / GB),
      minFreeBytes / GB,
    ]),
    [
      [false, 48, 0, 7, 0],
      [false, 1440, 51, 401, 101],
      [false, 0, 51, 401, 101],
      [true, 0, 51, 401, 101],
    ],
  );
  const record = (kind: BuildCacheRecord['kind']): BuildCacheRecord => ({ ...plain('x', 0), kind });
  assert.deepEqual(
    (['regular', 'exec.cachemount', 'source.local'] as const).map((kind) => rules[0]!.accept(record(kind))),
    [false, true, true],
  );
  assert.deepEqual(rulesOf({ isEnabled: false, rules: undefined, defaults: NONE }, disk), []);
  const given = rulesOf({ isEnabled: true, rules: undefined, defaults: { ...NONE, reservedBytes: 20 * GB } }, disk);
  assert.deepEqual(
    given.map(({ reservedBytes, maxUsedBytes }) => [reservedBytes / GB, Math.round(maxUsedBytes / GB)]),
    [
      [0, 3],
      [20, 0],
      [20, 0],
      [20, 0],
    ],
  );
});

test('how much may stay follows from the most, the least and the room that is left', () => {
  const rule = { ...NONE, all: false, unusedForMs: 0, accept: () => true };
  const free = (bytes: number) => ({ total: 1000, free: bytes });
  for (const [bounds, used, room, kept] of [
    [{}, 500, 100, 0],
    [{ maxUsedBytes: 300 }, 500, 100, 300],
    [{ reservedBytes: 200 }, 500, 100, 200],
    [{ reservedBytes: 400, maxUsedBytes: 300 }, 500, 100, 400],
    [{ minFreeBytes: 50 }, 500, 100, 500],
    [{ minFreeBytes: 150 }, 500, 100, 450],
    [{ minFreeBytes: 150, maxUsedBytes: 300 }, 500, 100, 300],
    [{ minFreeBytes: 900, maxUsedBytes: 300 }, 500, 100, 0],
    [{ minFreeBytes: 900, maxUsedBytes: 300, reservedBytes: 100 }, 500, 100, 100],
  ] as const)
    assert.equal(keptBytes({ ...rule, ...bounds }, used, free(room)), kept, JSON.stringify(bounds));
});

function plain(id: string, lastUsedAtMs: number): BuildCacheRecord {
  const kind = 'regular';
  return {
    id,
    parents: [],
    kind,
    description: '',
    inUse: false,
    shared: false,
    sizeBytes: 10,
    createdAtMs: 0,
    lastUsedAtMs,
    uses: 0,
  };
}

test('the ones that were not used for longest go first, and what is used or shared stays', () => {
  const records = [
    plain('new', 90),
    { ...plain('shared', 1), shared: true },
    { ...plain('used', 2), inUse: true },
    plain('old', 3),
    plain('middle', 50),
  ];
  const options = { all: false, unusedForMs: 0, keepBytes: 0, accept: () => true };
  const ids = (more: Partial<typeof options>): string =>
    chooseRecords(records, 100, { ...options, ...more })
      .map(({ id }) => id)
      .join(' ');
  assert.equal(ids({}), 'old middle new');
  assert.equal(ids({ all: true }), 'shared old middle new');
  assert.equal(ids({ unusedForMs: 40 }), 'old middle');
  assert.equal(ids({ keepBytes: 40 }), '', 'what is shared takes no room of its own');
  assert.equal(ids({ keepBytes: 39 }), 'old');
  assert.equal(ids({ keepBytes: 20 }), 'old middle');
});
