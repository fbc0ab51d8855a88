import assert from 'node:assert/strict';
import { isIPv6 } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressBytes, formatAddress, reverseName } from './address.ts';

test('addresses are bytes and text one to one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const text = formatAddress(bytes);
      assert.ok(isIPv6(text));
      assert.equal(new URL(`http://[${text}]/`).hostname, `[${text}]`); // the URL standard writes them as RFC 5952 does
      assert.deepEqual([...addressBytes(text)!], [...bytes]);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (bytes) => {
      assert.deepEqual([...addressBytes(formatAddress(bytes))!], [...bytes]);
    }),
  );
});

test('every way to write an address is read, and nothing else', () => {
  const hex = (text: string) => Buffer.from(addressBytes(text) ?? []).toString('hex');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('::ffff:1.2.3.4'), '00000000000000000000ffff01020304');
  assert.equal(hex('fe80::1%eth0'), 'fe800000000000000000000000000001');
  assert.equal(hex('1:2:3:4:5:6:7::'), '00010002000300040005000600070000');
  for (const text of ['', '1.2.3', '1.2.3.256', 'db', ':::', '1.2.3.4/24'])
    assert.equal(addressBytes(text), undefined, text);
});

test('reverse names', () => {
  assert.equal(reverseName(addressBytes('172.18.0.3')!), '3.0.18.172.in-addr.arpa');
  assert.equal(
    reverseName(addressBytes('fd00::a')!),
    `a.${'0.'.repeat(29)}d.f.ip6.arpa`.replace('0.d.f', '0.0.d.f').replace('0.0.0.d.f', '0.0.d.f'),
  );
});
