import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { beat, beginActivity, noteActivity } from './activity.ts';
import { LoopWatchdog, type LoopBlock } from './loop-watchdog.ts';

const reports: LoopBlock[] = [];
let watchdog: LoopWatchdog;
before(() => (watchdog = new LoopWatchdog((block) => reports.push(block))));
after(() => watchdog.close());

function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

test('the request that blocks the event loop is named, with the others in progress', async () => {
  const end = beginActivity('GET /events');
  const ended = beginActivity('GET /info');
  ended();
  await sleep(60);
  noteActivity('POST /containers/x/start');
  block(400);
  // A busy machine blocks the loop too, and is reported with what went on then.
  const ours = () => reports.find(({ lately }) => lately[0]?.startsWith('POST /containers/x/start'));
  while (!ours()) await sleep(5);
  end();
  const report = ours();
  assert.ok(report!.blockedMs >= 400, String(report!.blockedMs));
  assert.ok(report!.cpuMs > 0);
  assert.match(report!.lately[0]!, /^POST \/containers\/x\/start \(\d+ ms ago\)$/);
  assert.match(report!.underWay.join(), /^GET \/events \(\d+ ms ago\)$/);
});

test('where nothing happens it does not even look at the clock, and it wakes with what happens', async () => {
  while (watchdog.awake) await sleep(20);
  beat();
  assert.equal(watchdog.awake, true);
});
