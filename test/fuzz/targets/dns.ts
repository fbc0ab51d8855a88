/** DNS: messages as values, questions answered in place, answers cut to a size, the resolver's control lines. */
import assert from 'node:assert/strict';
import { cutMessage } from '../../../src/dns/cut.ts';
import { lineReader } from '../../../src/dns/control-protocol.ts';
import { compileZone } from '../../../src/dns/lookup.ts';
import { decodeMessage, encodeMessage, question, type Message } from '../../../src/dns/message.ts';
import { MalformedMessage } from '../../../src/dns/name.ts';
import { Query } from '../../../src/dns/query.ts';
import { Responder } from '../../../src/dns/responder.ts';
import { mutateBytes, mutateText } from '../mutate.ts';
import { hostileJson, hostileText } from '../random.ts';
import type { Target } from '../campaign.ts';

const TYPES = [1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 64, 65, 255, 0, 65535];
const record = (name: string, type: number, data: Message['answers'][number]['data']) => ({
  name,
  type,
  class: 1,
  ttl: 7,
  data,
});

const answer: Message = {
  ...question(1, 'web.example.com', 1, { udpBytes: 1232 }),
  response: true,
  answers: [
    record('web.example.com', 5, { kind: 'name', name: 'db.example.com' }),
    record('db.example.com', 1, { kind: 'address', address: '10.0.0.1' }),
    record('db.example.com', 28, { kind: 'address', address: 'fd00::1' }),
    record('_x._tcp.example.com', 33, { kind: 'service', priority: 0, weight: 1, port: 80, target: 'db.example.com' }),
    record('example.com', 16, { kind: 'bytes', bytes: Buffer.alloc(300, 7) }),
  ],
};

const SAMPLES: readonly Buffer[] = [
  encodeMessage(answer),
  ...['db', 'web.net', 'pool', '2.0.18.172.in-addr.arpa', '_web._tcp.web', '.', 'x'.repeat(63), 'example.com'].flatMap(
    (name) => TYPES.slice(0, 10).map((type) => encodeMessage(question(2, name, type, { udpBytes: 512 }))),
  ),
];

/** A pointer is two bytes that say where to go on: the way into a circle. */
function packet(random: Parameters<Target['make']>[0]): Buffer {
  const bytes = mutateBytes(random, SAMPLES);
  if (bytes.length > 14 && random.once(4))
    bytes.writeUInt16BE(0xc000 | random.below(bytes.length + 4), 12 + random.below(bytes.length - 13));
  return bytes;
}

const zone = compileZone({
  id: 'n',
  name: 'net',
  ttlS: 7,
  names: {
    db: { a: ['172.18.0.2'], aaaa: ['fd00::2'] },
    pool: { a: Array.from({ length: 90 }, (_, at) => `172.18.1.${at + 1}`), aaaa: [] },
    web: {
      a: ['172.18.0.3'],
      aaaa: [],
      services: [{ service: '_web._tcp', target: 'web.net', port: 80, a: ['172.18.0.3'], aaaa: [] }],
    },
  },
  ptr: { '172.18.0.2': 'db.net' },
});
const responder = new Responder(
  { id: 's', netns: '', port: 1, networks: ['n'], aliases: {}, upstreams: [], forward: true },
  new Map([['n', zone]]),
);
const SLOT = 4096;
const slab = new Uint8Array(SLOT * 3);

export const dnsTargets: readonly Target[] = [
  {
    name: 'dns message',
    refusals: [MalformedMessage],
    make: packet,
    read(input) {
      const message = decodeMessage(input as Buffer);
      // What was read can be written, unless a name in it has no written form; then it reads the same again.
      const again = decodeMessage(encodeMessage(message));
      assert.deepEqual({ ...again }, { ...message });
    },
  },
  {
    name: 'dns question',
    refusals: [MalformedMessage],
    make: (random) => packet(random).subarray(0, SLOT),
    read(input) {
      const bytes = input as Buffer;
      slab.fill(0xee, 0, SLOT);
      slab.fill(0xee, 2 * SLOT);
      slab.set(bytes, SLOT);
      const length = responder.answer(slab, SLOT, bytes.length, SLOT, bytes.length % 2 === 0, new Query());
      assert.ok(
        length <= SLOT &&
          !slab.subarray(0, SLOT).some((byte) => byte !== 0xee) &&
          !slab.subarray(2 * SLOT).some((byte) => byte !== 0xee),
        'wrote outside of its buffer',
      );
      if (length > 12) decodeMessage(slab.subarray(SLOT, SLOT + length));
    },
  },
  {
    name: 'dns cut',
    make: (random) => {
      const bytes = packet(random);
      return bytes.length < 12 ? Buffer.concat([bytes, Buffer.alloc(12)]) : bytes;
    },
    read(input) {
      const message = input as Buffer;
      for (const limit of [12, 40, 200, 512]) assert.ok(cutMessage(message, limit).length <= limit);
    },
  },
  {
    name: 'resolver control line',
    make: (random) =>
      mutateText(
        random,
        ['{"id":1,"op":"hello"}\n', '{"id":2,"op":"dump"}\n\n', '\n'],
        [hostileText(random), JSON.stringify(hostileJson(random))],
      ),
    read(input) {
      const lines: string[] = [];
      const feed = lineReader((text) => lines.push(text));
      const bytes = Buffer.from(input as string);
      for (let at = 0; at < bytes.length; at += 7) feed(bytes.subarray(at, at + 7));
      const expected = bytes
        .toString()
        .split('\n')
        .slice(0, -1)
        .filter((line) => line !== '');
      assert.deepEqual(lines, expected);
    },
  },
];
