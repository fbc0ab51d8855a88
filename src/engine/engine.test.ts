import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../test/harness/engine-on-fakes.ts';
import { wholeEngine } from '../../test/harness/whole-engine.ts';
import { makeRecord } from '../../test/oci/fixture.ts';

let fakes: EngineOnFakes;
beforeEach(() => void (fakes = new EngineOnFakes()));
afterEach(() => fakes.close());

test('an exit that comes while the daemon restores is settled when the network is there again, and not before', async () => {
  const record = makeRecord('true', { record: CONNECTED });
  fakes.found.set(record.id, { running: true, pid: 50 });
  const { engine, end } = wholeEngine(fakes, [
    { ...record, state: { ...record.state, status: 'running', pid: 50, startedAt: '2024-01-01T00:00:00Z' } },
  ]);
  fakes.during('runtime.recover', async () => end(record.id, 4));
  await engine.restore();
  while (engine.runningIds().length > 0 || !fakes.calls.includes('runtime.delete'))
    await new Promise((resolve) => setImmediate(resolve));
  const calls = fakes.calls.join();
  assert.ok(calls.indexOf('network.restore') < calls.indexOf('runtime.delete'), calls);
  engine.quiesce();
});
