import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_NETWORK_SPEC, type IpamPool, type NetworkSpec } from '../../../../model/network.ts';
import { checkBridgeSpec } from './spec-check.ts';

const POOL: IpamPool = { subnet: '', ipRange: '', gateway: '', auxAddresses: {} };
const FACTS = {
  defaultMtu: 1500,
  engineOfBridge: () => undefined,
  linkKind: (name: string) => ({ eth0: '', br9: 'bridge' })[name],
};

function check(change: Partial<NetworkSpec>, ...pools: Partial<IpamPool>[]): void {
  checkWith(FACTS, change, ...pools);
}

function checkWith(facts: typeof FACTS, change: Partial<NetworkSpec>, ...pools: Partial<IpamPool>[]): void {
  checkBridgeSpec(
    {
      ...EMPTY_NETWORK_SPEC,
      name: 'net',
      driver: 'bridge',
      ipam: { driver: 'default', options: null, pools: pools.map((pool) => ({ ...POOL, ...pool })) },
      ...change,
    },
    facts,
  );
}

test('one subnet a family, and one family at least', () => {
  check({ enableIpv6: true }, { subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' });
  check({}, { subnet: '10.1.0.0/24' }, { subnet: 'fd00::/64' }, { subnet: 'fd01::/64' }); // not used
  assert.throws(() => check({}, { subnet: '10.1.0.0/24' }, { subnet: '10.2.0.0/24' }), {
    kind: 'forbidden',
    message: "bridge driver doesn't support multiple subnets",
  });
  assert.throws(() => check({ enableIpv4: false }), { message: 'IPv4 or IPv6 must be enabled' });
  assert.throws(() => check({ ipam: { driver: 'null', options: null, pools: [] } }), { message: 'ipv4 pool is empty' });
  assert.throws(
    () => check({ enableIpv4: false, enableIpv6: true, ipam: { driver: 'null', options: null, pools: [] } }),
    { message: 'ipv6 pool is empty' },
  );
});

test('IPv6 subnets that no bridge can have', () => {
  const six = (subnet: string, gateway = '') => check({ enableIpv6: true }, { subnet, gateway });
  six('fe80::/64');
  six('2001:db8::/32');
  assert.throws(() => six('fe80::/48'), { message: "'fe80::1/48' clashes with the Link-Local prefix 'fe80::/64'" });
  assert.throws(() => six('fe80::/80', 'fe80::9'), {
    message: "'fe80::9/80' clashes with the Link-Local prefix 'fe80::/64'",
  });
  assert.throws(() => six('ff02::/64'), { message: "multicast subnet 'ff02::1/64' is not allowed" });
  assert.throws(() => six('::ffff:10.0.0.0/120'), { message: "'::ffff:a00:1/120' is not a valid IPv6 subnet" });
});

test('the name: an interface that is there must be a bridge', () => {
  const named = (name: string) => check({ options: { 'com.docker.network.bridge.name': name } });
  for (const name of ['br9', 'br-new', '']) named(name);
  assert.throws(() => named('eth0'), { kind: 'system', message: 'existing interface eth0 is not a bridge' });
  for (const name of ['sixteen-letters-', 'a b', 'a/b', '..', 'a"b', 'a*', 'br%d'])
    assert.throws(() => named(name), { kind: 'invalid', message: /^invalid bridge name / });
});

test('isolation is for internal networks, and IPv6 needs its MTU', () => {
  const isolated = { options: { 'com.docker.network.bridge.gateway_mode_ipv6': 'isolated' } };
  check({ ...isolated, internal: true });
  assert.throws(() => check(isolated), { message: "gateway mode 'isolated' can only be used for an internal network" });
  const narrow = { options: { 'com.docker.network.driver.mtu': '1279' } };
  check(narrow);
  assert.throws(() => check({ ...narrow, enableIpv6: true }), {
    message: /^invalid MTU number: 1279: IPv6 needs at least 1280/,
  });
  const daemons = { ...FACTS, defaultMtu: 1200 };
  checkWith(daemons, {});
  checkWith(daemons, { enableIpv6: true, options: { 'com.docker.network.driver.mtu': '1280' } });
  assert.throws(() => checkWith(daemons, { enableIpv6: true }), {
    message: /^invalid MTU number: 1200: IPv6 needs at least 1280/,
  });
});
