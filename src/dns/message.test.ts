import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oracle from 'dns-packet';
import fc from 'fast-check';
import { formatAddress } from './address.ts';
import { RecordType } from './constants.ts';
import { decodeMessage, encodeMessage, question, type Message, type ResourceRecord } from './message.ts';
import { MalformedMessage, nameLabels, readName, skipName } from './name.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const hostname = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
/** Any bytes at all, as the text form writes them. */
const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 6 })
  .map((labels) => readName(wireOf(labels), 0, 0, 1000).name);
const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(formatAddress);
const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(formatAddress);
const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffffffff });

function wireOf(labels: Uint8Array[]): Uint8Array {
  return Uint8Array.from([...labels.flatMap((bytes) => [bytes.length, ...bytes]), 0]);
}

const record = (name: fc.Arbitrary<string>): fc.Arbitrary<ResourceRecord> =>
  fc
    .tuple(
      name,
      uint32,
      fc.oneof(
        fc.record({
          type: fc.constant(RecordType.A),
          data: fc.record({ kind: fc.constant('address' as const), address: address4 }),
        }),
        fc.record({
          type: fc.constant(RecordType.AAAA),
          data: fc.record({ kind: fc.constant('address' as const), address: address6 }),
        }),
        fc.record({
          type: fc.constantFrom(RecordType.PTR, RecordType.CNAME, RecordType.NS),
          data: fc.record({ kind: fc.constant('name' as const), name }),
        }),
        fc.record({
          type: fc.constant(RecordType.SRV),
          data: fc.record({
            kind: fc.constant('service' as const),
            priority: uint16,
            weight: uint16,
            port: uint16,
            target: name,
          }),
        }),
        fc.record({
          type: fc.constant(99),
          data: fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
        }),
      ),
    )
    .map(([owner, ttl, { type, data }]) => ({ name: owner, type, class: 1, ttl, data }));

const message = (name: fc.Arbitrary<string>): fc.Arbitrary<Message> =>
  fc.record({
    id: uint16,
    response: fc.boolean(),
    opcode: fc.integer({ min: 0, max: 15 }),
    authoritative: fc.boolean(),
    truncated: fc.boolean(),
    recursionDesired: fc.boolean(),
    recursionAvailable: fc.boolean(),
    authenticData: fc.boolean(),
    checkingDisabled: fc.boolean(),
    rcode: fc.integer({ min: 0, max: 15 }),
    questions: fc.array(fc.record({ name, type: uint16, class: uint16 }), { maxLength: 2 }),
    answers: fc.array(record(name), { maxLength: 6 }),
    authorities: fc.array(record(name), { maxLength: 2 }),
    additionals: fc.array(record(name), { maxLength: 3 }),
  });

/** Names are compressed without regard to letter case, so they come back in the case of their first appearance. */
const fold = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (key, inner: unknown) =>
      ['name', 'target'].includes(key) ? String(inner).toLowerCase() : inner,
    ),
  );

test('a message is what was encoded, whatever bytes its names have', () => {
  fc.assert(
    fc.property(message(anyName), (wanted) => {
      assert.deepEqual(fold(decodeMessage(encodeMessage(wanted))), fold(wanted));
    }),
    { numRuns: 300 },
  );
});

test('dns-packet reads what we write', () => {
  fc.assert(
    fc.property(message(hostname), (wanted) => {
      const read = oracle.decode(encodeMessage(wanted));
      assert.equal(read.id, wanted.id);
      assert.deepEqual(
        read.questions?.map(({ name }) => name),
        wanted.questions.map(({ name }) => name),
      );
      assert.deepEqual(read.answers?.map(ownerAndData), wanted.answers.map(ownerAndData));
      assert.deepEqual(read.additionals?.map(ownerAndData), wanted.additionals.map(ownerAndData));
    }),
    { numRuns: 300 },
  );
});

test('we read what dns-packet writes', () => {
  const answers = fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('A' as const), name: hostname, ttl: fc.nat(86400), data: address4 }),
      fc.record({ type: fc.constant('AAAA' as const), name: hostname, ttl: fc.nat(86400), data: address6 }),
      fc.record({ type: fc.constant('PTR' as const), name: hostname, ttl: fc.nat(86400), data: hostname }),
      fc.record({
        type: fc.constant('SRV' as const),
        name: hostname,
        ttl: fc.nat(86400),
        data: fc.record({ priority: uint16, weight: uint16, port: uint16, target: hostname }),
      }),
    ),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(uint16, hostname, answers, (id, name, list) => {
      const bytes = oracle.encode({ id, type: 'response', questions: [{ type: 'A', name }], answers: list });
      const read = decodeMessage(bytes);
      assert.equal(read.questions[0]!.name, name);
      assert.deepEqual(read.answers.map(ownerAndData), list.map(ownerAndData));
    }),
    { numRuns: 300 },
  );
});

/** Both shapes as [name, data], for comparison. */
function ownerAndData(value: unknown): [string, unknown] {
  const { name, data } = value as { name: string; data: unknown };
  if (typeof data !== 'object' || data === null) return [name, data];
  if ('kind' in data) {
    const { kind, ...rest } = data as Record<string, unknown>;
    if (kind === 'address') return [name, rest['address']];
    if (kind === 'name') return [name, rest['name']];
    if (kind === 'service') return [name, rest];
    return [name, Buffer.from(rest['bytes'] as Uint8Array).toString('hex')];
  }
  if (Buffer.isBuffer(data)) return [name, data.toString('hex')];
  const { priority, weight, port, target } = data as Record<string, unknown>;
  return [name, { priority, weight, port, target }];
}

test('bytes that are no message are refused, and nothing else happens', () => {
  const tryDecode = (bytes: Uint8Array): void => {
    try {
      decodeMessage(bytes);
    } catch (error) {
      assert.ok(error instanceof MalformedMessage, String(error));
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), tryDecode), { numRuns: 2000 });
  // Real messages with a few bytes changed reach further in.
  const damaged = fc.tuple(
    message(anyName),
    fc.array(fc.tuple(fc.nat(600), fc.nat(255)), { minLength: 1, maxLength: 6 }),
  );
  fc.assert(
    fc.property(damaged, ([whole, changes]) => {
      const bytes = Buffer.from(encodeMessage(whole));
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      tryDecode(bytes);
      for (let length = 0; length < bytes.length; length += 7) tryDecode(bytes.subarray(0, length));
    }),
    { numRuns: 500 },
  );
});

test('pointers that loop, point forwards or build long names are refused', () => {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(1, 4);
  const withName = (...bytes: number[]) => Buffer.concat([header, Buffer.from(bytes), Buffer.from([0, 1, 0, 1])]);
  assert.throws(() => decodeMessage(withName(0xc0, 12)), MalformedMessage); // to itself
  assert.throws(() => decodeMessage(withName(1, 0x61, 0xc0, 12)), MalformedMessage); // back to its own start, for ever
  assert.throws(() => decodeMessage(withName(0xc0, 20)), MalformedMessage); // forwards
  assert.throws(() => decodeMessage(withName(0x40, 0)), MalformedMessage); // a reserved label type
  assert.throws(() => decodeMessage(withName(0xc0)), MalformedMessage);
  const long = Buffer.from([...Array.from({ length: 4 }, () => [63, ...Array<number>(63).fill(0x61)]).flat(), 0]);
  assert.throws(() => readName(long, 0, 0, long.length), MalformedMessage); // 257 bytes
  assert.equal(skipName(long, 0, long.length), -1);
});

test('a message that claims 65535 records of each kind costs no more than its length', () => {
  const bytes = Buffer.alloc(12 + 5 * 11, 0);
  bytes.fill(0xff, 4, 12);
  // Of this process's own time: others may hold it up. Records by the claim would take ten times as long.
  const since = process.cpuUsage();
  for (let times = 0; times < 100; times++) assert.throws(() => decodeMessage(bytes), MalformedMessage);
  assert.ok(process.cpuUsage(since).user < 1_000_000);
});

test('names are text and bytes one to one', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 3 }), (labels) => {
      const { name } = readName(wireOf(labels), 0, 0, 1000);
      assert.deepEqual(
        nameLabels(name)?.map((bytes) => [...bytes]),
        labels.map((bytes) => [...bytes]),
      );
    }),
  );
  assert.equal(nameLabels('a..b'), undefined);
  assert.equal(nameLabels('x'.repeat(64)), undefined);
  assert.equal(nameLabels(Array(130).fill('a').join('.')), undefined);
  assert.deepEqual(nameLabels('db.'), nameLabels('db'));
});

test('a plain question has its EDNS size where it belongs', () => {
  const read = oracle.decode(encodeMessage(question(7, 'db.net', RecordType.A, { udpBytes: 1232 })));
  assert.equal(read.flags! & 0x100, 0x100);
  const opt = read.additionals![0] as { type: string; udpPayloadSize: number };
  assert.deepEqual([opt.type, opt.udpPayloadSize], ['OPT', 1232]);
});
