import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatSubnet, parseSubnet, subnetsOverlap, type Subnet } from '../../model/addresses.ts';
import { chooseSubnet, DOCKER_POOLS_V4, parseSources, uniqueLocalPool } from './default-pools.ts';

const subnets = (...texts: string[]) => texts.map((text) => parseSubnet(text)!);
const docker = parseSources(DOCKER_POOLS_V4, 4);

test('Docker cuts 172.17 to 172.31, then sixteen /20 of 192.168', () => {
  const taken: Subnet[] = [];
  for (let next = chooseSubnet(docker, taken); next; next = chooseSubnet(docker, taken)) taken.push(next);
  const texts = taken.map(formatSubnet);
  assert.equal(texts.length, 31);
  assert.deepEqual(texts.slice(0, 4), ['172.17.0.0/16', '172.18.0.0/16', '172.19.0.0/16', '172.20.0.0/16']);
  assert.deepEqual(texts.slice(14, 17), ['172.31.0.0/16', '192.168.0.0/20', '192.168.16.0/20']);
  assert.equal(texts.at(-1), '192.168.240.0/20');
});

test('what the host uses is stepped over, and a gap is used again', () => {
  assert.equal(
    formatSubnet(chooseSubnet(docker, subnets('172.17.0.0/16', '172.18.5.0/24', '172.19.0.0/16'))!),
    '172.20.0.0/16',
  );
  assert.equal(formatSubnet(chooseSubnet(docker, subnets('172.16.0.0/12'))!), '192.168.0.0/20');
  assert.equal(formatSubnet(chooseSubnet(docker, subnets('172.16.0.0/12', '192.168.1.7/32'))!), '192.168.16.0/20');
  assert.equal(formatSubnet(chooseSubnet(docker, subnets('172.17.0.0/16', '172.19.0.0/16'))!), '172.18.0.0/16');
});

test('another size than the pool has', () => {
  assert.equal(formatSubnet(chooseSubnet(docker, subnets('172.17.0.0/16'), 26)!), '172.18.0.0/26');
  assert.equal(formatSubnet(chooseSubnet(docker, subnets('172.17.0.0/16', '172.18.0.0/26'), 26)!), '172.18.0.64/26');
  assert.equal(formatSubnet(chooseSubnet(docker, [], 14)!), '172.20.0.0/14');
});

test('the unique local pool is the same for one host, and another for another', () => {
  const pool = uniqueLocalPool('a');
  assert.deepEqual(pool, uniqueLocalPool('a'));
  assert.notDeepEqual(pool, uniqueLocalPool('b'));
  assert.match(pool.base, /^fd[0-9a-f]{2}:.*\/48$/);
  assert.equal(formatSubnet(chooseSubnet(parseSources([pool], 6), [])!), pool.base.replace('/48', '/64'));
});

test('sources are sorted, those inside another dropped, bad ones refused', () => {
  const parsed = parseSources(
    [
      { base: '192.168.0.0/16', size: 24 },
      { base: '10.0.0.0/8', size: 24 },
      { base: '10.5.0.0/16', size: 28 },
    ],
    4,
  );
  assert.deepEqual(
    parsed.map(({ base, size }) => `${formatSubnet(base)} ${size}`),
    ['10.0.0.0/8 24', '192.168.0.0/16 24'],
  );
  assert.throws(
    () => parseSources([{ base: '10.0.0.0/16', size: 8 }], 4),
    /size must be a prefix length from 16 to 32/,
  );
  assert.throws(() => parseSources([{ base: 'banana', size: 8 }], 4), /banana is not a subnet/);
});

test('whatever is taken, the choice overlaps none of it, and is the lowest that does not', () => {
  const sources = parseSources(
    [
      { base: '10.0.0.0/24', size: 28 },
      { base: '10.0.2.0/25', size: 27 },
    ],
    4,
  );
  const candidates = sources.flatMap(({ base, size }) => {
    const step = 1n << BigInt(32 - size);
    const list: Subnet[] = [];
    for (let first = base.first; first + step - 1n <= base.last; first += step)
      list.push({ version: 4, first, last: first + step - 1n, prefix: size });
    return list;
  });
  const taken = fc
    .tuple(fc.nat(1023), fc.integer({ min: 22, max: 32 }))
    .map(([host, prefix]) => parseSubnet(`10.0.${host >> 8}.${host & 255}/${prefix}`)!);
  fc.assert(
    fc.property(fc.array(taken, { maxLength: 12 }), (list) => {
      const expected = candidates.find((candidate) => !list.some((other) => subnetsOverlap(other, candidate)));
      const chosen = chooseSubnet(sources, list);
      assert.deepEqual(chosen && formatSubnet(chosen), expected && formatSubnet(expected));
    }),
    { numRuns: 500 },
  );
});
