import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../model/network.ts';
import { networkPredicate, prunePredicate } from './network-filters.ts';

function network(name: string, change: Partial<NetworkRecord> = {}): NetworkRecord {
  return {
    ...EMPTY_NETWORK_SPEC,
    name,
    id: name.padEnd(8, '0'),
    driver: 'bridge',
    scope: 'local',
    createdAt: '2025-01-01T00:00:00Z',
    pools: [],
    bridgeName: '',
    predefined: false,
    ...change,
  };
}

const ALL = [
  network('bridge', { id: 'aaaa1111', predefined: true }),
  network('back', { id: 'abab2222', labels: { tier: 'back', old: '' } }),
  network('back.end', { id: 'cdcd3333', driver: 'macvlan', createdAt: '2025-06-01T00:00:00Z' }),
  network('config', { id: 'efef4444', driver: 'null', configOnly: true }),
];

const names = async (filters: Record<string, string[]>): Promise<string[]> =>
  ALL.filter(await networkPredicate(filters, ({ name }) => name === 'back')).map(({ name }) => name);
const pruned = (filters: Record<string, string[]>): string[] =>
  ALL.filter(prunePredicate(filters, Date.parse('2025-06-02T00:00:00Z'))).map(({ name }) => name);

test('values of one filter are alternatives, different filters add up', async () => {
  assert.deepEqual(await names({}), ['bridge', 'back', 'back.end', 'config']);
  assert.deepEqual(await names({ driver: ['macvlan', 'null'] }), ['back.end', 'config']);
  assert.deepEqual(await names({ driver: ['bridge'], type: ['custom'] }), ['back']);
  assert.deepEqual(await names({ type: ['custom', 'builtin'] }), ['bridge', 'back', 'back.end', 'config']);
  assert.deepEqual(await names({ scope: ['swarm'] }), []);
});

test('names and ids are patterns that may match anywhere', async () => {
  assert.deepEqual(await names({ name: ['ack'] }), ['back', 'back.end']);
  assert.deepEqual(await names({ name: ['^back$'] }), ['back']);
  assert.deepEqual(await names({ name: ['ba.k'] }), ['back', 'back.end']);
  assert.deepEqual(await names({ name: ['('] }), []);
  assert.deepEqual(await names({ id: ['ab'] }), ['back']);
  assert.deepEqual(await names({ id: ['b2'] }), ['back']);
});

test('all labels must be there', async () => {
  assert.deepEqual(await names({ label: ['tier=back', 'old'] }), ['back']);
  assert.deepEqual(await names({ label: ['tier=back', 'new'] }), []);
});

test('dangling: unused user-defined networks; dangling=false: all others', async () => {
  assert.deepEqual(await names({ dangling: ['true'] }), ['back.end', 'config']);
  assert.deepEqual(await names({ dangling: ['0'] }), ['bridge', 'back']);
});

test('prune: no predefined ones, no configurations, older than a time, by labels', async () => {
  assert.deepEqual(pruned({}), ['back', 'back.end']);
  assert.deepEqual(pruned({ until: ['2025-03-01T00:00:00Z'] }), ['back']);
  assert.deepEqual(pruned({ until: ['48h'] }), ['back']);
  assert.deepEqual(pruned({ label: ['tier'] }), ['back']);
  assert.deepEqual(pruned({ 'label!': ['tier=back'] }), ['back.end']);
});

test("refusals in Docker's words", async () => {
  await assert.rejects(names({ nosuch: ['1'] }), { kind: 'invalid', message: "invalid filter 'nosuch'" });
  await assert.rejects(names({ type: ['odd'] }), { message: "invalid filter: 'type'='odd'" });
  await assert.rejects(names({ dangling: ['t'] }), {
    message: 'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
  });
  await assert.rejects(names({ dangling: ['true', 'false'] }), {
    message: 'got more than one value for filter key "dangling"',
  });
  assert.throws(() => pruned({ until: ['1h', '2h'] }), { message: 'more than one until filter specified' });
  assert.throws(() => pruned({ dangling: ['true'] }), { message: "invalid filter 'dangling'" });
});
