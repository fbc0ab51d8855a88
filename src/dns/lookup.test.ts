import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from './address.ts';
import { RecordType } from './constants.ts';
import { compileZone, listAnswers, lookup, type CompiledZone } from './lookup.ts';
import type { NetworkZone, SandboxView, ServiceTarget } from '../base/dns-zone.ts';

const zone = (
  id: string,
  name: string,
  names: Record<string, string[]>,
  more: Partial<NetworkZone> = {},
  services: Record<string, ServiceTarget[]> = {},
): CompiledZone =>
  compileZone({
    id,
    name,
    ttlS: 5,
    names: Object.fromEntries(
      Object.entries(names).map(([key, list]) => [
        key,
        {
          a: list.filter((text) => !text.includes(':')),
          aaaa: list.filter((text) => text.includes(':')),
          services: services[key] ?? [],
        },
      ]),
    ),
    ptr: {},
    ...more,
  });

const view = (networks: string[], more: Partial<SandboxView> = {}): SandboxView => ({
  id: 's',
  netns: '',
  port: 1,
  networks,
  aliases: {},
  upstreams: [],
  forward: true,
  ...more,
});

const zones = new Map(
  [
    zone('1', 'front', {
      web: ['10.0.1.2'],
      db: ['10.0.1.3', 'fd01::3'],
      asleep: [],
      both: ['10.0.1.9'],
      'x.y': ['10.0.1.7'],
    }),
    zone(
      '2',
      'Back',
      { db: ['10.0.2.3'], asleep: ['10.0.2.4'], both: ['fd02::9'], x: ['10.0.2.7'] },
      {
        ptr: { '10.0.2.3': 'db.Back', 'fd02:0:0::9': 'both.Back' },
      },
      { db: [{ service: '_sql._tcp', target: 'db.Back', port: 5432, a: ['10.0.2.3'], aaaa: [] }] },
    ),
    zone('3', 'y', { x: ['10.0.3.7'] }),
  ].map((compiled) => [compiled.source.id, compiled] as const),
);

/** Addresses, '' for known and empty, undefined for unknown. */
function ask(from: SandboxView, name: string, type: number = RecordType.A): string | undefined {
  return lookup(from, zones, name, type)
    ?.records.map((record) => {
      if (record.type === RecordType.PTR) return record.name;
      return record.type === RecordType.SRV
        ? `${record.target.target}:${record.target.port}`
        : formatAddress(record.bytes);
    })
    .join(' ');
}

test('the first network in order that has an address answers', () => {
  assert.equal(ask(view(['1', '2']), 'db'), '10.0.1.3');
  assert.equal(ask(view(['2', '1']), 'db'), '10.0.2.3');
  assert.equal(ask(view(['1', '2']), 'both', RecordType.AAAA), 'fd02::9');
  assert.equal(ask(view(['2']), 'web'), undefined); // not on a network of mine
  assert.equal(ask(view([]), 'web'), undefined);
  assert.equal(ask(view(['9', '1']), 'web'), '10.0.1.2'); // a network that is not known yet
});

test('a known name without such an address is empty, never unknown', () => {
  assert.equal(ask(view(['1']), 'asleep'), '');
  assert.equal(ask(view(['1', '2']), 'asleep'), '10.0.2.4');
  assert.equal(ask(view(['1']), 'web', RecordType.AAAA), '');
  for (const type of [RecordType.MX, RecordType.TXT, RecordType.SRV, RecordType.PTR, RecordType.CNAME, 65535]) {
    assert.equal(ask(view(['1']), 'db', type), '', String(type));
  }
  assert.equal(ask(view(['1']), 'db', RecordType.ANY), '10.0.1.3 fd01::3');
});

test('name.network, with dots in either', () => {
  assert.equal(ask(view(['1', '2']), 'db.back'), '10.0.2.3');
  assert.equal(ask(view(['1', '2']), 'db.front'), '10.0.1.3');
  assert.equal(ask(view(['1']), 'db.back'), undefined); // a network that the container is not on
  assert.equal(ask(view(['1', '2']), 'web.back'), undefined);
  assert.equal(ask(view(['3', '1']), 'x.y'), '10.0.1.7'); // the whole name first
  assert.equal(ask(view(['3', '2']), 'x.y'), '10.0.3.7');
  assert.equal(ask(view(['1']), 'x.y.front'), '10.0.1.7');
  assert.equal(ask(view(['1']), 'front'), undefined);
});

test('a private alias goes first, hides that name of its network, and is never asked elsewhere', () => {
  const linked = view(['1', '2'], {
    aliases: {
      database: [{ network: '1', name: 'db' }],
      web: [{ network: '1', name: 'db' }],
      lost: [{ network: '1', name: 'removed' }],
    },
  });
  assert.equal(ask(linked, 'database'), '10.0.1.3');
  assert.equal(ask(linked, 'database.front'), '10.0.1.3');
  assert.equal(ask(linked, 'database.back'), undefined);
  assert.equal(ask(linked, 'database', RecordType.AAAA), 'fd01::3');
  assert.equal(ask(linked, 'database', RecordType.TXT), '');
  assert.equal(ask(linked, 'web'), '10.0.1.3');
  assert.equal(ask(linked, 'lost'), '');
  assert.equal(ask(view(['1', '2']), 'database'), undefined); // no other has it
});

test('an alias that was asked for on several networks is found on the one where its source is', () => {
  const linked = view(['1', '2'], {
    aliases: {
      store: [
        { network: '1', name: 'asleep' },
        { network: '2', name: 'asleep' },
      ],
    },
  });
  assert.equal(ask(linked, 'store'), '10.0.2.4');
  assert.equal(ask(linked, 'store.back'), '10.0.2.4');
  assert.equal(ask(linked, 'store.front'), '');
});

test('reverse and service names', () => {
  assert.equal(ask(view(['2']), '3.2.0.10.in-addr.arpa', RecordType.PTR), 'db.Back');
  assert.equal(ask(view(['1']), '3.2.0.10.in-addr.arpa', RecordType.PTR), undefined);
  assert.equal(ask(view(['2']), `9.${'0.'.repeat(27)}2.0.d.f.ip6.arpa`, RecordType.PTR), 'both.Back');
  assert.equal(ask(view(['2']), '10.0.2.3', RecordType.PTR), undefined); // an address is not a name
  for (const name of ['_sql._tcp.db', '_sql._tcp.db.back'])
    assert.equal(ask(view(['2']), name, RecordType.SRV), 'db.Back:5432');
  assert.equal(
    ask(view(['1', '2'], { aliases: { sql: [{ network: '2', name: 'db' }] } }), '_sql._tcp.sql', RecordType.SRV),
    'db.Back:5432',
  );
});

test('services of a known name are never asked elsewhere', () => {
  for (const name of ['_sql._tcp.db', '_none._tcp.db', '_sql._udp.asleep'])
    assert.equal(ask(view(['2']), name, RecordType.A), '', name);
  assert.equal(ask(view(['2']), '_sql._tcp.asleep', RecordType.SRV), '');
  assert.equal(ask(view(['2']), '_sql._tcp.nobody', RecordType.SRV), undefined);
  assert.equal(ask(view(['2']), 'x._tcp.db', RecordType.SRV), undefined);
});

test('names of JavaScript object properties are not containers', () => {
  for (const name of ['constructor', '__proto__', 'tostring', 'hasownproperty'])
    assert.equal(ask(view(['1']), name), undefined, name);
  const odd = zone('4', 'odd', {});
  const zoned = compileZone({
    ...odd.source,
    names: JSON.parse('{"__proto__":{"a":["10.0.4.2"],"aaaa":[]}}') as NetworkZone['names'],
  });
  assert.equal(lookup(view(['4']), new Map([['4', zoned]]), '__proto__', RecordType.A)?.records.length, 1);
});

test('addresses that are none are left out and reported', () => {
  const problems: string[] = [];
  const compiled = compileZone(
    {
      id: '5',
      name: 'n',
      ttlS: 1,
      names: { db: { a: ['10.0.0.1', 'fd00::1', 'x'], aaaa: ['::1'] } },
      ptr: { nonsense: 'db.n' },
    },
    (problem) => problems.push(problem),
  );
  assert.equal(compiled.names.get('db')!.a.length, 1);
  assert.equal(problems.length, 3);
});

test('the list shows the answer for each name', () => {
  const list = listAnswers(
    view(['1'], { aliases: { sql: [{ network: '1', name: 'db' }], web: [{ network: '1', name: 'db' }] } }),
    zones,
  );
  assert.deepEqual(
    list.find(({ name }) => name === 'sql'),
    { name: 'sql', network: 'front', addresses: ['10.0.1.3', 'fd01::3'], alias: true },
  );
  assert.equal(list.filter(({ name }) => name === 'web').length, 1);
  assert.deepEqual(list.find(({ name }) => name === 'asleep')?.addresses, []);
});
