import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as oracle from 'dns-packet';
import fc from 'fast-check';
import { RecordClass, RecordType, ResponseCode } from './constants.ts';
import { compileZone } from './lookup.ts';
import { decodeMessage, encodeMessage, question, type Message } from './message.ts';
import { parseQuery, Query } from './query.ts';
import { DROP, FORWARD, Responder } from './responder.ts';
import type { NameAddresses, SandboxView } from '../base/dns-zone.ts';

const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index + 1}`);
const names: Record<string, NameAddresses> = {
  db: { a: ['172.18.0.2'], aaaa: ['fd00::2'] },
  web: {
    a: ['172.18.0.3'],
    aaaa: [],
    services: [
      { service: '_web._tcp', target: 'web.net', port: 80, a: ['172.18.0.3'], aaaa: [] },
      { service: '_web._tcp', target: 'db.net', port: 81, a: ['172.18.0.2'], aaaa: ['fd00::2'] },
    ],
  },
  pool: { a: ['172.18.0.2', '172.18.0.3', '172.18.0.4'], aaaa: [] },
  asleep: { a: [], aaaa: [] },
  many: { a: many, aaaa: [] },
};
const net = compileZone({
  id: 'n',
  name: 'net',
  ttlS: 7,
  names,
  ptr: { '172.18.0.2': 'db.net' },
});
const view: SandboxView = { id: 's', netns: '', port: 1, networks: ['n'], aliases: {}, upstreams: [], forward: true };

const SLOT = 4096;
const slab = new Uint8Array(SLOT * 3);

function serve(responder: Responder, packet: Uint8Array, options: { tcp?: boolean } = {}): Buffer | number {
  slab.fill(0xee);
  slab.set(packet, SLOT);
  const bytes = responder.answer(slab, SLOT, packet.length, SLOT, !options.tcp, new Query());
  assert.ok(
    slab.subarray(0, SLOT).every((byte) => byte === 0xee),
    'wrote before its buffer',
  );
  assert.ok(
    slab.subarray(2 * SLOT).every((byte) => byte === 0xee),
    'wrote behind its buffer',
  );
  return bytes > 0 ? Buffer.from(slab.subarray(SLOT, SLOT + bytes)) : bytes;
}

function ask(
  name: string,
  type: number,
  options: { udpBytes?: number; tcp?: boolean; class?: number; responder?: Responder } = {},
): Message | number {
  const asked = question(4711, name, type, options);
  const packet = encodeMessage({ ...asked, questions: [{ name, type, class: options.class ?? 1 }] });
  const answer = serve(options.responder ?? new Responder(view, new Map([['n', net]])), packet, options);
  if (typeof answer === 'number') return answer;
  oracle.decode(answer);
  return decodeMessage(answer);
}

const addresses = (message: Message | number): string[] => {
  assert.ok(typeof message !== 'number', `no answer: ${String(message)}`);
  return message.answers.map(({ data }) =>
    data.kind === 'address' ? data.address : data.kind === 'name' ? data.name : data.kind,
  );
};

test('A, AAAA, PTR and ANY of known names, in any letter case', () => {
  assert.deepEqual(addresses(ask('DB', RecordType.A)), ['172.18.0.2']);
  assert.deepEqual(addresses(ask('db.NET', RecordType.AAAA)), ['fd00::2']);
  assert.deepEqual(addresses(ask('db', RecordType.ANY)), ['172.18.0.2', 'fd00::2']);
  assert.deepEqual(addresses(ask('2.0.18.172.IN-ADDR.ARPA', RecordType.PTR)), ['db.net']);
  const answer = ask('wEb', RecordType.A) as Message;
  assert.equal(answer.id, 4711);
  assert.equal(answer.questions[0]!.name, 'wEb'); // sent back as asked (clients check it)
  assert.equal(answer.answers[0]!.name, 'wEb');
  assert.equal(answer.answers[0]!.ttl, 7);
  assert.deepEqual(
    [answer.response, answer.recursionDesired, answer.recursionAvailable, answer.authoritative, answer.rcode],
    [true, true, true, false, 0],
  );
});

test('known and empty is NOERROR without records, unknown is forwarded', () => {
  for (const [name, type] of [
    ['web', RecordType.AAAA],
    ['asleep', RecordType.A],
    ['db', RecordType.MX],
    ['db', RecordType.TXT],
    ['db', 64],
  ] as const) {
    const answer = ask(name, type) as Message;
    assert.deepEqual(
      [answer.rcode, answer.answers.length, answer.authorities.length],
      [ResponseCode.NOERROR, 0, 0],
      `${name} ${type}`,
    );
  }
  assert.equal(ask('nobody', RecordType.A), FORWARD);
  assert.equal(ask('', RecordType.NS), FORWARD);
  assert.deepEqual(addresses(ask('db', RecordType.A, { class: RecordClass.ANY })), ['172.18.0.2']);
  assert.deepEqual(addresses(ask('db', RecordType.A, { class: RecordClass.CH })), []);
});

test('shared aliases give all addresses and start with each in turn', () => {
  const responder = new Responder(view, new Map([['n', net]]));
  const rounds = Array.from({ length: 6 }, () => addresses(ask('pool', RecordType.A, { responder })));
  assert.deepEqual(
    rounds.map(([first]) => first),
    ['172.18.0.2', '172.18.0.3', '172.18.0.4', '172.18.0.2', '172.18.0.3', '172.18.0.4'],
  );
  for (const round of rounds) assert.deepEqual([...round].sort(), names['pool']!.a);
});

test('service names carry targets, ports and addresses', () => {
  const answer = ask('_WEB._tcp.web', RecordType.SRV) as Message;
  assert.deepEqual(
    answer.answers.map(({ type, data }) => [type, data]),
    [
      [RecordType.SRV, { kind: 'service', priority: 0, weight: 0, port: 80, target: 'web.net' }],
      [RecordType.SRV, { kind: 'service', priority: 0, weight: 0, port: 81, target: 'db.net' }],
    ],
  );
  assert.deepEqual(
    answer.additionals.map(({ name, type }) => [name, type]),
    [
      ['web.net', 1],
      ['db.net', 1],
      ['db.net', 28],
    ],
  );
});

test('UDP answers are cut to what the client takes, TCP answers are not', () => {
  const small = ask('many', RecordType.A) as Message;
  assert.deepEqual([small.truncated, small.answers.length], [true, 30]);
  const edns = ask('many', RecordType.A, { udpBytes: 1232 }) as Message;
  assert.equal(edns.truncated, true);
  assert.ok(edns.answers.length > 70 && edns.answers.length < 80);
  const large = ask('many', RecordType.A, { udpBytes: 4096 }) as Message;
  assert.deepEqual([large.truncated, large.answers.length, large.additionals.length], [false, 100, 1]);
  const tcp = ask('many', RecordType.A, { tcp: true }) as Message;
  assert.deepEqual([tcp.truncated, tcp.answers.length], [false, 100]);
  // A client that claims less than 512 bytes still gets 512, as RFC 6891 says.
  assert.equal((ask('many', RecordType.A, { udpBytes: 100 }) as Message).answers.length, 29);
});

test('EDNS: our OPT record comes back, an unknown version is BADVERS', () => {
  const answer = ask('db', RecordType.A, { udpBytes: 1232 }) as Message;
  assert.deepEqual(
    [answer.additionals.length, answer.additionals[0]!.type, answer.additionals[0]!.class],
    [1, RecordType.OPT, 4096],
  );
  assert.equal((ask('db', RecordType.A) as Message).additionals.length, 0);
  const asked = question(1, 'db', RecordType.A, { udpBytes: 1232 });
  const later = encodeMessage({ ...asked, additionals: [{ ...asked.additionals[0]!, ttl: 0x00010000 }] });
  const refused = decodeMessage(serve(new Responder(view, new Map([['n', net]])), later) as Buffer);
  assert.deepEqual([refused.rcode, refused.additionals[0]!.ttl >>> 24, refused.answers.length], [0, 1, 0]);
});

test('a new zone is answered at once', () => {
  const zones = new Map([['n', net]]);
  const responder = new Responder(view, zones);
  assert.deepEqual(addresses(ask('db', RecordType.A, { responder })), ['172.18.0.2']);
  zones.set('n', compileZone({ ...net.source, names: { db: { a: ['172.18.0.9'], aaaa: [] } } }));
  responder.forget();
  assert.deepEqual(addresses(ask('db', RecordType.A, { responder })), ['172.18.0.9']);
  zones.delete('n');
  responder.forget();
  assert.equal(ask('db', RecordType.A, { responder }), FORWARD);
  responder.replace({ ...view, networks: [] });
  assert.equal(ask('db', RecordType.A, { responder }), FORWARD);
});

test('thousands of different questions keep a bounded number of answers', () => {
  const responder = new Responder(view, new Map([['n', net]]));
  for (let type = 1; type < 5000; type++) {
    const answer = ask('db', type, { responder }) as Message;
    assert.equal(answer.answers.length, type === 1 || type === 28 ? 1 : type === 255 ? 2 : 0);
  }
});

test('what is no question gets no answer, or a bare header', () => {
  const responder = new Responder(view, new Map([['n', net]]));
  const good = encodeMessage(question(9, 'db', RecordType.A));
  assert.equal(serve(responder, good.subarray(0, 11)), DROP);
  const isAnswer = Buffer.from(good);
  isAnswer[2] = 0x80;
  assert.equal(serve(responder, isAnswer), DROP);
  const codeOf = (change: (bytes: Buffer) => Buffer | void): [number, number] => {
    const bytes = Buffer.from(good);
    const answer = serve(responder, change(bytes) ?? bytes) as Buffer;
    return [answer[3]! & 15, answer.length];
  };
  assert.deepEqual(
    codeOf((bytes) => void (bytes[2] = 0x28)),
    [ResponseCode.NOTIMP, 12],
  ); // update
  assert.deepEqual(
    codeOf((bytes) => void (bytes[5] = 2)),
    [ResponseCode.FORMERR, 12],
  ); // two questions
  assert.deepEqual(
    codeOf((bytes) => void (bytes[5] = 0)),
    [ResponseCode.FORMERR, 12],
  );
  assert.deepEqual(
    codeOf((bytes) => void (bytes[12] = 0xc0)),
    [ResponseCode.FORMERR, 12],
  ); // a pointer
  assert.deepEqual(
    codeOf((bytes) => bytes.subarray(0, bytes.length - 1)),
    [ResponseCode.FORMERR, 12],
  );
  assert.deepEqual(
    codeOf((bytes) => void (bytes[7] = 9)),
    [ResponseCode.FORMERR, 12],
  ); // records that are not there
});

test('no packet crashes it, makes it write outside its buffer, or is answered with more than it can be', () => {
  const responder = new Responder(view, new Map([['n', net]]));
  const good = fc.constantFrom(
    encodeMessage(question(1, 'db', RecordType.A)),
    encodeMessage(question(1, 'db.net', RecordType.ANY, { udpBytes: 65535 })),
    encodeMessage(question(1, 'many', RecordType.A, { udpBytes: 65535 })),
    encodeMessage(question(1, '_web._tcp.web', RecordType.SRV, { udpBytes: 512 })),
  );
  const damaged = fc
    .tuple(good, fc.array(fc.tuple(fc.nat(100), fc.nat(255)), { maxLength: 5 }))
    .map(([packet, changes]) => {
      const bytes = Buffer.from(packet);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 100 }), damaged), (packet) => {
      const answer = serve(responder, packet);
      if (typeof answer === 'number') return;
      assert.ok(answer.length <= SLOT);
      const code = parseQuery(packet, 0, packet.length, new Query());
      if (code !== ResponseCode.NOERROR) assert.ok(answer.length <= packet.length, 'amplified what it could not read');
      else decodeMessage(answer);
    }),
    { numRuns: 5000 },
  );
});

test('questions with equal hashes are distinguished', () => {
  // Many names in one zone: collisions in 30 bits are rare, so the chain is driven through the type, by brute force.
  const seen = new Map<number, string>();
  const query = new Query();
  let pair: [string, string] | undefined;
  for (let index = 0; index < 300_000 && !pair; index++) {
    const name = `c${index}`;
    const packet = encodeMessage(question(1, name, RecordType.A));
    new Responder({ ...view, networks: [] }, new Map()).answer(packet, 0, packet.length, packet.length, true, query);
    const other = seen.get(query.hash);
    if (other !== undefined) pair = [other, name];
    seen.set(query.hash, name);
  }
  assert.ok(pair, 'no collision found');
  const zone = compileZone({
    ...net.source,
    names: { [pair[0]]: { a: ['1.1.1.1'], aaaa: [] }, [pair[1]]: { a: ['2.2.2.2'], aaaa: [] } },
  });
  const responder = new Responder(view, new Map([['n', zone]]));
  for (let round = 0; round < 2; round++) {
    assert.deepEqual(addresses(ask(pair[0], RecordType.A, { responder })), ['1.1.1.1']);
    assert.deepEqual(addresses(ask(pair[1], RecordType.A, { responder })), ['2.2.2.2']);
  }
});
