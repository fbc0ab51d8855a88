/** What every driver keeps to, so that code that knows only the contract can rely on it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../../model/endpoint.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../../model/network.ts';
import type { HostFacts } from '../driver.ts';
import { drivers, driverNamed, findDriver } from './registry.ts';

const FACTS: HostFacts = {
  ipv6: true,
  defaultMtu: 1500,
  hasLink: () => true,
  isOthersBridge: () => false,
  engineOfBridge: () => undefined,
  linkKind: () => undefined,
  knowsLinkKind: () => true,
};
const ID = '0123456789abcdef';
const ENDPOINT: Endpoint = {
  id: 'fedcba9876543210',
  networkId: ID,
  networkName: 'net',
  containerId: 'c',
  ifname: 'eth0',
  hostIfname: 'veth0',
  mac: '02:42:00:00:00:01',
  ipv4: '192.0.2.2',
  prefix4: 24,
  ipv6: '',
  prefix6: 0,
  gateway4: '192.0.2.1',
  gateway6: '',
  dnsNames: [],
  spec: EMPTY_ENDPOINT_SPEC,
  published: [],
};

function network(driver: string): NetworkRecord {
  const spec = { ...EMPTY_NETWORK_SPEC, name: 'net', driver };
  return {
    ...spec,
    id: ID,
    scope: 'local',
    createdAt: '',
    pools: [{ subnet: '192.0.2.0/24', ipRange: '', gateway: '192.0.2.1', auxAddresses: {} }],
    bridgeName: driverNamed(driver).hostLink(spec, ID),
    predefined: false,
  };
}

for (const driver of drivers()) {
  test(`${driver.name}: an interface in the container where it is connectable, and nowhere else; what is attached is detached`, () => {
    const attachment = { network: network(driver.name), endpoint: ENDPOINT, netns: '/netns/c' };
    const made = driver.attach(attachment, FACTS).filter(({ kind }) => /^create-(veth|macvlan|ipvlan)$/.test(kind));
    assert.equal(made.length, driver.policy.connectable ? 1 : 0);
    assert.equal(driver.detach(attachment).filter(({ kind }) => kind === 'delete-link').length, made.length);
  });

  test(`${driver.name}: a bridge for each network that the firewall has a part in; only there ports are published and neighbours kept apart`, () => {
    const { policy } = driver;
    if (policy.firewalled) assert.notEqual(network(driver.name).bridgeName, '');
    if (policy.publishes || policy.separates({ options: { 'com.docker.network.bridge.enable_icc': 'false' } }))
      assert.equal(policy.firewalled, true);
    if (policy.namespace !== 'own') assert.equal(policy.connectable, false);
  });

  test(`${driver.name}: an internal network leads nowhere, and what is made is removed`, () => {
    assert.deepEqual(driver.gateways({ ...network(driver.name), internal: true }), { v4: '', v6: '' });
    const made = driver.createNetwork(network(driver.name), FACTS).filter(({ kind }) => kind === 'create-bridge');
    const removed = driver.removeNetwork(network(driver.name), []).filter(({ kind }) => kind === 'delete-own-link');
    assert.equal(removed.length, made.length);
  });
}

test('the driver that is not named is the bridge; one that is not there is refused in the words of Docker', () => {
  assert.equal(driverNamed('').name, 'bridge');
  assert.equal(findDriver('overlay'), undefined);
  assert.throws(() => driverNamed('x'), { kind: 'notFound', message: 'plugin "x" not found' });
});
