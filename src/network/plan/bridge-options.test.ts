import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkOptions, parseBridgeOptions, unknownOptionWarnings } from './bridge-options.ts';

const check = (options: Record<string, string>) => checkOptions({ options });
const parse = (options: Record<string, string>) => parseBridgeOptions({ options });
const bridge = (name: string, value: string) => ({ [`com.docker.network.bridge.${name}`]: value });

test('defaults', () => {
  const options = parse({});
  assert.deepEqual(
    [options.icc, options.masquerade, options.mode4, options.mode6, options.mtu, options.ifnamePrefix],
    [true, true, 'nat', 'nat', 0, 'eth'],
  );
});

test('values as clients send them, and refusals that name the option', () => {
  assert.equal(parse(bridge('enable_icc', 'False')).icc, false);
  assert.equal(parse(bridge('enable_icc', '0')).icc, false);
  assert.equal(parse(bridge('gateway_mode_ipv4', 'routed')).mode4, 'routed');
  assert.deepEqual(parse(bridge('trusted_host_interfaces', 'eth0:wg0')).trustedInterfaces, ['eth0', 'wg0']);
  assert.deepEqual(parse(bridge('trusted_host_interfaces', ':eth0:more-than-15-bytes')).trustedInterfaces, ['eth0']);
});

test("a value that cannot be meant is refused in Docker's words when the network is made, and passed over afterwards", () => {
  const refuses = (name: string, value: string, complaint: string) => {
    assert.throws(() => check({ [name]: value }), {
      kind: 'invalid',
      message: `failed to parse ${name} value: ${value} (${complaint})`,
    });
    assert.deepEqual(parse({ [name]: value }), parse({}));
  };
  refuses('com.docker.network.bridge.enable_icc', 'maybe', 'strconv.ParseBool: parsing "maybe": invalid syntax');
  refuses('com.docker.network.bridge.inhibit_ipv4', '', 'strconv.ParseBool: parsing "": invalid syntax');
  refuses('com.docker.network.bridge.gateway_mode_ipv6', 'bent', 'unknown gateway mode bent');
  refuses('com.docker.network.driver.mtu', 'big', 'strconv.Atoi: parsing "big": invalid syntax');
  refuses('com.docker.network.bridge.host_binding_ipv4', 'here', 'nil ip');
  refuses('com.docker.network.host_ipv4', 'fd00::1', 'not an IPv4 address');
  refuses('com.docker.network.enable_ipv6', 'yes', 'strconv.ParseBool: parsing "yes": invalid syntax');
  refuses('causeway.dns_ttl', '5s', 'not a number of seconds');
  assert.throws(() => check({ 'com.docker.network.driver.mtu': '-5' }), { message: 'invalid MTU number: -5' });
  assert.throws(
    () => check({ 'com.docker.network.container_iface_prefix': 'a b' }),
    /container_iface_prefix value: a b/,
  );
  assert.equal(parse({ 'com.docker.network.bridge.host_binding_ipv4': '::1' }).hostBindingIp, '::1');
});

test('names: the TTL, and whether unhealthy containers are left out', () => {
  assert.deepEqual([parse({}).dnsTtlS, parse({}).dnsHealthyOnly], [undefined, false]);
  const options = parse({ 'causeway.dns_ttl': '0', 'causeway.dns_healthy_only': 'true' });
  assert.deepEqual([options.dnsTtlS, options.dnsHealthyOnly], [0, true]);
  assert.match(unknownOptionWarnings({ options: { 'causeway.dns_tll': '5' } })[0]!, /no effect/);
});

test('how often and how long after one another addresses are announced has limits, in the words of Docker', () => {
  const name = (what: string) => `com.docker.network.advertise_addr_${what}`;
  const check = (what: string, value: string) => checkOptions({ options: { [name(what)]: value } });
  for (const value of ['0', '3']) check('nmsgs', value);
  for (const value of ['100', '2000']) check('ms', value);
  for (const value of ['-1', '4'])
    assert.throws(() => check('nmsgs', value), { message: `${name('nmsgs')} must be in the range 0 to 3` });
  for (const value of ['99', '2001'])
    assert.throws(() => check('ms', value), { message: `${name('ms')} must be in the range 100 to 2000` });
  assert.throws(() => check('nmsgs', 'x'), { message: `value for option ${name('nmsgs')} "x" must be an integer` });
  assert.throws(() => check('ms', 'x'), { message: `value for option ${name('ms')} "x" must be integer milliseconds` });
});

test('unused options of Docker are named; options of other drivers are ignored', () => {
  assert.deepEqual(unknownOptionWarnings({ options: { ...bridge('enable_icc', 'true'), 'com.example.x': '1' } }), []);
  assert.match(
    unknownOptionWarnings({ options: bridge('enable_ic', 'true') })[0]!,
    /enable_ic is not known and has no effect/,
  );
  const isRead = (name: string) => !name.includes('.bridge.');
  assert.deepEqual(
    unknownOptionWarnings(
      { options: { ...bridge('enable_icc', 'true'), 'com.docker.network.driver.mtu': '9000' } },
      isRead,
    ),
    ['network option com.docker.network.bridge.enable_icc has no effect with this driver'],
  );
});
