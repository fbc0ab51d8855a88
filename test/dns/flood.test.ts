/**
 * One container that asks without end: what it costs is its own. By counts and orders, so that a busy machine changes
 * nothing.
 */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { after, afterEach, before, describe, test } from 'node:test';
import { ResponseCode } from '../../src/dns/constants.ts';
import { decodeMessage, encodeMessage, question } from '../../src/dns/message.ts';
import { Resolver } from '../../src/dns/resolver.ts';
import type { ResolverSockets } from '../../src/dns/sockets.ts';
import { RESOLVER_ADDRESS } from '../../src/base/dns-zone.ts';
import { openUdpSocket } from '../../src/kernel/socket.ts';
import { Host } from '../harness/host.ts';
import { a, ask, connectTcp, FakeServer, PORT, sockets, TcpClient, testLog, texts, view, zone } from './dns-world.ts';

describe('a container that asks without end', () => {
  const flooding = Host.create();
  const neighbour = Host.create();
  /** The sockets that were answered on, once for each answer. */
  const answered: number[] = [];
  const counting: ResolverSockets = {
    ...sockets,
    batch: { ...sockets.batch, reply: (index, bytes) => reply(index, bytes), flush: (fd) => flush(fd) },
  };
  let replies = 0;
  const reply = (index: number, bytes: number): void => {
    replies += 1;
    sockets.batch.reply(index, bytes);
  };
  const flush = (fd: number): void => {
    for (; replies > 0; replies--) answered.push(fd);
    sockets.batch.flush(fd);
  };
  const resolver = new Resolver(counting, testLog, { upstreamTimeoutMs: 20_000 });
  const servers: FakeServer[] = [];
  const clients: Socket[] = [];
  const client = (host: Host): Socket => {
    const socket = createSocket('udp4');
    socket.bind({
      fd: openUdpSocket({ netns: host.netns, address: '127.0.0.1', port: 0, receiveBufferBytes: 8 << 20 }),
    });
    clients.push(socket);
    return socket;
  };
  const send = (socket: Socket, name: string, id = 1): Promise<void> =>
    new Promise((resolve) =>
      socket.send(encodeMessage(question(id, name, 1)), PORT, RESOLVER_ADDRESS, () => resolve()),
    );
  const received = (socket: Socket): Promise<Buffer> => new Promise((resolve) => socket.once('message', resolve));
  const fake = (...options: ConstructorParameters<typeof FakeServer>): FakeServer => {
    const server = new FakeServer(...options);
    servers.push(server);
    return server;
  };
  const serve = (server?: FakeServer): void => {
    const upstreams = server ? [server.upstream('host')] : [];
    for (const [id, host] of [
      ['flooding', flooding],
      ['neighbour', neighbour],
    ] as const) {
      assert.deepEqual(resolver.apply([{ op: 'put-sandbox', view: view(id, host.netns, { upstreams }) }]), []);
    }
  };
  const socketOf = (id: string): number => resolver.socketsOf([id])[id]!.udpFd;
  const until = async (what: string, condition: () => boolean): Promise<void> => {
    const deadline = performance.now() + 60_000;
    while (!condition()) {
      assert.ok(performance.now() < deadline, `never: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  before(() => {
    resolver.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.2'] }) }]);
  });
  afterEach(() => {
    resolver.apply([
      { op: 'remove-sandbox', id: 'flooding' },
      { op: 'remove-sandbox', id: 'neighbour' },
    ]);
    for (const server of servers.splice(0)) server.close();
    for (const socket of clients.splice(0)) socket.close();
  });
  after(() => {
    resolver.close();
    flooding.destroy();
    neighbour.destroy();
  });

  test('a client gets a few answers per turn: a single query waits behind those, not behind the queue', async () => {
    serve();
    const [flood, one] = [client(flooding), client(neighbour)];
    resolver.handOver(); // questions wait in the sockets
    for (let index = 0; index < 1500; index++) await send(flood, 'db');
    await send(one, 'db');
    answered.length = 0;
    const answer = received(one);
    resolver.resume();
    await answer;
    const before = answered.indexOf(socketOf('neighbour'));
    assert.ok(before <= 64, `answered after ${before} of the flood`);
    await until('all are answered', () => answered.length === 1501);
  });

  test('its unknown names are asked in turn with those of others', async () => {
    const server = fake(undefined, '127.0.0.1', ({ message }) => ({
      answers: [a(message.questions[0]!.name, '1.1.1.1')],
    }));
    serve(server);
    const [flood, one] = [client(flooding), client(neighbour)];
    resolver.handOver();
    for (let index = 0; index < 1000; index++) await send(flood, `n${index}.example.com`);
    await send(one, 'one.example.com');
    const answer = received(one);
    resolver.resume();
    assert.deepEqual(texts(decodeMessage(await answer)), ['1.1.1.1']);
    const before = server.queries.findIndex(({ message }) => message.questions[0]!.name === 'one.example.com');
    assert.ok(before <= 128, `asked after ${before} of the flood`);
  });

  test('open and waiting queries are bounded; excess gets SERVFAIL at once, and other clients are served', async () => {
    const server = fake(undefined, '127.0.0.1', ({ message }) =>
      message.questions[0]!.name === 'one.example.com' ? { answers: [a('one.example.com', '1.1.1.1')] } : undefined,
    );
    serve(server);
    const flood = client(flooding);
    const codes: number[] = [];
    flood.on('message', (bytes: Buffer) => codes.push(bytes[3]! & 15));
    for (let index = 0; index < 5000; index++) await send(flood, `n${index}.example.com`, index);
    await until('refusals', () => codes.length >= 5000 - 2 * 1024 - 64);
    assert.deepEqual(new Set(codes), new Set([ResponseCode.SERVFAIL]));
    for (let index = 0; index < 20; index++)
      assert.deepEqual(texts(await ask(neighbour.netns, 'one.example.com')), ['1.1.1.1']);
    assert.deepEqual(texts(await ask(flooding.netns, 'db')), ['172.18.0.2']); // and its own names
    const asked = server.queries.length - 20;
    assert.ok(asked <= 1024, `${asked} open at once`);
  });

  test('over TCP: a connection full of questions takes turns with others', async () => {
    serve();
    const flood = await connectTcp(flooding.netns);
    const one = await connectTcp(neighbour.netns);
    const packet = TcpClient.frame(encodeMessage(question(1, 'db', 1)));
    flood.socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => packet)));
    await flood.waitFor(1);
    let most = 0;
    for (let round = 1; round <= 5; round++) {
      const before = flood.answers.length;
      one.socket.write(packet);
      await one.waitFor(round, 60_000);
      most = Math.max(most, flood.answers.length - before);
    }
    assert.ok(most < 1500, `${most} of the flood were answered meanwhile`);
    assert.equal((await flood.waitFor(20_000, 60_000)).length, 20_000);
    flood.socket.destroy();
    one.socket.destroy();
  });

  test('over TCP: a client that reads nothing is no longer read from, and is cut off', async () => {
    const name = 'long.example.com';
    const answers = Array.from({ length: 3500 }, () => a(name, '10.0.0.1'));
    const bytes = encodeMessage({ ...decodeMessage(encodeMessage(question(1, name, 1))), response: true, answers });
    const long = fake(undefined, '127.0.0.1', (query) =>
      Buffer.concat([query.bytes.subarray(0, 2), bytes.subarray(2)]),
    );
    serve(long);
    const deaf = await connectTcp(flooding.netns);
    deaf.socket.pause();
    const packet = TcpClient.frame(encodeMessage(question(1, name, 1)));
    deaf.socket.write(Buffer.concat(Array.from({ length: 2000 }, () => packet)));
    await until('it is asked for', () => long.queries.length > 0);
    assert.deepEqual(texts(await ask(neighbour.netns, 'db')), ['172.18.0.2']);
    // What the kernel takes for a client that does not read is some megabytes.
    let seen = -1;
    for (let quiet = 0; quiet < 20; quiet += 1) {
      if (long.queries.length > seen) quiet = 0;
      seen = long.queries.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.ok(seen < 1000, `${seen} answers of 56 KB were fetched for it`);
    deaf.socket.resume();
    await until('it is closed', () => deaf.closed);
    assert.ok(deaf.answers.length < 1000);
  });

  test('over TCP: the oldest of too many connections is closed, and others keep theirs', async () => {
    serve();
    const kept = await connectTcp(neighbour.netns);
    const many: TcpClient[] = [];
    for (let index = 0; index < 100; index++) many.push(await connectTcp(flooding.netns));
    await until('the oldest are closed', () => many.filter(({ closed }) => closed).length >= 36);
    assert.equal(many.at(-1)!.closed, false);
    kept.socket.write(TcpClient.frame(encodeMessage(question(9, 'db', 1))));
    assert.equal((await kept.waitFor(1)).length, 1);
    for (const { socket } of [...many, kept]) socket.destroy();
  });

  test('servers that send endless wrong answers are abandoned, over UDP and TCP', async () => {
    const wrong = fake(undefined, '127.0.0.1', ({ message, tcp }) => {
      if (message.questions[0]!.name === 'long.example.com' && !tcp) return { truncated: true };
      return Array.from({ length: 100 }, () => encodeMessage({ ...message, id: message.id ^ 1, response: true }));
    });
    serve(wrong);
    assert.equal(
      (await ask(neighbour.netns, 'short.example.com', 1, { timeoutMs: 60_000 })).rcode,
      ResponseCode.SERVFAIL,
    );
    assert.equal((await ask(neighbour.netns, 'long.example.com', 1, { timeoutMs: 60_000 })).truncated, true);
  });
});
