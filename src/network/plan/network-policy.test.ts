/**
 * Adding a driver is a folder and a line in the registry: nothing else knows it, so a made-up one is treated by its
 * policy.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../model/network.ts';
import type { DriverPolicy, NetworkDriver } from './driver.ts';
import { findDriver } from './drivers/registry.ts';
import { factsOfNetwork } from './firewall-facts.ts';
import {
  guardedBridge,
  isDefaultBridge,
  keepsNeighboursApart,
  namespaceOn,
  needsForwarding,
  needsGateway,
} from './network-policy.ts';

const QUIET: DriverPolicy = {
  connectable: true,
  publishes: false,
  firewalled: false,
  namespace: 'own',
  separates: () => false,
  needsGateway: () => true,
};
const driver = (policy: Partial<DriverPolicy>): NetworkDriver => ({
  ...findDriver('null')!,
  name: 'tunnel',
  policy: { ...QUIET, ...policy },
});
const finding = (policy: Partial<DriverPolicy>) => (name: string) => (name === 'tunnel' ? driver(policy) : undefined);
const NETWORK: NetworkRecord = {
  ...EMPTY_NETWORK_SPEC,
  name: 'net',
  id: 'net',
  driver: 'tunnel',
  scope: 'local',
  createdAt: '',
  pools: [],
  bridgeName: 'tun-br',
  predefined: false,
};
const HOST = { closed: {}, ipMasq: true };

test('a driver whose packets pass the host has its bridges in the firewall, is forwarded for, and may keep neighbours apart', () => {
  const find = finding({ firewalled: true, separates: ({ options }) => options['apart'] === 'yes' });
  assert.equal(guardedBridge(NETWORK, find), 'tun-br');
  assert.equal(needsForwarding(NETWORK, find), true);
  assert.equal(needsForwarding({ ...NETWORK, internal: true }, find), false);
  assert.equal(isDefaultBridge({ ...NETWORK, predefined: true }, find), true);
  const verdicts = (network: NetworkRecord) =>
    factsOfNetwork(network, HOST, find).flatMap((fact) => (fact.kind === 'neighbours' ? [fact.verdict] : []));
  assert.deepEqual(verdicts(NETWORK), ['accept']);
  assert.deepEqual(verdicts({ ...NETWORK, options: { apart: 'yes' } }), ['holes']);
  assert.equal(guardedBridge({ ...NETWORK, configOnly: true }, find), '');
});

test('one whose packets do not is no business of the firewall, whatever interface it has on the host', () => {
  const find = finding({ firewalled: false, namespace: 'none', needsGateway: (_, version) => version === 6 });
  assert.equal(guardedBridge(NETWORK, find), '');
  assert.equal(needsForwarding(NETWORK, find), false);
  assert.equal(keepsNeighboursApart(NETWORK, find), false);
  assert.deepEqual(factsOfNetwork(NETWORK, HOST, find), []);
  assert.equal(isDefaultBridge({ ...NETWORK, predefined: true }, find), false);
  assert.equal(namespaceOn(NETWORK, find), 'none');
  assert.deepEqual([needsGateway(NETWORK, 4, find), needsGateway(NETWORK, 6, find)], [false, true]);
});

test('a network whose driver is gone is left alone', () => {
  const find = () => undefined;
  assert.deepEqual(
    [guardedBridge(NETWORK, find), keepsNeighboursApart(NETWORK, find), needsForwarding(NETWORK, find)],
    ['', false, false],
  );
});
