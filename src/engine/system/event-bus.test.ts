import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import type { EngineEvent } from '../../model/event.ts';
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
  const stream = bus.stream({ sinceNs: since, untilNs: undefined, matches: () => true }, new AbortController().signal);
  bus.publish(container('die'));
  assert.deepEqual(await take(stream, 2), ['start', 'die']);
});

test('nothing is missed between the call and the first read, and an abort ends the stream', async () => {
  const bus = new EventBus(systemClock);
  const abort = new AbortController();
  const stream = bus.stream({ sinceNs: undefined, untilNs: undefined, matches: () => true }, abort.signal);
  bus.publish(container('create'));
  abort.abort();
  const seen: string[] = [];
  for await (const event of stream) seen.push(event.action);
  assert.deepEqual(seen, ['create']);
});

test('a listener that reads nothing costs a bounded queue, and its stream ends with an error, not with a hole', async () => {
  const bus = new EventBus(systemClock);
  const stream = bus.stream(
    { sinceNs: undefined, untilNs: undefined, matches: () => true },
    new AbortController().signal,
  );
  for (let i = 0; i < 100_000; i++) bus.publish(container('exec_create'));
  let got = 0;
  await assert.rejects(async () => {
    for await (const event of stream) got += event.action === 'exec_create' ? 1 : 0;
  }, /more than 16384 events or 32 MB behind/);
  assert.equal(got, 16_384);
});

test('events of megabytes are kept while there is room: the newest in the ring, and a queue that ends with an error', async () => {
  const bus = new EventBus(systemClock);
  const all = () => ({ matches: () => true, sinceNs: undefined, untilNs: undefined });
  const slow = bus.stream(all(), new AbortController().signal);
  const action = `exec_create: ${'x'.repeat(4_000_000)}`;
  for (let i = 0; i < 100; i++) bus.publish(container(action, { number: String(i) }));
  const numbers = async (stream: AsyncIterable<EngineEvent>): Promise<number[]> => {
    const seen: number[] = [];
    try {
      for await (const event of stream) seen.push(Number(event.attributes['number']));
    } catch (error) {
      assert.match(String(error), /behind: ask again with since/);
      seen.push(-1);
    }
    return seen;
  };
  const queued = await numbers(slow);
  assert.equal(queued.at(-1), -1, 'it is told');
  assert.deepEqual(
    queued.slice(0, -1),
    queued.slice(0, -1).map((_, index) => index),
    'nothing is missing before that',
  );
  assert.ok(queued.length > 2 && queued.length < 12, `${queued.length} were queued`);
  const kept = await numbers(bus.stream({ ...all(), untilNs: systemClock.nowNs() }, new AbortController().signal));
  assert.ok(kept.length > 1 && kept.length < 8, `${kept.length} were kept`);
  assert.equal(kept.at(-1), 99);
});

test('the end alone brings what was kept until then, and any beginning does, also one before 1970', async () => {
  const bus = new EventBus(systemClock);
  bus.publish(container('create'));
  const untilNs = systemClock.nowNs();
  bus.publish({ ...container('start') });
  for (const sinceNs of [undefined, 0n, -62_135_596_800_000_000_000n]) {
    const seen: string[] = [];
    const stream = bus.stream({ sinceNs, untilNs, matches: () => true }, new AbortController().signal);
    for await (const event of stream) seen.push(event.action);
    assert.deepEqual(seen, ['create'], String(sinceNs));
  }
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

test("filters are Docker's: objects by the beginning of id or name, whatever the event's type", () => {
  const event = { ...container('exec_start: sh', { tier: 'back' }), timeNs: 1n };
  const network = {
    type: 'network' as const,
    action: 'connect',
    actorId: 'n1',
    attributes: { name: 'web-net', container: 'c'.repeat(64) },
    timeNs: 1n,
  };
  const matches = (filters: Record<string, string[]>, one: EngineEvent = event) => eventPredicate(filters)(one);
  assert.equal(matches({ event: ['exec_start'] }), true);
  assert.equal(matches({ event: ['exec'] }), false);
  assert.equal(matches({ event: ['exec', 'exec_create'] }), true, 'one of those with details makes all prefixes');
  assert.equal(matches({ type: ['network'] }), false);
  assert.equal(matches({ container: ['web'] }), true);
  assert.equal(matches({ container: ['we'] }), true);
  assert.equal(matches({ container: ['ccc'] }), true);
  assert.equal(matches({ container: ['eb'] }), false);
  assert.equal(matches({ container: ['cccc'] }, network), false, 'a connection is an event of the network');
  assert.equal(matches({ container: ['web'] }, network), true, 'whose name begins like that');
  assert.equal(matches({ network: ['web-'] }, network), true);
  assert.equal(matches({ volume: ['web'] }), true, 'the type is asked for by type=');
  assert.equal(matches({ label: ['tier=back'] }), true);
  assert.equal(matches({ label: ['tier=front'] }), false);
  for (const image of ['nginx', 'nginx:latest']) assert.equal(matches({ image: [image] }), true);
  assert.equal(matches({ image: ['ngin'] }), false);
  const local = { ...event, attributes: { name: 'web', image: 'localhost:5000/a/b:1' } };
  assert.equal(matches({ image: ['localhost:5000/a/b'] }, local), true);
  const tagged = { ...event, type: 'image' as const, actorId: 'sha256:1', attributes: { name: 'zz:8' } };
  assert.equal(matches({ image: ['zz'] }, tagged), true);
  assert.throws(() => matches({ nosuch: ['x'] }), /invalid filter 'nosuch'/);
});
