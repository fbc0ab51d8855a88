import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type EndpointSpec } from '../../model/endpoint.ts';
import { checkEndpointSpec } from './endpoint-check.ts';

const network = (subnets: string[], predefined = false) => ({
  predefined,
  ipam: {
    driver: 'default',
    options: null,
    pools: subnets.map((subnet) => ({ subnet, ipRange: '', gateway: '', auxAddresses: {} })),
  },
});
const faultOf = (on: ReturnType<typeof network>, change: Partial<EndpointSpec>): string => {
  try {
    checkEndpointSpec(on, { ...EMPTY_ENDPOINT_SPEC, ...change });
    return '';
  } catch (error) {
    return (error as Error).message.replace('invalid endpoint settings:\n', '');
  }
};

test('an address inside a subnet of the user is fine, others are refused', () => {
  const net = network(['10.66.0.0/24']);
  assert.equal(faultOf(net, { ipv4: '10.66.0.10' }), '');
  assert.equal(
    faultOf(net, { ipv4: '10.99.0.10' }),
    'no configured subnet or ip-range contain the IP address 10.99.0.10',
  );
  assert.match(faultOf(net, { ipv4: 'banana' }), /^\* invalid IPv4 address: banana\n/);
  assert.match(faultOf(net, { ipv6: '10.66.0.1' }), /invalid IPv6 address: 10.66.0.1/);
  for (const mapped of ['::ffff:10.66.0.1', '::FFFF:0a42:1'])
    assert.equal(
      faultOf(network(['10.66.0.0/24', 'fd00:66::/64']), { ipv6: mapped }),
      `* invalid IPv6 address: ${mapped}\n* no configured subnet or ip-range contain the IP address ${mapped}`,
    );
  assert.match(faultOf(net, { ipv4: '0.0.0.0' }), /invalid IPv4 address: 0.0.0.0/);
  assert.equal(
    faultOf(network([]), { ipv4: '172.30.0.9' }),
    'user specified IP address is supported only when connecting to networks with user configured subnets',
  );
});

test('the predefined networks take no addresses and no aliases', () => {
  const bridge = network(['172.17.0.0/16'], true);
  assert.equal(
    faultOf(bridge, { ipv4: '172.17.0.9' }),
    'user specified IP address is supported on user defined networks only',
  );
  assert.equal(
    faultOf(bridge, { aliases: ['x'] }),
    'network-scoped alias is supported only for containers in user defined networks',
  );
});

test('MAC addresses, link-local addresses, sysctls', () => {
  const net = network([]);
  assert.equal(faultOf(net, { mac: '02:42:0a:42:00:63' }), '');
  assert.equal(faultOf(net, { mac: 'nonsense' }), 'invalid MAC address nonsense');
  for (const mac of ['01:00:00:00:00:01', '33-33-00-00-00-01', '0000.0000.0000'])
    assert.match(faultOf(net, { mac }), /^invalid MAC address .*: no interface can have it/, mac);
  assert.equal(faultOf(net, { mac: '02:00:00:00:00:01' }), '');
  assert.equal(faultOf(net, { linkLocalIps: ['169.254.1.1', 'x'] }), 'invalid link-local IP address: x');
  for (const address of ['169.254.1.1', 'fe80::5', 'febf::1', '::ffff:169.254.1.1'])
    assert.equal(faultOf(net, { linkLocalIps: [address] }), '', address);
  for (const address of ['10.1.1.1', 'fd00::5', 'fec0::1', '224.0.0.1', '::', '::ffff:10.1.1.1', 'fe80::1%eth0'])
    assert.equal(faultOf(net, { linkLocalIps: [address] }), `invalid link-local IP address: ${address}`);
  const sysctls = (text: string) => faultOf(net, { driverOpts: { 'com.docker.network.endpoint.sysctls': text } });
  assert.equal(sysctls('net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=0'), '');
  assert.match(
    sysctls('net.ipv4.conf.eth0.log_martians=1'),
    /^unrecognised network interface sysctl 'net.ipv4.conf.eth0/,
  );
});
