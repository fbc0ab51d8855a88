import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../../model/network.ts';
import { BRIDGE_OPTION } from '../../plan/bridge-options.ts';
import { APART_GROUP } from '../../plan/port-group.ts';
import type { Step } from '../../plan/step.ts';
import { endpointRepair, lossOf, RepairLimit } from './decisions.ts';

const network = (options: Record<string, string> = {}): NetworkRecord => ({
  ...EMPTY_NETWORK_SPEC,
  id: 'net',
  name: 'net',
  driver: 'bridge',
  scope: 'local',
  createdAt: '',
  pools: [],
  bridgeName: 'br-net',
  predefined: false,
  options,
});
const apart = network({ [BRIDGE_OPTION.icc]: 'false' });
const port = { up: true, masterIndex: 7, group: 0 };

test('an interface on the bridge of its network, up and in its group, is left alone', () => {
  assert.equal(endpointRepair(port, 7, network()), undefined);
  assert.equal(endpointRepair({ ...port, group: APART_GROUP }, 7, apart), undefined);
});

test('an interface that is gone is made anew', () => {
  assert.deepEqual(endpointRepair(undefined, 7, network()), {
    kind: 'attach',
    what: 'was deleted and is made anew',
  });
});

for (const [what, link, index] of [
  ['was set down', { ...port, up: false }, 7],
  ['has no bridge', { ...port, masterIndex: 0 }, 7],
  ['has a bridge that was made anew', port, 9],
  ['has no bridge that is there', port, undefined],
] as const) {
  test(`an interface that ${what} joins its bridge again, and keeps its group`, () => {
    assert.deepEqual(endpointRepair(link, index, network()), {
      kind: 'join bridge',
      group: {},
      what: 'was taken off its bridge and is back',
    });
  });
}

test('an interface of a network that keeps its containers apart comes back into its group', () => {
  const repair = endpointRepair(port, 7, apart);
  assert.equal(repair?.kind, 'join bridge');
  assert.deepEqual(repair?.kind === 'join bridge' && repair.group, { group: APART_GROUP });
});

const making = (...addresses: string[]): Step[] =>
  addresses.map((address) => ({ kind: 'add-address', netns: '', link: 'br-net', address }) as Step);

test('of a bridge that is gone or down nothing else is asked', () => {
  const never = () => assert.fail('asked');
  assert.equal(lossOf('br-net', undefined, never, never), 'bridge br-net was deleted and is made anew');
  assert.equal(lossOf('br-net', { up: false }, never, never), 'bridge br-net was set down and is up again');
});

test('a bridge lacks the addresses that it was made with, whatever others it has', () => {
  const loss = (present: string[]) =>
    lossOf(
      'br-net',
      { up: true },
      () => present,
      () => making('10.1.0.1/16', 'fd00::1/64'),
    );
  assert.equal(loss(['10.1.0.1/16', 'fd00::1/64', '10.9.0.1/24']), undefined);
  assert.equal(loss(['fd00::1/64', '10.1.0.1/24']), 'bridge br-net lost 10.1.0.1/16 and has it again');
  assert.equal(loss([]), 'bridge br-net lost 10.1.0.1/16 and fd00::1/64 and has it again');
});

test('an object is repaired twenty times a minute, and others as often; then it waits until the first is a minute ago', () => {
  let now = 5_000;
  const limit = new RepairLimit(() => now);
  for (let count = 0; count < 20; count++) {
    assert.equal(limit.waitMs('one'), 0);
    assert.equal(limit.take('one'), true);
    now += 1_000;
  }
  assert.equal(limit.take('one'), false);
  assert.equal(limit.waitMs('one'), 40_000);
  assert.equal(limit.take('other'), true);
  now += 40_000;
  assert.equal(limit.take('one'), true);
  assert.equal(limit.take('one'), false);
});
