import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../test/oci/fixture.ts';
import type { Change } from '../store/store.ts';
import { createEngine, type EngineDeps } from './engine.ts';

let fakes: EngineOnFakes;
beforeEach(() => void (fakes = new EngineOnFakes()));
afterEach(() => fakes.close());

test('an exit that comes while the daemon restores is settled when the network is there again, and not before', async () => {
  const record = makeRecord('true', { record: CONNECTED });
  const stored = {
    ...record,
    state: { ...record.state, status: 'running', pid: 50, startedAt: '2024-01-01T00:00:00Z' },
  };
  fakes.found.set(record.id, { running: true, pid: 50 });
  let ends: () => void = () => {};
  const { network, runtime, rootfs } = fakes.parts;
  const engine = createEngine({
    ...fakes.parts,
    store: {
      knowsAll: true,
      aside: () => [],
      values: (table: string) => (table === 'containers' ? [stored] : []),
      commit: (changes: readonly Change[]) => fakes.commit(changes),
    },
    runtime: {
      ...runtime,
      listen: (listener: { exit(id: string, exit: object): void }) =>
        (ends = () => listener.exit(record.id, { code: 4, oomKilled: false, at: '2024-01-01T00:00:10Z' })),
    },
    network: { ...network, onRepair: () => {}, onWarning: () => {}, onHostAddress: () => {} },
    rootfs: { ...rootfs, ids: () => [] },
    logs: { begin: () => {}, end: () => {}, settled: async () => {}, forget: async () => {}, onHold: () => {} },
  } as unknown as EngineDeps);
  fakes.during('runtime.recover', async () => ends());
  await engine.restore();
  while (engine.runningIds().length > 0 || !fakes.calls.includes('runtime.delete'))
    await new Promise((resolve) => setImmediate(resolve));
  const calls = fakes.calls.join();
  assert.ok(calls.indexOf('network.restore') < calls.indexOf('runtime.delete'), calls);
  engine.quiesce();
});
