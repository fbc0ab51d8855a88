import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { writeChecksum } from './packet-sender.ts';

const v4 = (protocol: number, segment: Buffer): Buffer => {
  const header = Buffer.from('4500000000004000400000000a0000010a000002', 'hex');
  header[9] = protocol;
  header.writeUInt16BE(20 + segment.length, 2);
  return Buffer.concat([header, segment]);
};
const v6 = (protocol: number, segment: Buffer): Buffer => {
  const header = Buffer.from('6000000000000040fd000000000000000000000000000001fd000000000000000000000000000002', 'hex');
  header.writeUInt16BE(segment.length, 4);
  header[6] = protocol;
  return Buffer.concat([header, segment]);
};

test('checksums are those that programs of others computed', () => {
  // A SYN from a capture: 10.0.0.1:54321 to 10.0.0.2:80, sequence 1, window 64240, no options.
  const syn = Buffer.from('d431005000000001000000005002faf00000' + '0000', 'hex');
  const packet = v4(6, syn);
  writeChecksum(packet);
  const words = [0x0a00, 0x0001, 0x0a00, 0x0002, 6, 20, 0xd431, 0x0050, 0, 1, 0, 0, 0x5002, 0xfaf0, 0];
  const folded = words.reduce((sum, word) => sum + word, 0);
  assert.equal(packet.readUInt16BE(36), ~((folded & 0xffff) + (folded >> 16)) & 0xffff);
  // The check value of CRC-32C is that of "123456789"; here the header's own field counts as zeros.
  const sctp = v4(132, Buffer.from('00010002000000000000000001000004', 'hex'));
  writeChecksum(sctp);
  const once = Buffer.from(sctp);
  writeChecksum(sctp);
  assert.deepEqual(sctp, once, 'writing it again changes nothing');
  assert.notEqual(sctp.readUInt32LE(28), 0);
});

test('a packet with its checksum sums up to nothing, whatever is in it', () => {
  const anySegment = fc.uint8Array({ minLength: 20, maxLength: 61 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(anySegment, fc.constantFrom(6, 17), fc.constantFrom(4, 6), (segment, protocol, version) => {
      const packet = version === 4 ? v4(protocol, segment) : v6(protocol, segment);
      writeChecksum(packet);
      const [addresses, at] = version === 4 ? [packet.subarray(12, 20), 20] : [packet.subarray(8, 40), 40];
      const all = Buffer.concat([
        addresses,
        Buffer.from([0, protocol, segment.length >> 8, segment.length & 255]),
        packet.subarray(at),
        Buffer.alloc(segment.length % 2),
      ]);
      let sum = 0;
      for (let index = 0; index < all.length; index += 2) sum += all.readUInt16BE(index);
      while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
      assert.equal(sum, 0xffff);
    }),
  );
});
