import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import type { ContainerRecord, RestartPolicy } from '../../model/container.ts';
import { checkChangedRestartPolicy, RestartTimers, shouldRestart, shouldStartWithDaemon } from './restart-policy.ts';

const policy = (name: RestartPolicy['name'], maximumRetryCount = 0): RestartPolicy => ({ name, maximumRetryCount });
const exit = (exitCode: number, restartCount = 0, stoppedByUser = false) => ({ exitCode, restartCount, stoppedByUser });

test('each policy restarts what it promises to', () => {
  assert.equal(shouldRestart(policy('no'), exit(1)), false);
  assert.equal(shouldRestart(policy('always'), exit(0)), true);
  assert.equal(shouldRestart(policy('unless-stopped'), exit(0)), true);
  assert.equal(shouldRestart(policy('on-failure'), exit(0)), false);
  assert.equal(shouldRestart(policy('on-failure'), exit(1)), true);
  assert.equal(shouldRestart(policy('on-failure', 3), exit(1, 2)), true);
  assert.equal(shouldRestart(policy('on-failure', 3), exit(1, 3)), false);
});

test('a container that removes itself gets no restart policy later, and may be told so again', () => {
  assert.throws(() => checkChangedRestartPolicy(policy('always'), true), {
    message: 'Restart policy cannot be updated because AutoRemove is enabled for the container',
    kind: 'conflict',
  });
  checkChangedRestartPolicy(policy('no'), true);
  checkChangedRestartPolicy(policy('always'), false);
});

test('what the user stopped stays stopped', () => {
  for (const name of ['always', 'unless-stopped', 'on-failure'] as const)
    assert.equal(shouldRestart(policy(name), exit(1, 0, true)), false);
});

test('with the daemon, always starts what was stopped and unless-stopped does not', () => {
  const record = (name: RestartPolicy['name'], stoppedByUser: boolean, status = 'exited') =>
    ({
      spec: { host: { restartPolicy: policy(name) } },
      stoppedByUser,
      state: { status, exitCode: 0 },
      restartCount: 0,
    }) as unknown as ContainerRecord;
  assert.equal(shouldStartWithDaemon(record('always', true)), true);
  assert.equal(shouldStartWithDaemon(record('unless-stopped', true)), false);
  assert.equal(shouldStartWithDaemon(record('unless-stopped', false)), true);
  assert.equal(shouldStartWithDaemon(record('no', false)), false);
  assert.equal(shouldStartWithDaemon(record('always', false, 'created')), false);
});

test('the delay doubles with each quick failure, begins anew after a steady run, and can be called off', () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const timers = new RestartTimers();
    const delayOf = (ranMs: number): number => {
      let started = false;
      timers.schedule('a', ranMs, () => (started = true));
      let waited = 0;
      while (!started && waited < 200_000) {
        mock.timers.tick(100);
        waited += 100;
      }
      return waited;
    };
    assert.deepEqual([delayOf(0), delayOf(0), delayOf(0), delayOf(20_000), delayOf(0)], [100, 200, 400, 100, 200]);
    for (let i = 0; i < 20; i++) delayOf(0);
    assert.equal(delayOf(0), 60_000);
    timers.schedule('a', 0, () => assert.fail('it was called off'));
    assert.equal(timers.cancel('a'), true);
    assert.equal(timers.cancel('a'), false);
    mock.timers.tick(100_000);
  } finally {
    mock.timers.reset();
  }
});
