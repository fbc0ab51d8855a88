import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteNews } from '../../../kernel/netlink/route-monitor.ts';
import { Suspects, suspicionOf, verdictOn, type Known } from './suspects.ts';

const known: Known = {
  table: {
    containerOfHostLink: (name) => (name === 'ours' ? 'container' : undefined),
    isBridge: (name) => name === 'br-ours',
  },
  othersCount: true,
};

type LinkNews = Extract<RouteNews, { type: 'link' }>;
const link = (more: Partial<LinkNews['link']>, removed = false): RouteNews =>
  ({
    type: 'link',
    removed,
    portId: 1,
    link: { name: 'eth0', kind: undefined, up: true, index: 3, masterIndex: 0, mac: '02:00:00:00:00:01', ...more },
  }) as unknown as RouteNews;
const address = (scope: string, removed: boolean): RouteNews =>
  ({ type: 'address', removed, portId: 1, address: { scope, address: '10.0.0.1' } }) as unknown as RouteNews;
const forwarding = (on: boolean, linkIndex: number): RouteNews => ({ type: 'forwarding', version: 4, on, linkIndex });

const nothing = { bridges: [] as string[], others: false, clashes: false };

for (const [what, news, suspicion] of [
  ['an interface of a container', link({ name: 'ours' }), { containers: ['container'], bridges: [] }],
  ['an uplink that comes up', link({}), undefined],
  ['a bridge of ours that is up', link({ name: 'br-ours', kind: 'bridge' }), undefined],
  ['a bridge of ours that is down', link({ name: 'br-ours', up: false }), { ...nothing, bridges: ['br-ours'] }],
  ['a bridge of ours that is gone', link({ name: 'br-ours' }, true), { ...nothing, bridges: ['br-ours'] }],
  ['a bridge of others', link({ name: 'docker0', kind: 'bridge' }), { ...nothing, others: true }],
  [
    'a port of others',
    link({ name: 'veth1', kind: 'veth', masterIndex: 4 }),
    { ...nothing, others: true, clashes: true },
  ],
  ['any port of a bridge', link({ name: 'eth1', masterIndex: 4 }), { ...nothing, clashes: true }],
  ['a port that is gone', link({ name: 'eth1', masterIndex: 4 }, true), undefined],
  ['an address that comes', address('global', false), { clashes: true }],
  ['an address that goes', address('global', true), { networks: true }],
  ['a link-local address', address('link', true), undefined],
  ['forwarding of the host that is turned off', forwarding(false, -1), { forwarding: true }],
  ['forwarding of one interface', forwarding(false, 3), undefined],
  ['forwarding that is turned on', forwarding(true, -1), undefined],
  ['notifications that were lost', { type: 'overrun' } as RouteNews, { everything: true }],
] as const) {
  test(`${what}: ${suspicion === undefined ? 'nothing' : 'what it is about'} is checked`, () => {
    assert.deepEqual(suspicionOf(news, known), suspicion);
  });
}

test('where no way is made for other engines, their bridges are none of the business', () => {
  assert.equal(suspicionOf(link({ name: 'docker0', kind: 'bridge' }), { ...known, othersCount: false }), undefined);
});

test('a change of rules is our own, took our table, wrote into it, or is of others', () => {
  const news = {
    generation: 1,
    own: false,
    portId: 1,
    pid: 1,
    program: 'nft',
    deletedTables: [],
    ruleTables: new Set<string>(),
  };
  assert.equal(verdictOn('overrun'), 'others');
  assert.equal(verdictOn({ ...news, own: true }), 'own');
  assert.equal(verdictOn({ ...news, deletedTables: ['2 filter', '1 causeway'] }), 'table lost');
  assert.equal(verdictOn({ ...news, deletedTables: ['7 causeway'] }), 'table lost');
  assert.equal(verdictOn({ ...news, deletedTables: ['2 causeway'] }), 'others');
  assert.equal(verdictOn({ ...news, ruleTables: new Set(['1 causeway']) }), 'user rules');
});

test('suspicions of bridges add up, each once', () => {
  const suspects = new Suspects();
  suspects.add({ bridges: ['br-a'] });
  suspects.add({ bridges: ['br-a', 'br-b'] });
  assert.deepEqual([...suspects.bridges], ['br-a', 'br-b']);
  assert.equal(suspects.networks, false);
});

test('suspicions add up', () => {
  const suspects = new Suspects();
  suspects.add({ containers: ['a'], rules: true });
  suspects.add({ containers: ['a', 'b'], way: true });
  assert.deepEqual([...suspects.containers], ['a', 'b']);
  assert.equal(suspects.rules && suspects.way, true);
  assert.equal(suspects.networks || suspects.everything, false);
});
