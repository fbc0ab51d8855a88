import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkRecord } from '../../model/network.ts';
import { networkCreateSchema } from '../../wire/network.ts';
import { checkValue } from '../../wire/parse-body.ts';
import { toNetworkJson, toNetworkSpec, toNetworkStatus } from './network-json.ts';

const specOf = (body: object) => toNetworkSpec(checkValue(networkCreateSchema, 'CreateRequest', body));
const view = (change: Partial<NetworkRecord>) => {
  const { scope: _, ...spec } = specOf({ Name: 'net' });
  return {
    record: {
      ...spec,
      id: 'i',
      scope: 'local' as const,
      createdAt: '',
      pools: [],
      bridgeName: '',
      predefined: false,
      ...change,
    },
    endpoints: [],
    pools: [],
  };
};
const pool = (subnet: string, gateway = '') => ({ subnet, ipRange: '', gateway, auxAddresses: {} });

test('the families: a field decides, then an option, then IPv4 alone', () => {
  const families = (body: object) => {
    const { enableIpv4, enableIpv6, options } = specOf({ Name: 'n', ...body });
    return [enableIpv4, enableIpv6, options];
  };
  const options = (v4: string, v6: string) => ({
    'com.docker.network.enable_ipv4': v4,
    'com.docker.network.enable_ipv6': v6,
  });
  assert.deepEqual(families({}), [true, false, {}]);
  assert.deepEqual(families({ Options: options('0', 'True') }), [false, true, options('0', 'True')]);
  assert.deepEqual(families({ EnableIPv4: true, EnableIPv6: false, Options: options('0', 'banana') }), [
    true,
    false,
    {},
  ]);
  assert.throws(() => families({ Options: options('1', 'banana') }), {
    kind: 'invalid',
    message: 'driver-opt "com.docker.network.enable_ipv6" is not a valid bool',
  });
});

test('pools: as asked, IPv4 first, then as chosen', () => {
  const asked = [pool('fd01::/64'), pool('10.0.0.0/24', '10.0.0.9')];
  const both = view({
    ipam: { driver: 'default', options: null, pools: asked },
    pools: [pool('10.0.0.0/24', '10.0.0.9'), pool('fd01::/64', 'fd01::1')],
  });
  assert.deepEqual(toNetworkJson(both, true).IPAM.Config, [
    { Subnet: '10.0.0.0/24', Gateway: '10.0.0.9' },
    { Subnet: 'fd01::/64', Gateway: 'fd01::1' },
  ]);
  const spelled = view({
    ipam: { driver: 'default', options: null, pools: [pool('FD01:0::/64')] },
    pools: [pool('fd01::/64', 'fd01::1')],
  });
  assert.deepEqual(toNetworkJson(spelled, true).IPAM.Config, [{ Subnet: 'fd01::/64', Gateway: 'fd01::1' }]);
  const chosen = view({
    ipam: { driver: 'default', options: null, pools: [pool('fd01::/64')] },
    pools: [pool('172.18.0.0/16', '172.18.0.1')],
  });
  assert.deepEqual(toNetworkJson(chosen, true).IPAM.Config, [
    { Subnet: 'fd01::/64' },
    { Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' },
  ]);
});

test('status: by subnet, capped at 64 bits', () => {
  const pools = [
    { subnet: '10.0.0.0/24', ipsInUse: 4n, dynamicIpsAvailable: 252n },
    { subnet: 'fd01::/64', ipsInUse: 2n, dynamicIpsAvailable: (1n << 64n) - 2n },
    { subnet: 'fd02::/48', ipsInUse: 2n, dynamicIpsAvailable: (1n << 80n) - 2n },
  ];
  assert.deepEqual(toNetworkStatus({ ...view({}), pools }), {
    IPAM: {
      Subnets: {
        '10.0.0.0/24': { IPsInUse: 4n, DynamicIPsAvailable: 252n },
        'fd01::/64': { IPsInUse: 2n, DynamicIPsAvailable: (1n << 64n) - 2n },
        'fd02::/48': { IPsInUse: 2n, DynamicIPsAvailable: (1n << 64n) - 1n },
      },
    },
  });
});
