import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { CacheMounts } from './cache-mounts.ts';
import type { BuildParts } from './build-parts.ts';
import { readMount } from './dockerfile/run-mount.ts';
import { withMounts } from './run-mounts.ts';

const directory = mkdtempSync(join(tmpdir(), 'cache-mounts-'));
after(() => rmSync(directory, { recursive: true, force: true }));
const cacheMounts = new CacheMounts(directory);

/** A step with these cache mounts, each for itself alone. */
function step<T>(ids: readonly string[], work: () => Promise<T>, signal = new AbortController().signal): Promise<T> {
  const mounts = ids.map((id, i) => readMount(`type=cache,id=${id},sharing=locked,target=/m${i}`, (text) => text));
  const parts = { cacheMounts, signal } as unknown as BuildParts;
  return withMounts(parts, mounts, '/', async () => ({ directory: undefined }), work);
}

const LIMIT = { timeout: 30_000 };

test('a step has a cache mount that is locked in two places', LIMIT, async () => {
  assert.equal(await step(['twice', 'twice'], async () => 'done'), 'done');
});

test('steps that lock the same cache mounts in other orders do not wait for each other for ever', LIMIT, async () => {
  let inside = 0;
  const alone = async (): Promise<void> => {
    assert.equal(++inside, 1);
    await new Promise(setImmediate);
    inside--;
  };
  const orders = [['a', 'b'], ['b', 'a'], ['c', 'a'], ['b', 'c']]; // prettier-ignore
  await Promise.all(orders.map((ids) => step(ids, alone)));
});

test('who waits for a cache mount leaves with its client, and the next one has its turn', LIMIT, async () => {
  let letGo!: () => void;
  const held = new Promise<void>((resolve) => (letGo = resolve));
  const first = step(['waited-for'], () => held);
  const leaving = new AbortController();
  let ran = false;
  const second = step(['waited-for'], async () => void (ran = true), leaving.signal);
  const third = step(['waited-for'], async () => 'third');
  leaving.abort();
  await assert.rejects(second, { name: 'AbortError' });
  letGo();
  await first;
  assert.equal(await third, 'third');
  assert.equal(ran, false);
});
