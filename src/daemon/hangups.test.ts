import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Hangups } from './hangups.ts';

test('a SIGHUP ends nothing: before there is something to do it is kept, then each is one', async () => {
  const alive = setInterval(() => {}, 1000); // handlers of signals keep no process
  const seen = async () => {
    const came = once(process, 'SIGHUP');
    process.kill(process.pid, 'SIGHUP');
    await came;
  };
  const hangups = new Hangups();
  await seen();
  await seen();
  let acts = 0;
  hangups.act(() => acts++);
  assert.equal(acts, 1);
  await seen();
  assert.equal(acts, 2);
  process.removeAllListeners('SIGHUP');
  clearInterval(alive);
});
