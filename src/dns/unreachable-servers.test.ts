import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Upstream } from '../base/dns-zone.ts';
import { UnreachableServers } from './unreachable-servers.ts';

const server = (address: string): Upstream => ({ address, port: 53, from: 'host' });
const [one, two, three] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'].map(server) as [Upstream, Upstream, Upstream];
const all = [one, two, three];

test('one that cannot be reached is last for a while, the others keep their order', () => {
  let now = 1000;
  const servers = new UnreachableServers(() => now);
  assert.deepEqual(servers.inOrder(all, 'udp'), all);
  servers.note(one, 'udp', false);
  servers.note(two, 'udp', false);
  assert.deepEqual(servers.inOrder(all, 'udp'), [three, one, two]);
  assert.deepEqual(servers.inOrder(all, 'tcp'), all, 'of TCP nothing is known');
  servers.note(three, 'udp', false);
  assert.deepEqual(servers.inOrder(all, 'udp'), all, 'all of them are asked still');
  now += 30_000;
  assert.deepEqual(servers.inOrder(all, 'udp'), all);
});

test('one that answers is first again, and of new servers nothing is known', () => {
  const servers = new UnreachableServers(() => 1);
  servers.inOrder(all, 'udp');
  servers.note(one, 'udp', false);
  servers.note(one, 'udp', true);
  assert.deepEqual(servers.inOrder(all, 'udp'), all);
  servers.note(one, 'udp', false);
  const anew = [one, two];
  assert.deepEqual(servers.inOrder(anew, 'udp'), anew);
});
