import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { ResponseCode } from '../../src/dns/constants.ts';
import { encodeMessage, question, type Message } from '../../src/dns/message.ts';
import { Resolver } from '../../src/dns/resolver.ts';
import type { QueryEvent } from '../../src/base/name-query.ts';
import type { Upstream } from '../../src/base/dns-zone.ts';
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

describe('names that are not ours', () => {
  const host = Host.create();
  const resolver = new Resolver(sockets, testLog, { upstreamTimeoutMs: 400 });
  const servers: FakeServer[] = [];
  const fake = (...options: ConstructorParameters<typeof FakeServer>): FakeServer => {
    const server = new FakeServer(...options);
    servers.push(server);
    return server;
  };
  const use = (upstreams: Upstream[], more = {}): void => {
    assert.deepEqual(
      resolver.apply([{ op: 'put-sandbox', view: view('one', host.netns, { upstreams, ...more }) }]),
      [],
    );
  };
  const says =
    (address: string) =>
    ({ message }: { message: Message }) => ({ answers: [a(message.questions[0]!.name, address)] });
  const says600 = ({ message }: { message: Message }) => ({
    answers: Array.from({ length: 600 }, (_, index) =>
      a(message.questions[0]!.name, `10.0.${index >> 8}.${index & 255}`),
    ),
  });

  before(() => {
    host.ok('ip', 'address', 'add', '10.9.9.9/32', 'dev', 'lo');
    resolver.apply([{ op: 'put-network', zone: zone('net', { db: ['172.18.0.2'], asleep: [] }) }]);
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  after(() => {
    resolver.close();
    host.destroy();
  });

  test('are asked from the host or from the container, as configured', async () => {
    const outside = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    const inside = fake(host.netns, '10.9.9.9', says('2.2.2.2'));
    use([outside.upstream('host')]);
    assert.deepEqual(texts(await ask(host.netns, 'Example.com')), ['1.1.1.1']);
    use([inside.upstream('container', '10.9.9.9')]);
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['2.2.2.2']);
    const client = await connectTcp(host.netns);
    client.socket.write(TcpClient.frame(encodeMessage(question(5, 'example.com', 1))));
    assert.deepEqual(texts((await client.waitFor(1))[0]!), ['2.2.2.2']);
    assert.equal(inside.queries.at(-1)!.tcp, true); // as the client asked
    client.socket.destroy();
  });

  test('IPv6 servers', async () => {
    use([fake(undefined, '::1', says('1.1.1.1')).upstream('host', '::1')]);
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['1.1.1.1']);
    use([fake(host.netns, '::1', says('2.2.2.2')).upstream('container', '::1')]);
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['2.2.2.2']);
  });

  test('known names never leave, in any form or type', async () => {
    const server = fake(undefined, '127.0.0.1', says('6.6.6.6'));
    use([server.upstream('host')], { aliases: { link: [{ network: 'net', name: 'not-there-yet' }] } });
    for (const name of ['db', 'DB.net', 'asleep', 'asleep.net', 'link', 'link.NET']) {
      for (const type of [1, 28, 15, 16, 33, 64, 255]) {
        const answer = await ask(host.netns, name, type);
        assert.equal(answer.rcode, ResponseCode.NOERROR);
        assert.ok(!texts(answer).includes('6.6.6.6'));
      }
    }
    assert.equal(server.queries.length, 0);
  });

  test('the next server is asked after silence, SERVFAIL, REFUSED and a closed port; not after NXDOMAIN', async () => {
    const good = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    const silent = fake(undefined, '127.0.0.1', () => undefined);
    const failing = fake(undefined, '127.0.0.1', () => ({ rcode: ResponseCode.SERVFAIL }));
    const refusing = fake(undefined, '127.0.0.1', () => ({ rcode: ResponseCode.REFUSED }));
    const closed: Upstream = { address: '127.0.0.1', port: 9, from: 'host' };
    const nameless = fake(undefined, '127.0.0.1', () => ({ rcode: ResponseCode.NXDOMAIN }));
    for (const bad of [silent.upstream('host'), failing.upstream('host'), refusing.upstream('host'), closed]) {
      use([bad, good.upstream('host')]);
      assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['1.1.1.1']);
    }
    const asked = good.queries.length;
    use([nameless.upstream('host'), good.upstream('host')]);
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.NXDOMAIN);
    assert.equal(good.queries.length, asked);
    use([failing.upstream('host'), refusing.upstream('host')]);
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.REFUSED); // as the last one said
    use([silent.upstream('host'), closed]);
    const answer = await ask(host.netns, 'example.com', 1, { udpBytes: 1232 });
    assert.deepEqual(
      [answer.rcode, answer.recursionAvailable, answer.additionals.length],
      [ResponseCode.SERVFAIL, true, 1],
    );
  });

  test('source ports and ids are random, and the client gets its own id back', async () => {
    const server = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    use([server.upstream('host')]);
    for (let index = 0; index < 40; index++) await ask(host.netns, 'example.com');
    assert.ok(new Set(server.queries.map(({ port }) => port)).size > 30);
    assert.ok(new Set(server.queries.map(({ message }) => message.id)).size > 30);
    const steps = server.queries.map(({ message }, index) => message.id - (server.queries[index - 1]?.message.id ?? 0));
    assert.ok(steps.filter((step) => step === 1).length < 5);
  });

  test('an answer is taken only from the server, with the right id, to the question asked', async () => {
    const forged = fake(undefined, '127.0.0.1', ({ message, bytes }) => {
      const right = encodeMessage({ ...message, response: true, answers: [a(message.questions[0]!.name, '1.1.1.1')] });
      const otherId = encodeMessage({
        ...message,
        id: message.id ^ 1,
        response: true,
        answers: [a('example.com', '6.6.6.6')],
      });
      const otherName = encodeMessage({
        ...message,
        response: true,
        questions: [{ name: 'evil.com', type: 1, class: 1 }],
        answers: [a('evil.com', '6.6.6.6')],
      });
      const otherType = encodeMessage({
        ...message,
        response: true,
        questions: [{ ...message.questions[0]!, type: 28 }],
      });
      return [otherId, otherName, otherType, bytes, Buffer.from([0]), right];
    });
    use([forged.upstream('host')]);
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['1.1.1.1']);
    // From another address: the query's port is known to the attacker, its socket takes nothing from him.
    const attacker = fake(undefined, '127.0.0.1', () => undefined);
    const silent = fake(undefined, '127.0.0.1', ({ message, port }) => {
      attacker.send(encodeMessage({ ...message, response: true, answers: [a('example.com', '6.6.6.6')] }), port);
      return undefined;
    });
    use([silent.upstream('host')]);
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.SERVFAIL);
  });

  test('letter case may come back changed', async () => {
    use([
      fake(undefined, '127.0.0.1', ({ message }) => ({
        questions: [{ ...message.questions[0]!, name: 'example.com' }],
        answers: [a('example.com', '1.1.1.1')],
      })).upstream('host'),
    ]);
    assert.deepEqual(texts(await ask(host.netns, 'eXample.COM')), ['1.1.1.1']);
  });

  test('what is cut is fetched over TCP, and cut again for a client that cannot take it', async () => {
    const server = fake(undefined, '127.0.0.1', (query) => (query.tcp ? says600(query) : { truncated: true }));
    use([server.upstream('host')]);
    const small = await ask(host.netns, 'example.com');
    assert.equal(small.truncated, true);
    assert.ok(small.answers.length > 20);
    const large = await ask(host.netns, 'example.com', 1, { udpBytes: 65000 });
    assert.deepEqual([large.truncated, large.answers.length], [false, 600]);
    const client = await connectTcp(host.netns);
    client.socket.write(TcpClient.frame(encodeMessage(question(5, 'example.com', 1))));
    assert.equal((await client.waitFor(1))[0]!.answers.length, 600);
    client.socket.destroy();
    // A server without TCP: its cut answer is better than none.
    const noTcp = fake(undefined, '127.0.0.1', (query) =>
      query.tcp ? undefined : { ...says('1.1.1.1')(query), truncated: true },
    );
    use([noTcp.upstream('host')]);
    const cut = await ask(host.netns, 'example.com');
    assert.deepEqual([cut.truncated, texts(cut)], [true, ['1.1.1.1']]);
  });

  test('everything else comes back as the server said it', async () => {
    const odd = {
      rcode: ResponseCode.NXDOMAIN,
      authoritative: true,
      authenticData: true,
      authorities: [a('example.com', '9.9.9.9')],
    };
    use([fake(undefined, '127.0.0.1', () => odd).upstream('host')]);
    const answer = await ask(host.netns, 'x.example.com', 99);
    assert.deepEqual(
      [answer.rcode, answer.authoritative, answer.authenticData, answer.authorities.length],
      [3, true, true, 1],
    );
    // A refusal without a question in it.
    use([
      fake(undefined, '127.0.0.1', ({ bytes }) =>
        Buffer.concat([bytes.subarray(0, 2), Buffer.from([0x80, 4, 0, 0, 0, 0, 0, 0, 0, 0])]),
      ).upstream('host'),
    ]);
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.NOTIMP);
  });

  test('ndots of the user: bare names are left to the search domains', async () => {
    const server = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    use([server.upstream('host')], { keepBareNames: true });
    assert.deepEqual([(await ask(host.netns, 'bare')).rcode, texts(await ask(host.netns, 'bare', 28))], [0, []]);
    assert.equal(server.queries.length, 0);
    assert.deepEqual(texts(await ask(host.netns, 'not.bare')), ['1.1.1.1']);
  });

  test('no forwarding where it is off, even with servers; and none to ourselves', async () => {
    const server = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    use([server.upstream('host')], { forward: false });
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.SERVFAIL);
    assert.equal(server.queries.length, 0);
    use([{ address: '127.0.0.11', port: 53, from: 'container' }, server.upstream('host')]);
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['1.1.1.1']);
    use([]);
    assert.equal((await ask(host.netns, 'example.com')).rcode, ResponseCode.SERVFAIL);
  });

  test('thousands of questions at once to a silent server: each is answered in the end', async () => {
    const server = fake(undefined, '127.0.0.1', () => undefined);
    use([server.upstream('host')]);
    const answers = await Promise.all(
      Array.from({ length: 3000 }, (_, index) => ask(host.netns, `n${index}.example.com`, 1, { timeoutMs: 60_000 })),
    );
    assert.ok(answers.every(({ rcode }) => rcode === ResponseCode.SERVFAIL));
    server.answer = says('1.1.1.1');
    assert.deepEqual(texts(await ask(host.netns, 'example.com')), ['1.1.1.1']);
  });

  test('the query log names the server', async () => {
    const server = fake(undefined, '127.0.0.1', says('1.1.1.1'));
    use([{ address: '127.0.0.1', port: 9, from: 'host' }, server.upstream('host')]);
    const events: QueryEvent[] = [];
    const stop = resolver.followQueries('one', (event) => events.push(event));
    await ask(host.netns, 'example.com');
    use([{ address: '127.0.0.1', port: 9, from: 'host' }]);
    await ask(host.netns, 'example.com');
    stop();
    assert.deepEqual(
      events.map(({ server: asked, code }) => [asked, code]),
      [
        [`127.0.0.1:${server.port}`, 'NOERROR'],
        ['127.0.0.1:9', 'SERVFAIL'],
      ],
    );
    assert.match(events[1]!.problem ?? '', /ECONNREFUSED/);
  });

  test('removing a container ends its questions and closes their sockets in its namespace', async () => {
    const other = Host.create();
    const server = fake(other.netns, '127.0.0.1', () => undefined);
    resolver.apply([
      { op: 'put-sandbox', view: view('two', other.netns, { upstreams: [server.upstream('container')] }) },
    ]);
    const asked = exchange(other.netns, encodeMessage(question(1, 'example.com', 1)), { timeoutMs: 150 });
    while (server.queries.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    resolver.apply([{ op: 'remove-sandbox', id: 'two' }]);
    server.close();
    servers.splice(servers.indexOf(server), 1);
    await asked.catch(() => undefined);
    host.ok('ip', 'link', 'add', 'witness', 'type', 'veth', 'peer', 'name', 'inside', 'netns', other.name);
    other.destroy();
    const deadline = performance.now() + 60_000;
    while (host.run('ip', 'link', 'show', 'witness').code === 0) {
      assert.ok(performance.now() < deadline, 'the namespace is still there');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
});
