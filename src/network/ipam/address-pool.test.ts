import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bigintToIp, parseSubnet } from '../../model/addresses.ts';
import { AddressPool } from './address-pool.ts';

const pool = (subnet: string, options: { range?: string; reserved?: string[] } = {}) =>
  new AddressPool({
    subnet: parseSubnet(subnet)!,
    range: options.range === undefined ? undefined : parseSubnet(options.range),
    reserved: options.reserved ?? [],
  });

const takeAll = (addresses: AddressPool): string[] => {
  const all: string[] = [];
  for (let address = addresses.take(); address !== undefined; address = addresses.take()) all.push(address);
  return all;
};

test('gives the lowest free address, that of a container that left first', () => {
  const addresses = pool('172.17.0.0/16', { reserved: ['172.17.0.1'] });
  assert.deepEqual([addresses.take(), addresses.take(), addresses.take()], ['172.17.0.2', '172.17.0.3', '172.17.0.4']);
  addresses.release('172.17.0.2');
  assert.deepEqual([addresses.take(), addresses.take()], ['172.17.0.2', '172.17.0.5']);
});

test('a wanted address is given once, and the network, broadcast and gateway addresses never', () => {
  const addresses = pool('10.66.0.0/24', { reserved: ['10.66.0.1'] });
  assert.equal(addresses.take('10.66.0.10'), '10.66.0.10');
  for (const taken of ['10.66.0.10', '10.66.0.1', '10.66.0.0', '10.66.0.255']) {
    assert.throws(() => addresses.take(taken), { message: 'Address already in use', kind: 'forbidden' });
  }
  addresses.release('10.66.0.1');
  assert.throws(() => addresses.take('10.66.0.1'), { message: 'Address already in use' });
});

test('a range: its first address is a host like others, and addresses outside can be asked for', () => {
  const addresses = pool('10.66.0.0/24', { range: '10.66.0.128/25', reserved: ['10.66.0.254'] });
  assert.equal(addresses.take(), '10.66.0.128');
  assert.equal(addresses.take('10.66.0.7'), '10.66.0.7');
  assert.equal(addresses.free, 125n);
  assert.equal(takeAll(addresses).at(-1), '10.66.0.253');
  assert.equal(addresses.free, 0n);
});

test('small subnets: every address of /31, /32, /127 and /128 is a host', () => {
  assert.deepEqual(takeAll(pool('10.0.0.0/30')), ['10.0.0.1', '10.0.0.2']);
  assert.deepEqual(takeAll(pool('10.0.0.4/31')), ['10.0.0.4', '10.0.0.5']);
  assert.deepEqual(takeAll(pool('10.0.0.4/32')), ['10.0.0.4']);
  assert.deepEqual(takeAll(pool('fd00::/127')), ['fd00::', 'fd00::1']);
  assert.deepEqual(takeAll(pool('fd00::9/128')), ['fd00::9']);
  assert.deepEqual(takeAll(pool('fd00::/126')), ['fd00::1', 'fd00::2', 'fd00::3']);
});

test('a reserved address is never chosen, but given to a container that requests it', () => {
  const addresses = pool('10.67.0.0/29', { reserved: ['10.67.0.1'] });
  addresses.keep('10.67.0.2', 'stopped');
  addresses.keep('10.67.0.2', 'also-stopped');
  assert.equal(addresses.take(), '10.67.0.3');
  assert.equal(addresses.take('10.67.0.2'), '10.67.0.2');
  addresses.release('10.67.0.2');
  assert.equal(addresses.take(), '10.67.0.4');
  addresses.unkeep('10.67.0.2', 'stopped');
  assert.equal(addresses.take(), '10.67.0.5');
  addresses.unkeep('10.67.0.2', 'nobody');
  addresses.unkeep('10.67.0.2', 'also-stopped');
  assert.equal(addresses.take(), '10.67.0.2');
});

test('an IPv6 /64', () => {
  const addresses = pool('fd00:1:2:3::/64', { reserved: ['fd00:1:2:3::1'] });
  assert.equal(addresses.take(), 'fd00:1:2:3::2');
  assert.equal(addresses.take('fd00:1:2:3:ffff:ffff:ffff:ffff'), 'fd00:1:2:3:ffff:ffff:ffff:ffff');
  assert.equal(addresses.free, (1n << 64n) - 4n);
  assert.equal(addresses.inUse, 4n);
});

test('any sequence of operations: the model of a plain set', () => {
  const last = 31;
  const subnet = parseSubnet('10.0.0.0/27')!;
  const range = parseSubnet('10.0.0.8/29')!;
  const operation = fc.record({
    kind: fc.constantFrom('take', 'want', 'release', 'keep', 'unkeep'),
    host: fc.nat(last),
    owner: fc.constantFrom('a', 'b'),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 120 }), fc.boolean(), (operations, ranged) => {
      const addresses = new AddressPool({ subnet, range: ranged ? range : undefined, reserved: ['10.0.0.1'] });
      const fixed = new Set([0, 1, last]);
      const taken = new Set<number>(fixed);
      const kept = new Map<number, Set<string>>();
      const ip = (host: number) => bigintToIp(subnet.first + BigInt(host), 4);
      const chooseable = (host: number) => !taken.has(host) && !kept.get(host)?.size;
      const hosts = Array.from({ length: last + 1 }, (_, host) => host).filter(
        (host) => !ranged || (host >= 8 && host <= 15),
      );
      for (const { kind, host, owner } of operations) {
        if (kind === 'take') {
          const expected = hosts.find(chooseable);
          assert.equal(addresses.take(), expected === undefined ? undefined : ip(expected));
          if (expected !== undefined) taken.add(expected);
        } else if (kind === 'want') {
          if (taken.has(host)) assert.throws(() => addresses.take(ip(host)));
          else assert.equal(addresses.take(ip(host)), ip(host));
          taken.add(host);
        } else if (kind === 'release') {
          addresses.release(ip(host));
          if (!fixed.has(host)) taken.delete(host);
        } else if (kind === 'keep') {
          addresses.keep(ip(host), owner);
          kept.set(host, (kept.get(host) ?? new Set()).add(owner));
        } else {
          addresses.unkeep(ip(host), owner);
          kept.get(host)?.delete(owner);
        }
        assert.equal(addresses.free, BigInt(hosts.filter(chooseable).length));
        assert.equal(
          addresses.inUse,
          BigInt(Array.from({ length: last + 1 }, (_, host) => host).filter((host) => !chooseable(host)).length),
        );
        assert.equal(addresses.has(ip(host)), taken.has(host));
      }
    }),
  );
});

test('ranges of 64 bits and more: what a naive search finds, at both ends and in the middle', () => {
  const shapes = [
    { subnet: 'fd00::/64', range: undefined },
    { subnet: 'fd00:1::/48', range: 'fd00:1:0:5::/64' },
    { subnet: 'fd00::/8', range: 'fdff:ffff::/32' },
    { subnet: 'fd00:2::/32', range: 'fd00:2:ffff:ffff:ffff:ffff:ffff:fff8/125' },
  ];
  const operation = fc.record({ kind: fc.constantFrom('take', 'want', 'release'), place: fc.nat(39) });
  for (const { subnet: text, range: rangeText } of shapes) {
    const subnet = parseSubnet(text)!;
    const range = rangeText === undefined ? subnet : parseSubnet(rangeText)!;
    // Addresses around the ends of the range and of the subnet, and where 32 and 63 bits are not enough.
    const places = [
      range.first,
      range.last - 7n,
      subnet.last - 7n,
      range.first + (1n << 31n),
      range.first + (range.last - range.first) / 2n,
    ].flatMap((first) => Array.from({ length: 8 }, (_, index) => first + BigInt(index)));
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const addresses = new AddressPool({ subnet, range: rangeText === undefined ? undefined : range, reserved: [] });
        const taken = new Set([subnet.first]);
        for (const { kind, place } of operations) {
          const number = places[place % places.length]!;
          if (number < subnet.first || number > subnet.last) continue;
          const address = bigintToIp(number, 6);
          if (kind === 'take') {
            let lowest = range.first;
            while (taken.has(lowest)) lowest++;
            assert.equal(addresses.take(), lowest > range.last ? undefined : bigintToIp(lowest, 6));
            if (lowest <= range.last) taken.add(lowest);
          } else if (kind === 'want') {
            if (taken.has(number)) assert.throws(() => addresses.take(address), { message: 'Address already in use' });
            else assert.equal(addresses.take(address), address);
            taken.add(number);
          } else {
            addresses.release(address);
            if (number !== subnet.first) taken.delete(number);
          }
          const inRange = [...taken].filter((one) => one >= range.first && one <= range.last).length;
          assert.equal(addresses.free, range.last - range.first + 1n - BigInt(inRange));
          assert.equal(addresses.inUse, BigInt(taken.size));
        }
      }),
      { numRuns: 50 },
    );
  }
});

test('an address costs the same few steps however full the subnet is', () => {
  for (const [text, steps] of [
    ['10.1.0.0/16', 4],
    ['10.2.0.0/20', 4],
    ['fd00:1::/112', 4],
  ] as const) {
    const addresses = pool(text);
    // One look at each level for the search, which may turn back once at each, and for having, adding and deleting.
    const most = 5 * steps;
    const costOf = (work: () => void) => {
      const before = addresses.nodesVisited;
      work();
      return addresses.nodesVisited - before;
    };
    let taken = 0;
    for (let address = addresses.take(); address !== undefined; address = addresses.take()) taken++;
    assert.equal(BigInt(taken), addresses.inUse - (text.includes(':') ? 1n : 2n));
    assert.ok(
      addresses.nodesVisited <= taken * most + most,
      `${addresses.nodesVisited} nodes for ${taken} addresses of ${text}`,
    );
    assert.ok(costOf(() => assert.equal(addresses.take(), undefined)) <= most, 'a full one says so at once');
    for (const place of [1n, 2n, 31n, 32n, 33n, 1023n, 1024n, 2049n, 4093n]) {
      const hole = bigintToIp(addresses.subnet.first + place, addresses.subnet.version);
      assert.ok(costOf(() => addresses.release(hole)) <= most, `release ${hole}`);
      assert.ok(costOf(() => assert.equal(addresses.take(), hole)) <= most, `the only free one, ${hole}`);
    }
  }
});
