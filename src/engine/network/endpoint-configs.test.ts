import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type EndpointSpec } from '../../model/endpoint.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../model/network.ts';
import { checkEndpointConfigs } from './endpoint-configs.ts';

const network = (name: string, subnets: string[]) =>
  ({
    ...EMPTY_NETWORK_SPEC,
    id: name.repeat(8),
    name,
    predefined: name === 'bridge',
    ipam: {
      ...EMPTY_NETWORK_SPEC.ipam,
      pools: subnets.map((subnet) => ({ subnet, ipRange: '', gateway: '', auxAddresses: {} })),
    },
  }) as unknown as NetworkRecord;
const source = { networks: () => [network('bridge', []), network('net', ['10.66.0.0/24']), network('plain', [])] };

function refusal(networks: Record<string, Partial<EndpointSpec>>): string {
  const specs = Object.entries(networks).map(([name, change]) => [name, { ...EMPTY_ENDPOINT_SPEC, ...change }]);
  try {
    checkEndpointConfigs(Object.fromEntries(specs) as Record<string, EndpointSpec>, source);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

const about = (ref: string, complaint: string) =>
  `invalid config for network ${ref}: invalid endpoint settings:\n${complaint}`;

test('what is wrong with the settings for a network is told with its name, all of it, in the words of Docker', () => {
  assert.equal(
    refusal({ net: { ipv4: 'banana' } }),
    about('net', '* invalid IPv4 address: banana\n* no configured subnet or ip-range contain the IP address banana'),
  );
  assert.equal(
    refusal({ netnet: { ipv4: '10.99.0.10' } }),
    about('netnet', 'no configured subnet or ip-range contain the IP address 10.99.0.10'),
  );
  assert.equal(
    refusal({ bridge: { ipv4: '172.17.0.9', aliases: ['a'] } }),
    about(
      'bridge',
      '* user specified IP address is supported on user defined networks only\n* network-scoped alias is supported only for containers in user defined networks\n* user specified IP address is supported only when connecting to networks with user configured subnets',
    ),
  );
  assert.equal(
    refusal({ plain: { ipv4: '172.30.0.9' } }),
    about(
      'plain',
      'user specified IP address is supported only when connecting to networks with user configured subnets',
    ),
  );
  assert.equal(refusal({ net: { mac: 'nonsense' } }), 'invalid config for network net: invalid MAC address nonsense');
  assert.match(
    refusal({ net: { driverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.eth0.x=1' } } }),
    /unrecognised network interface sysctl/,
  );
});

test('settings for a network that is not there yet are judged as far as that goes', () => {
  assert.equal(refusal({ later: { ipv6: '10.0.0.1' } }), about('later', 'invalid IPv6 address: 10.0.0.1'));
  assert.equal(refusal({ later: { ipv4: '10.0.0.1', aliases: ['a'], mac: '02:42:0a:42:00:63' } }), 'accepted');
  assert.equal(refusal({ net: { ipv4: '10.66.0.9', aliases: ['a'] } }), 'accepted');
});

test('several networks: all complaints in one answer', () => {
  assert.match(
    refusal({ net: { ipv4: 'x' }, later: { ipv6: 'y' } }),
    /^\* invalid config for network net: [^]*\n\* invalid config for network later: /,
  );
});
