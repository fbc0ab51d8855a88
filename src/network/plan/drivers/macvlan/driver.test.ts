/**
 * What this kernel may not have (ipvlan, VLANs) is judged by the steps that a kernel that has it would be asked for.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../../../model/endpoint.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../../../model/network.ts';
import type { HostFacts } from '../../driver.ts';
import { ipvlanDriver, macvlanDriver } from './driver.ts';

const LINKS = ['eth0', 'eth0.7'];
const FACTS: HostFacts = {
  ipv6: true,
  defaultMtu: 1500,
  hasLink: (name) => LINKS.includes(name),
  isOthersBridge: () => false,
  engineOfBridge: () => undefined,
  linkKind: (name) => (LINKS.includes(name) ? '' : undefined),
  knowsLinkKind: () => true,
};

function network(
  driver: 'macvlan' | 'ipvlan',
  options: Record<string, string>,
  change: Partial<NetworkRecord> = {},
): NetworkRecord {
  return {
    ...EMPTY_NETWORK_SPEC,
    name: 'lan',
    id: '0123456789abcdef',
    driver,
    scope: 'local',
    enableIpv6: true,
    options,
    createdAt: '',
    pools: [
      { subnet: '192.0.2.0/24', ipRange: '', gateway: '192.0.2.1', auxAddresses: {} },
      { subnet: '2001:db8::/64', ipRange: '', gateway: '2001:db8::1', auxAddresses: {} },
    ],
    bridgeName: '',
    predefined: false,
    ...change,
  };
}

const ENDPOINT: Endpoint = {
  id: 'e',
  networkId: '0123456789abcdef',
  networkName: 'lan',
  containerId: 'c',
  ifname: 'eth0',
  hostIfname: '',
  mac: '02:00:00:00:00:01',
  ipv4: '192.0.2.5',
  prefix4: 24,
  ipv6: '2001:db8::5',
  prefix6: 64,
  gateway4: '',
  gateway6: '',
  dnsNames: [],
  spec: EMPTY_ENDPOINT_SPEC,
  published: [],
};

const check = (record: NetworkRecord, others: readonly NetworkRecord[] = []) =>
  (record.driver === 'ipvlan' ? ipvlanDriver : macvlanDriver).check({ ...record }, FACTS, others);

test('ipvlan l3: no gateway, the way out is the interface itself, in both families', () => {
  const lan = network('ipvlan', {
    parent: 'eth0',
    ipvlan_mode: 'l3',
    ipvlan_flag: 'private',
    'com.docker.network.driver.mtu': '1400',
  });
  assert.deepEqual(check(lan), []);
  assert.deepEqual(ipvlanDriver.gateways(lan), { v4: '', v6: '' });
  const steps = ipvlanDriver.attach({ network: lan, endpoint: ENDPOINT, netns: '/n' }, FACTS);
  assert.deepEqual(steps[0], {
    kind: 'create-ipvlan',
    parent: 'eth0',
    mode: 'l3',
    flag: 'private',
    netns: '/n',
    link: 'eth0',
    mtu: 1400,
  });
  assert.deepEqual(
    steps.slice(-2),
    ([4, 6] as const).map((version) => ({
      kind: 'add-route',
      netns: '/n',
      version,
      destination: '',
      gateway: '',
      link: 'eth0',
    })),
  );
  const inside = network('ipvlan', { parent: 'eth0', ipvlan_mode: 'l3' }, { internal: true });
  assert.deepEqual(
    ipvlanDriver
      .attach({ network: inside, endpoint: ENDPOINT, netns: '/n' }, FACTS)
      .filter((step) => step.kind === 'add-route'),
    [],
  );
});

test('ipvlan l2, the default, has gateways; its parent is for one network', () => {
  const lan = network('ipvlan', { parent: 'eth0' });
  assert.deepEqual(ipvlanDriver.gateways(lan), { v4: '192.0.2.1', v6: '2001:db8::1' });
  assert.throws(() => check(network('ipvlan', { parent: 'eth0' }), [lan]), {
    message: 'network dm-0123456789ab is already using parent interface eth0',
  });
  assert.deepEqual(check(network('ipvlan', { parent: 'eth0.7' }), [lan]), []);
  assert.throws(() => check(network('ipvlan', { parent: 'eth0', ipvlan_mode: 'l4' })), {
    message: "requested ipvlan mode 'l4' is not valid, 'l2' mode is the ipvlan driver default",
  });
});

test('a VLAN is made where it is not there, and taken away by the last network on it', () => {
  const vlan = network('macvlan', { parent: 'eth0.10' });
  assert.deepEqual(check(vlan), []);
  assert.deepEqual(macvlanDriver.createNetwork(vlan, FACTS), [
    { kind: 'create-vlan', link: 'eth0.10', parent: 'eth0', vlanId: 10 },
    { kind: 'raise-link', netns: '', link: 'eth0.10' },
  ]);
  assert.deepEqual(macvlanDriver.createNetwork(network('macvlan', { parent: 'eth0.7' }), FACTS), []);
  assert.deepEqual(macvlanDriver.removeNetwork(vlan, [network('macvlan', { parent: 'eth0.10' }, { id: 'other' })]), []);
  assert.deepEqual(macvlanDriver.removeNetwork(vlan, []), [{ kind: 'delete-own-link', link: 'eth0.10' }]);
});

test('without a parent it is created isolated, with a warning', () => {
  const lan = network('macvlan', {});
  assert.match(check(lan)[0]!, /^without -o parent, .* leads nowhere/);
  assert.deepEqual(check(network('macvlan', {}, { internal: true })), []);
  assert.deepEqual(macvlanDriver.gateways(lan), { v4: '', v6: '' });
  assert.equal(macvlanDriver.hostLink(lan, lan.id), 'dm-0123456789ab');
});

test('options that only bridges have are named', () => {
  assert.deepEqual(
    check(
      network('macvlan', {
        parent: 'eth0',
        'com.docker.network.bridge.enable_icc': 'false',
        'com.docker.network.nosuch': '1',
      }),
    ),
    [
      'network option com.docker.network.bridge.enable_icc has no effect with this driver',
      'network option com.docker.network.nosuch is not known and has no effect',
    ],
  );
});
