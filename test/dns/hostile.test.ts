/**
 * Messages made to hurt, from containers over UDP and TCP and from servers: each is refused or ignored, and the next
 * question is answered.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import fc from 'fast-check';
import { cutMessage } from '../../src/dns/cut.ts';
import { decodeMessage, encodeMessage, question } from '../../src/dns/message.ts';
import { Resolver } from '../../src/dns/resolver.ts';
import { Host } from '../harness/host.ts';
import {
  a,
  ask,
  connectTcp,
  exchange,
  FakeServer,
  sockets,
  TcpClient,
  testLog,
  texts,
  view,
  zone,
} from './dns-world.ts';

const header = (counts: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(7, 0);
  counts.forEach((count, index) => bytes.writeUInt16BE(count, 4 + 2 * index));
  return bytes;
};
const asked = Buffer.from(encodeMessage(question(7, 'db', 1)));
const unknown = Buffer.from(encodeMessage(question(7, 'nobody.example.com', 1)));
const withCounts = (message: Buffer, counts: readonly number[], ...more: Buffer[]): Buffer =>
  Buffer.concat([header(counts), message.subarray(12), ...more]);
const record = (owner: number[], data: number): Buffer =>
  Buffer.from([...owner, 0, 1, 0, 1, 0, 0, 0, 0, data >> 8, data & 255]);

const HOSTILE: Readonly<Record<string, Buffer>> = {
  'a name that points to itself': Buffer.concat([header([1, 0, 0, 0]), Buffer.from([0xc0, 12, 0, 1, 0, 1])]),
  'names that point to each other': Buffer.concat([
    header([1, 0, 0, 0]),
    Buffer.from([0xc0, 14, 0xc0, 12, 0, 1, 0, 1]),
  ]),
  'a record whose owner points to itself': withCounts(asked, [1, 0, 0, 1], Buffer.from([0xc0, asked.length, 0, 41])),
  'a name of 300 bytes': Buffer.concat([
    header([1, 0, 0, 0]),
    ...Array.from({ length: 5 }, () => Buffer.concat([Buffer.from([60]), Buffer.alloc(60, 97)])),
    Buffer.from([0, 0, 1, 0, 1]),
  ]),
  '65,535 questions': withCounts(asked, [65535, 0, 0, 0], ...Array.from({ length: 100 }, () => asked.subarray(12))),
  'counts that promise 196,605 records': withCounts(
    asked,
    [1, 65535, 65535, 65535],
    ...Array.from({ length: 200 }, () => record([0], 0)),
  ),
  'a record longer than the message': withCounts(asked, [1, 0, 0, 1], record([0], 65535)),
  'two OPT records': withCounts(
    asked,
    [1, 0, 0, 2],
    Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]),
    Buffer.from([0, 0, 41, 4, 0, 0, 0, 0, 0, 0, 0]),
  ),
  'all bits set': Buffer.alloc(4000, 255),
};
/** As long as a message can be: a good question, and records of no meaning behind it. */
const longest = (message: Buffer): Buffer => {
  const records = Math.floor((65535 - message.length) / 11);
  return withCounts(message, [1, 0, 0, records], ...Array.from({ length: records }, () => record([0], 0)));
};

describe('messages made to hurt', () => {
  const host = Host.create();
  const resolver = new Resolver(sockets, testLog, { upstreamTimeoutMs: 1000 });
  const servers: FakeServer[] = [];
  const use = (...options: ConstructorParameters<typeof FakeServer>): void => {
    const server = new FakeServer(...options);
    servers.push(server);
    assert.deepEqual(
      resolver.apply([{ op: 'put-sandbox', view: view('one', host.netns, { upstreams: [server.upstream('host')] }) }]),
      [],
    );
  };
  const stillThere = async (): Promise<void> => assert.deepEqual(texts(await ask(host.netns, 'db')), ['172.18.0.2']);

  before(() => {
    resolver.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.2'] }) }]);
    resolver.apply([{ op: 'put-sandbox', view: view('one', host.netns) }]);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  after(() => {
    resolver.close();
    host.destroy();
  });

  for (const [name, packet] of Object.entries(HOSTILE)) {
    test(`${name}: never an answer longer than a header and the question, over UDP and TCP`, async () => {
      const answer = await exchange(host.netns, packet, { timeoutMs: 200 });
      assert.ok(answer === undefined || answer.length <= 12, answer?.toString('hex'));
      await stillThere();
      const client = await connectTcp(host.netns);
      client.socket.write(Buffer.concat([TcpClient.frame(packet), TcpClient.frame(asked)]));
      const wanted = packet[2]! & 0x80 ? 1 : 2;
      const answers = await client.waitFor(wanted);
      assert.deepEqual([answers.length, texts(answers.at(-1)!)], [wanted, ['172.18.0.2']]);
      client.socket.destroy();
    });
  }

  test('a message of 65,535 bytes is answered over TCP, and handed on where the name is not ours; over UDP it is refused', async () => {
    use(undefined, '127.0.0.1', ({ bytes }) =>
      Buffer.concat([
        bytes.subarray(0, 2),
        Buffer.from([0x81, 0x80]),
        header([1, 0, 0, 0]).subarray(4),
        bytes.subarray(12, unknown.length),
      ]),
    );
    const client = await connectTcp(host.netns);
    client.socket.write(Buffer.concat([TcpClient.frame(longest(asked)), TcpClient.frame(longest(unknown))]));
    const answers = await client.waitFor(2);
    assert.deepEqual([texts(answers[0]!), answers[1]!.questions[0]!.name], [['172.18.0.2'], 'nobody.example.com']);
    client.socket.destroy();
    assert.equal((await exchange(host.netns, longest(asked).subarray(0, 60_000)))?.length, 12);
    await stillThere();
  });

  test('answers of servers that are all records, of 65,535 bytes, or lie about their counts', async () => {
    const shapes = [
      (bytes: Buffer) => longest(Buffer.from(bytes)),
      (bytes: Buffer) => withCounts(bytes, [1, 65535, 65535, 65535]),
      (bytes: Buffer) => withCounts(bytes, [1, 65535, 0, 0], Buffer.alloc(40_000, 0xc0)),
      (bytes: Buffer) =>
        withCounts(bytes, [1, 3000, 0, 0], ...Array.from({ length: 3000 }, () => record([0xc0, 12], 0))),
    ];
    for (const shape of shapes) {
      use(undefined, '127.0.0.1', ({ bytes, tcp }) => {
        const answer = tcp ? shape(bytes) : Buffer.from(bytes);
        bytes.copy(answer, 0, 0, 2);
        answer[2] = tcp ? 0x81 : 0x83;
        return answer;
      });
      const answer = await exchange(host.netns, encodeMessage(question(9, 'nobody.example.com', 1)));
      assert.ok(answer !== undefined && answer.length <= 512 && answer.readUInt16BE(0) === 9, answer?.toString('hex'));
      await stillThere();
    }
  });

  test('any answer can be cut: whole or not, it fits and can be read where it could be before', () => {
    const good = Buffer.from(
      encodeMessage({
        ...decodeMessage(asked),
        response: true,
        answers: Array.from({ length: 60 }, (_, index) => a('db', `10.0.0.${index}`)),
      }),
    );
    const damage = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 });
    fc.assert(
      fc.property(
        damage,
        fc.integer({ min: 512, max: 1400 }),
        fc.integer({ min: 12, max: good.length }),
        (changes, limit, length) => {
          const message = Buffer.from(good.subarray(0, length));
          for (const [at, byte] of changes) if (at < length) message[at] = byte;
          const cut = cutMessage(message, limit);
          assert.ok(cut.length <= limit);
          if (message.length > limit) assert.ok((cut[2]! & 2) !== 0);
          if (changes.length === 0 && length === good.length) assert.equal(decodeMessage(cut).id, 7);
        },
      ),
      { numRuns: 5000 },
    );
  });
});
