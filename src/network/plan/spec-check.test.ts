import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_NETWORK_SPEC, type NetworkRecord, type NetworkSpec } from '../../model/network.ts';
import { checkNetworkSpec, completeSpec, refuseRemovalInUse, withDefaultOptions } from './spec-check.ts';

const SPEC: NetworkSpec = { ...EMPTY_NETWORK_SPEC, name: 'net', driver: 'bridge' };

const check = (change: Partial<NetworkSpec>) => checkNetworkSpec({ ...SPEC, ...change });
const POOL = { subnet: '10.9.0.0/24', ipRange: '', gateway: '', auxAddresses: {} };
const CONFIG: NetworkRecord = {
  ...SPEC,
  name: 'config',
  id: 'c',
  driver: 'null',
  scope: 'local',
  configOnly: true,
  enableIpv6: true,
  ipam: { driver: 'default', options: { 'causeway.subnet_size': '28' }, pools: [POOL] },
  options: { 'com.docker.network.driver.mtu': '1400' },
  labels: { tier: 'back' },
  createdAt: '',
  pools: [],
  bridgeName: '',
  predefined: false,
};

test('a configuration-only network says nothing about how it is operated', () => {
  for (const change of [{ ingress: true }, { internal: true }, { attachable: true }, { scope: 'local' }]) {
    assert.throws(() => check({ configOnly: true, ...change }), {
      kind: 'forbidden',
      message: /^configuration network can only contain network specific fields\. /,
    });
  }
  assert.throws(() => check({ configOnly: true, configFrom: 'other' }), {
    message: 'a configuration network cannot depend on another configuration network',
  });
  assert.deepEqual(check({ configOnly: true, labels: { a: 'b' }, options: { x: 'y' }, enableIpv6: true }), []);
});

test('a network made from a configuration brings none of its own', () => {
  const configured = [
    { enableIpv4: false },
    { enableIpv6: true },
    { labels: { a: 'b' } },
    { ipam: { ...SPEC.ipam, pools: [POOL] } },
    { ipam: { ...SPEC.ipam, driver: 'null' } },
    { ipam: { ...SPEC.ipam, options: { a: 'b' } } },
  ];
  for (const change of configured) {
    assert.throws(() => check({ configFrom: 'config', ...change }), {
      kind: 'forbidden',
      message: /^user specified configurations are not supported if /,
    });
  }
  assert.throws(() => check({ configFrom: 'config', options: { a: 'b' } }), {
    message: /^network driver options are not supported if /,
  });
  assert.deepEqual(check({ configFrom: 'config', internal: true }), []);
});

test('the configuration is found by its name only, and taken whole; how the network is operated is its own', () => {
  const asked = { ...SPEC, configFrom: 'config', internal: true };
  const made = completeSpec(asked, [CONFIG]);
  assert.deepEqual(
    [made.ipam, made.options, made.labels, made.enableIpv6],
    [CONFIG.ipam, CONFIG.options, CONFIG.labels, true],
  );
  assert.deepEqual([made.name, made.internal, made.configOnly, made.configFrom], ['net', true, false, 'config']);
  const missing = { kind: 'notFound', message: 'configuration network "config" does not exist' } as const;
  assert.throws(() => completeSpec(asked, [{ ...CONFIG, configOnly: false }]), missing);
  assert.throws(() => completeSpec({ ...asked, configFrom: 'c' }, [CONFIG]), { kind: 'notFound' });
});

test('a configuration in use is not removed', () => {
  const user: NetworkRecord = { ...CONFIG, name: 'net', id: 'n', configOnly: false, configFrom: 'config' };
  assert.throws(() => refuseRemovalInUse(CONFIG, [CONFIG, user]), {
    kind: 'forbidden',
    message: 'error while removing network: configuration network "config" is in use',
  });
  refuseRemovalInUse(CONFIG, [CONFIG]);
  refuseRemovalInUse(user, [CONFIG, user]);
});

test('what needs a cluster is refused; a scope that means nothing is named', () => {
  assert.throws(() => check({ driver: 'overlay' }), {
    kind: 'forbidden',
    message: /^This node is not a swarm manager\. /,
  });
  assert.throws(() => check({ ingress: true }), { message: 'Ingress network can only be global scope network' });
  assert.throws(() => check({ scope: 'swarm' }), {
    message: 'cannot create a swarm scoped network when swarm is not active',
  });
  assert.deepEqual(check({ scope: 'local' }), []);
  assert.match(check({ scope: 'global' })[0]!, /"global" has no effect/);
  const options = (name: string) => ({ ipam: { ...SPEC.ipam, options: { [name]: '28' } } });
  assert.deepEqual(check(options('causeway.subnet_size')), []);
  assert.deepEqual(check(options('causeway.subnet_sise')), [
    'IPAM option causeway.subnet_sise is not known and has no effect',
  ]);
});

test("the daemon's default options count where the user says nothing, but not for a network made from a configuration", () => {
  const MTU = 'com.docker.network.driver.mtu';
  const V6 = 'com.docker.network.enable_ipv6';
  const defaults = { [MTU]: '1400', [V6]: 'true' };
  const made = (change: Partial<NetworkSpec>) => {
    const { options, enableIpv6 } = withDefaultOptions({ ...SPEC, ...change }, defaults);
    return [options, enableIpv6];
  };
  assert.deepEqual(made({}), [defaults, true]);
  assert.deepEqual(made({ options: { [MTU]: '9000' } }), [{ ...defaults, [MTU]: '9000' }, true]);
  assert.deepEqual(made({ options: { [V6]: 'false' } }), [{ [MTU]: '1400', [V6]: 'false' }, false]);
  assert.deepEqual(made({ givenFamilies: [6] }), [{ [MTU]: '1400' }, false]);
  assert.deepEqual(made({ configFrom: 'config' }), [{}, false]);
  assert.equal('givenFamilies' in withDefaultOptions({ ...SPEC, givenFamilies: [4] }, {}), false);
  assert.throws(() => withDefaultOptions(SPEC, { [V6]: 'sure' }), {
    message: `driver-opt "${V6}" is not a valid bool`,
  });
});
