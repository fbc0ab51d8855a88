import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { EventBus } from './event-bus.ts';
import { eventPredicate } from './event-filter.ts';

const container = (action: string, attributes: Record<string, string> = {}) => ({
  type: 'container' as const,
  action,
  actorId: 'c'.repeat(64),
  attributes: { name: 'web', image: 'nginx:latest', ...attributes },
});

async function take(stream: AsyncIterable<{ action: string }>, count: number): Promise<string[]> {
  const seen: string[] = [];
  for await (const event of stream) if (seen.push(event.action) === count) break;
  return seen;
}

test('a listener gets what was kept since its time, then what comes, in order', async () => {
  const bus = new EventBus(systemClock);
  bus.publish(container('create'));
  const since = systemClock.nowNs();
  bus.publish(container('start'));
  const stream = bus.stream({ sinceNs: since, untilNs: 0n, matches: () => true }, new AbortController().signal);
  bus.publish(container('die'));
  assert.deepEqual(await take(stream, 2), ['start', 'die']);
});

test('nothing is missed between the call and the first read, and an abort ends the stream', async () => {
  const bus = new EventBus(systemClock);
  const abort = new AbortController();
  const stream = bus.stream({ sinceNs: 0n, untilNs: 0n, matches: () => true }, abort.signal);
  bus.publish(container('create'));
  abort.abort();
  const seen: string[] = [];
  for await (const event of stream) seen.push(event.action);
  assert.deepEqual(seen, ['create']);
});

test('a listener that reads nothing costs a bounded queue, and its stream ends with an error, not with a hole', async () => {
  const bus = new EventBus(systemClock);
  const stream = bus.stream({ sinceNs: 0n, untilNs: 0n, matches: () => true }, new AbortController().signal);
  for (let i = 0; i < 100_000; i++) bus.publish(container('exec_create'));
  let got = 0;
  await assert.rejects(async () => {
    for await (const event of stream) got += event.action === 'exec_create' ? 1 : 0;
  }, /more than 16384 behind/);
  assert.equal(got, 16_384);
});

test('a stream until a time in the past ends at once', async () => {
  const bus = new EventBus(systemClock);
  bus.publish(container('create'));
  const seen: string[] = [];
  for await (const event of bus.stream(
    { sinceNs: 1n, untilNs: systemClock.nowNs(), matches: () => true },
    new AbortController().signal,
  ))
    seen.push(event.action);
  assert.deepEqual(seen, ['create']);
});

test("filters are Docker's, and an unknown one is refused", () => {
  const event = { ...container('exec_start: sh', { tier: 'back' }), timeNs: 1n };
  const network = {
    type: 'network' as const,
    action: 'connect',
    actorId: 'n1',
    attributes: { name: 'net', container: 'c'.repeat(64) },
    timeNs: 1n,
  };
  assert.equal(eventPredicate({ event: ['exec_start'] })(event), true);
  assert.equal(eventPredicate({ event: ['exec'] })(event), false);
  assert.equal(eventPredicate({ type: ['network'] })(event), false);
  assert.equal(eventPredicate({ container: ['web'] })(event), true);
  assert.equal(eventPredicate({ container: ['cccc'] })(network), true);
  assert.equal(eventPredicate({ network: ['net'] })(network), true);
  assert.equal(eventPredicate({ label: ['tier=back'] })(event), true);
  assert.equal(eventPredicate({ label: ['tier=front'] })(event), false);
  assert.equal(eventPredicate({ image: ['nginx'] })(event), true);
  assert.throws(() => eventPredicate({ nosuch: ['x'] }), /invalid filter 'nosuch'/);
});
