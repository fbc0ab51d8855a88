import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bigintToIp } from '../../model/addresses.ts';
import type { Element, ElementVerdict, Field } from './facts/element.ts';
import { decodeElement, encodeElement } from './encode.ts';
import { groupBySet, parseUserChain, renderElements, renderRuleset, rulesetVersion, setNames } from './ruleset.ts';
import { SETS, type FieldType } from './schema.ts';

const FIELDS: Record<FieldType, fc.Arbitrary<Field>> = {
  ifname: fc.stringMatching(/^[a-z][a-z0-9.-]{0,14}$/),
  ipv4_addr: fc.ipV4(),
  ipv6_addr: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((number) => bigintToIp(number, 6)),
  inet_proto: fc.constantFrom('tcp', 'udp', 'sctp'),
  inet_service: fc.integer({ min: 0, max: 65535 }),
  nf_proto: fc.constantFrom('ipv4', 'ipv6'),
};
const fields = (types: readonly FieldType[]) => fc.tuple(...types.map((type) => FIELDS[type]));

const element: fc.Arbitrary<Element> = fc.constantFrom(...setNames()).chain((set) => {
  const { key, data } = SETS[set];
  if (data === undefined) return fields(key).map((text) => ({ set, key: text }));
  const value = data === 'verdict' ? fc.constantFrom<ElementVerdict>('accept', 'drop', 'goto holes') : fields(data);
  return fc.tuple(fields(key), value).map(([text, one]) => ({ set, key: text, value: one }));
});

test('every element is the same after being bytes', () => {
  fc.assert(fc.property(element, (one) => assert.deepEqual(decodeElement(one.set, encodeElement(one)), one)));
});

test('the bytes are what nft writes', () => {
  const hex = (one: Element) => {
    const { key, data } = encodeElement(one);
    return [key.toString('hex'), Buffer.isBuffer(data) ? data.toString('hex') : data];
  };
  assert.deepEqual(hex({ set: 'publish4', key: ['1.2.3.4', 'tcp', 80], value: ['172.17.0.2', 81] }), [
    '010203040600000000500000',
    'ac11000200510000',
  ]);
  assert.deepEqual(hex({ set: 'bridges', key: ['docker0'] }), ['646f636b657230000000000000000000', undefined]);
  assert.deepEqual(hex({ set: 'strangers', key: ['ipv4'], value: 'goto strangers' }), [
    '02',
    { verdict: 'goto', chain: 'strangers' },
  ]);
});

test('what has no place in an element is refused', () => {
  assert.throws(() => encodeElement({ set: 'open4', key: ['1.2.3.4', 'tcp'] }), /does not have 3 parts/);
  assert.throws(() => encodeElement({ set: 'open4', key: ['1.2.3.4', 'icmpx', 80] }), /"icmpx" has no place/);
  assert.throws(() => encodeElement({ set: 'bridges', key: ['a-name-that-is-too-long'] }), /longer than 15 bytes/);
  assert.throws(
    () => encodeElement({ set: 'neighbours', key: ['a', 'b'], value: 'maybe' as ElementVerdict }),
    /unknown firewall verdict/,
  );
});

test("the user's rules are told from what we put around them", () => {
  const listing = `table inet causeway {\n\tchain user {\n\t\tcomment "yours: x (${rulesetVersion()})"\n\t\ttcp dport 9 accept comment "mine"\n\t\tct state invalid drop\n\t}\n}\n`;
  assert.deepEqual(parseUserChain(listing), {
    version: rulesetVersion(),
    rules: ['tcp dport 9 accept comment "mine"', 'ct state invalid drop'],
  });
  assert.match(renderRuleset(['tcp dport 9 accept']), /\t\ttcp dport 9 accept\n/);
});

test('the number of rules does not depend on the elements', () => {
  const elements: Element[] = Array.from({ length: 1000 }, (_, index) => ({
    set: 'publish-any4',
    key: ['tcp', index],
    value: ['172.17.0.2', 80],
  }));
  assert.equal(groupBySet(elements).size, 1);
  assert.equal(
    renderElements(elements)
      .split('\n')
      .filter((line) => line !== '').length,
    1,
  );
});
