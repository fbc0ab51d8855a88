/** What an engine tells of its work: the events of some sixty operations are those that dockerd 28.5.2 sent of them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';
import { OPERATIONS } from './event-sequence/operations.ts';
import { playOperations, type Sequence } from './event-sequence/sequence.ts';

const recorded = JSON.parse(
  readFileSync(new URL('event-sequence/docker-28.5.json', import.meta.url), 'utf8'),
) as Sequence;

let engine: TestEngine;
let told: Sequence;
before(async () => {
  engine = await TestEngine.start();
  told = await playOperations(engine.socket, (operation) => recorded[operation]!.length, 15_000);
});
after(() => engine?.destroy());

describe('events as dockerd 28.5.2 sends them', () => {
  for (const { name } of OPERATIONS) test(name, () => assert.deepEqual(told[name], recorded[name]));

  test('the fixture is of these operations', () =>
    assert.deepEqual(
      Object.keys(recorded),
      OPERATIONS.map((operation) => operation.name),
    ));

  test('history is replayed for an end without a beginning, and for any beginning', async () => {
    const until = Math.floor(Date.now() / 1000);
    const count = (query: string): number =>
      engine.host
        .ok('curl', '-s', '--unix-socket', engine.socket, `http://x/v1.51/events?${query}until=${until}`)
        .split('\n').length;
    const all = count('');
    assert.ok(all > 50, `${all} events`);
    for (const since of ['0', '1', '-62135596800', '0.5']) assert.equal(count(`since=${since}&`), all, since);
  });
});
