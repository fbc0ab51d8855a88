import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseBridgeOptions, unknownOptionWarnings } from './bridge-options.ts';

const parse = (options: Record<string, string>) => parseBridgeOptions({ options });
const bridge = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });

test('defaults', () => {
  const options = parse({});
  assert.deepEqual([options.icc, options.masquerade, options.mode4, options.mode6, options.mtu, options.ifnamePrefix], [true, true, 'nat', 'nat', 0, 'eth']);
});

test('values as clients send them, and refusals that name the option', () => {
  assert.equal(parse(bridge('enable_icc', 'False')).icc, false);
  assert.equal(parse(bridge('enable_icc', '0')).icc, false);
  assert.equal(parse(bridge('gateway_mode_ipv4', 'routed')).mode4, 'routed');
  assert.deepEqual(parse(bridge('trusted_host_interfaces', 'eth0:wg0')).trustedInterfaces, ['eth0', 'wg0']);
  assert.throws(() => parse(bridge('enable_icc', 'maybe')), /enable_icc.*"maybe" is not a boolean/);
  assert.throws(() => parse(bridge('gateway_mode_ipv6', 'bent')), /unknown gateway mode bent/);
  assert.throws(() => parse({ 'com.docker.network.driver.mtu': 'big' }), /mtu.*"big" is not a number/);
  assert.throws(() => parse({ 'com.docker.network.host_ipv4': 'fd00::1' }), /not an IPv4 address/);
  assert.throws(() => parse({ 'com.docker.network.container_iface_prefix': 'a b' }), /invalid interface name prefix/);
});

test('names: how long answers may be kept, and whether those who are ill are left out', () => {
  assert.deepEqual([parse({}).dnsTtlS, parse({}).dnsHealthyOnly], [undefined, false]);
  const options = parse({ 'causeway.dns_ttl': '0', 'causeway.dns_healthy_only': 'true' });
  assert.deepEqual([options.dnsTtlS, options.dnsHealthyOnly], [0, true]);
  assert.throws(() => parse({ 'causeway.dns_ttl': '5s' }), /dns_ttl.*"5s" is not a number/);
  assert.match(unknownOptionWarnings({ options: { 'causeway.dns_tll': '5' } })[0]!, /no effect/);
});

test('options of Docker that nobody reads are named; those of others are not ours', () => {
  assert.deepEqual(unknownOptionWarnings({ options: { ...bridge('enable_icc', 'true'), 'com.example.x': '1' } }), []);
  assert.match(unknownOptionWarnings({ options: bridge('enable_ic', 'true') })[0]!, /enable_ic is not known and has no effect/);
});
