import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_ENDPOINT_SPEC } from '../../model/endpoint.ts';
import type { Upstream } from '../../base/dns-zone.ts';
import { projectView, projectZone } from './zone.ts';
import { foldName } from '../table/dns-names.ts';

const network = { id: 'n1', name: 'net' };
const endpoint = (containerId: string, ipv4: string, ipv6: string, ...dnsNames: string[]) => ({
  containerId,
  ipv4,
  ipv6,
  dnsNames,
});
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a zone: shared aliases, letter case, reverse names, names of containers that do not run', () => {
  const zone = projectZone({
    network,
    ttlS: 5,
    endpoints: [
      endpoint('1', '172.18.0.2', '', 'One', 'pool', 'first'),
      endpoint('2', '172.18.0.3', 'fd00:0::3', 'two', 'POOL', 'pool'),
      endpoint('3', '172.18.0.4', ''),
    ],
    knownNames: ['Cold', 'pool'],
  });
  assert.deepEqual(plain(zone), {
    id: 'n1',
    name: 'net',
    ttlS: 5,
    names: {
      cold: { a: [], aaaa: [] },
      pool: { a: ['172.18.0.2', '172.18.0.3'], aaaa: ['fd00::3'] },
      one: { a: ['172.18.0.2'], aaaa: [] },
      first: { a: ['172.18.0.2'], aaaa: [] },
      two: { a: ['172.18.0.3'], aaaa: ['fd00::3'] },
    },
    ptr: { '172.18.0.2': 'One.net', '172.18.0.3': 'two.net', 'fd00::3': 'two.net' },
  });
});

test('names that JavaScript objects are born with are names like others', () => {
  const zone = projectZone({
    network,
    ttlS: 5,
    endpoints: [endpoint('1', '10.0.0.2', '', '__proto__', 'constructor')],
  });
  assert.deepEqual(Object.keys(zone.names), ['__proto__', 'constructor']);
  assert.equal(zone.names['tostring'], undefined);
});

test('an unhealthy container leaves a shared name while another is healthy', () => {
  const endpoints = [endpoint('1', '10.0.0.2', '', 'a', 'pool'), endpoint('2', '10.0.0.3', '', 'b', 'pool')];
  const pool = (...unhealthy: string[]) =>
    projectZone({ network, ttlS: 5, endpoints, unhealthy: new Set(unhealthy) }).names['pool']!.a;
  assert.deepEqual(pool(), ['10.0.0.2', '10.0.0.3']);
  assert.deepEqual(pool('1'), ['10.0.0.3']);
  assert.deepEqual(pool('1', '2'), ['10.0.0.2', '10.0.0.3']);
  assert.deepEqual(projectZone({ network, ttlS: 5, endpoints, unhealthy: new Set(['1']) }).names['a']!.a, ['10.0.0.2']);
});

test('case folding is ASCII only and drops the final dot', () => {
  assert.equal(foldName('DB.Net.'), 'db.net');
  assert.equal(foldName('ÄB'), 'Äb');
});

const hostServer: Upstream = { address: '10.0.0.53', port: 53, from: 'host' };
const ownServer: Upstream = { address: '9.9.9.9', port: 53, from: 'container' };
const onNetwork = (networkId: string, ...links: string[]) => ({ networkId, spec: { ...EMPTY_ENDPOINT_SPEC, links } });
const sandbox = { id: 's', netns: '/run/netns/s', port: 40000 };

test('a view: zones in order, private aliases, servers', () => {
  const view = projectView({
    sandbox,
    endpoints: [onNetwork('n1', 'db:Database', 'Later:soon'), onNetwork('n2', 'other:soon', 'plain')],
    isolated: false,
    upstreams: [hostServer],
  });
  assert.deepEqual(plain(view), {
    ...sandbox,
    networks: ['n1', 'n2'],
    aliases: {
      database: [{ network: 'n1', name: 'db' }],
      soon: [
        { network: 'n1', name: 'later' },
        { network: 'n2', name: 'other' },
      ],
      plain: [{ network: 'n2', name: 'plain' }],
    },
    upstreams: [hostServer],
    forward: true,
  });
});

test('what is not asked for is not there', () => {
  const view = projectView({ sandbox, endpoints: [], isolated: false, upstreams: [], keepBareNames: false });
  assert.deepEqual(Object.keys(view), ['id', 'netns', 'port', 'networks', 'aliases', 'upstreams', 'forward']);
  const asked = projectView({
    sandbox,
    endpoints: [],
    isolated: false,
    upstreams: [],
    keepBareNames: true,
    queryLog: true,
  });
  assert.deepEqual([asked.keepBareNames, asked.queryLog], [true, true]);
});

test('from an internal network no server is asked through the host; those of the container itself are', () => {
  const asked = (isolated: boolean, ...upstreams: Upstream[]) => {
    const view = projectView({ sandbox, endpoints: [onNetwork('n1')], isolated, upstreams });
    return [view.upstreams, view.forward];
  };
  assert.deepEqual(asked(true, hostServer), [[], false]);
  assert.deepEqual(asked(true, ownServer), [[ownServer], true]);
  assert.deepEqual(asked(true, hostServer, ownServer), [[ownServer], true]);
  assert.deepEqual(asked(false, hostServer), [[hostServer], true]);
});

test('a link to a whole id is one to the name that its first digits are', () => {
  const id = 'ab'.repeat(32);
  const view = projectView({ sandbox, endpoints: [onNetwork('n1', `${id}:db`)], isolated: false, upstreams: [] });
  assert.deepEqual(view.aliases['db'], [{ network: 'n1', name: id.slice(0, 12) }]);
});

test('services: exposed ports by number and by their registered names, of every container that shares a name', () => {
  const ports = [
    { port: 80, protocol: 'tcp' as const },
    { port: 9999, protocol: 'udp' as const },
  ];
  const { names } = projectZone({
    network,
    ttlS: 5,
    endpoints: [
      { ...endpoint('1', '10.0.0.2', 'fd00:0::2', 'web', 'pool'), ports },
      { ...endpoint('2', '10.0.0.3', '', 'web2', 'pool'), ports: ports.slice(0, 1) },
    ],
    knownNames: ['asleep'],
  });
  const at = (name: string) =>
    names[name]!.services?.map(({ service, target, port }) => `${service} ${target}:${port}`);
  assert.deepEqual(at('web'), ['_80._tcp web.net:80', '_http._tcp web.net:80', '_9999._udp web.net:9999']);
  assert.deepEqual(
    at('pool')?.filter((text) => text.startsWith('_http')),
    ['_http._tcp web.net:80', '_http._tcp web2.net:80'],
  );
  assert.deepEqual(names['web']!.services?.[0]?.aaaa, ['fd00::2']);
  assert.equal(at('asleep'), undefined);
});

test('whatever the endpoints, every name of each answers with its addresses and no others', () => {
  const name = fc.constantFrom('a', 'A', 'b', 'web', 'WEB', 'db');
  const rows = fc.array(fc.tuple(fc.uniqueArray(name, { maxLength: 4 }), fc.boolean(), fc.boolean()), { maxLength: 8 });
  fc.assert(
    fc.property(rows, fc.array(name), (list, knownNames) => {
      const endpoints = list.map(([names, with4, with6], index) =>
        endpoint(String(index), with4 ? `10.0.0.${index + 2}` : '', with6 ? `fd00::${index + 2}` : '', ...names),
      );
      const zone = projectZone({ network, ttlS: 1, endpoints, knownNames });
      const expected = new Set(
        [...knownNames, ...endpoints.flatMap(({ dnsNames }) => dnsNames)].map((text) => text.toLowerCase()),
      );
      assert.deepEqual(new Set(Object.keys(zone.names)), expected);
      for (const [key, { a, aaaa }] of Object.entries(zone.names)) {
        const holders = endpoints.filter(({ dnsNames }) => dnsNames.some((text) => text.toLowerCase() === key));
        assert.deepEqual(a, holders.map(({ ipv4 }) => ipv4).filter(Boolean));
        assert.deepEqual(aaaa, holders.map(({ ipv6 }) => ipv6).filter(Boolean));
      }
    }),
  );
});
