import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { ResponseCode } from '../../src/dns/constants.ts';
import { encodeMessage, question } from '../../src/dns/message.ts';
import type { QueryEvent } from '../../src/base/name-query.ts';
import { Resolver } from '../../src/dns/resolver.ts';
import { Host } from '../harness/host.ts';
import { ask, connectTcp, exchange, PORT, sockets, TcpClient, testLog, texts, view, zone } from './dns-world.ts';

describe('a resolver in the namespaces of containers', () => {
  const first = Host.create();
  const second = Host.create();
  const resolver = new Resolver(sockets, testLog);
  const netZone = zone(
    'net',
    { db: ['172.18.0.2'], web: ['172.18.0.3', 'fd00::3'], pool: ['172.18.0.2', '172.18.0.3'], asleep: [] },
    { ptr: { '172.18.0.2': 'db.net' } },
  );

  before(() => {
    const failures = resolver.apply([
      { op: 'put-network', zone: netZone },
      { op: 'put-network', zone: zone('other', { hidden: ['172.19.0.2'] }) },
      {
        op: 'put-sandbox',
        view: view('one', first.netns, { aliases: { database: [{ network: 'net', name: 'db' }] }, forward: false }),
      },
      { op: 'put-sandbox', view: view('two', second.netns, { networks: ['net', 'other'], forward: false }) },
    ]);
    assert.deepEqual(failures, []);
  });

  after(() => {
    resolver.close();
    first.destroy();
    second.destroy();
  });

  test('each container sees its own networks and aliases', async () => {
    assert.deepEqual(texts(await ask(first.netns, 'DB.net')), ['172.18.0.2']);
    assert.deepEqual(texts(await ask(first.netns, 'database')), ['172.18.0.2']);
    assert.equal((await ask(second.netns, 'database')).rcode, ResponseCode.SERVFAIL);
    assert.deepEqual(texts(await ask(second.netns, 'hidden')), ['172.19.0.2']);
    assert.equal((await ask(first.netns, 'hidden')).rcode, ResponseCode.SERVFAIL);
    assert.deepEqual(texts(await ask(first.netns, '2.0.18.172.in-addr.arpa', 12)), ['db.net']);
  });

  test('on internal networks unknown names are refused as Docker does: SERVFAIL, no recursion offered', async () => {
    const answer = await ask(first.netns, 'example.com', 1, { udpBytes: 1232 });
    assert.deepEqual(
      [answer.rcode, answer.recursionAvailable, answer.additionals.length],
      [ResponseCode.SERVFAIL, false, 1],
    );
    assert.equal((await ask(first.netns, 'asleep')).rcode, ResponseCode.NOERROR);
  });

  test('a change is answered the moment that apply returns', async () => {
    for (let round = 0; round < 50; round++) {
      const address = `172.18.1.${round}`;
      resolver.apply([
        { op: 'put-network', zone: { ...netZone, names: { ...netZone.names, moving: { a: [address], aaaa: [] } } } },
      ]);
      assert.deepEqual(texts(await ask(first.netns, 'moving')), [address]);
      assert.deepEqual(texts(await ask(second.netns, 'moving.net')), [address]);
    }
    resolver.apply([{ op: 'put-network', zone: netZone }]);
    assert.equal((await ask(first.netns, 'moving')).rcode, ResponseCode.SERVFAIL);
  });

  test('TCP: many questions at once on one connection, in pieces of any size', async () => {
    const client = await connectTcp(first.netns);
    const packets = ['db', 'web', 'asleep', 'nobody', 'pool'].map((name, index) =>
      TcpClient.frame(encodeMessage(question(100 + index, name, 1))),
    );
    client.socket.write(Buffer.concat(packets));
    assert.deepEqual(
      (await client.waitFor(5)).map(({ id }) => id),
      [100, 101, 102, 103, 104],
    );
    for (const byte of Buffer.concat(packets)) {
      client.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const answers = await client.waitFor(10);
    assert.deepEqual(texts(answers[5]!), ['172.18.0.2']);
    // The client may stop sending before it has read.
    client.socket.end(packets[0]!);
    assert.equal((await client.waitFor(11)).length, 11);
    await client.waitFor(12);
    assert.equal(client.closed, true);
  });

  test('TCP: malformed queries are answered or ignored, and the connection stays open', async () => {
    const client = await connectTcp(first.netns);
    client.socket.write(TcpClient.frame(Buffer.alloc(0)));
    client.socket.write(TcpClient.frame(Buffer.from([1, 2, 3])));
    client.socket.write(TcpClient.frame(Buffer.alloc(12)));
    client.socket.write(TcpClient.frame(encodeMessage(question(7, 'db', 1))));
    const answers = await client.waitFor(2);
    assert.deepEqual(
      answers.map(({ rcode, id }) => [rcode, id]),
      [
        [ResponseCode.FORMERR, 0],
        [0, 7],
      ],
    );
    client.socket.destroy();
  });

  test('UDP: rubbish gets a bare header or nothing', async () => {
    assert.equal(await exchange(first.netns, Buffer.from([1, 2, 3]), { timeoutMs: 100 }), undefined);
    assert.equal((await exchange(first.netns, Buffer.alloc(40)))?.length, 12);
    assert.deepEqual(texts(await ask(first.netns, 'db')), ['172.18.0.2']);
  });

  test('a burst is answered whole', async () => {
    const asked = Array.from({ length: 400 }, (_, index) =>
      ask(index % 2 ? first.netns : second.netns, index % 3 ? 'db' : 'web'),
    );
    for (const answer of await Promise.all(asked)) assert.equal(answer.answers.length, 1);
  });

  test('the query log of one container is switched on and off live, and can be followed', async () => {
    const events: QueryEvent[] = [];
    const stop = resolver.followQueries('one', (event) => events.push(event));
    await ask(first.netns, 'Pool');
    await ask(second.netns, 'db');
    await ask(first.netns, 'nobody', 28);
    stop();
    await ask(first.netns, 'db');
    assert.deepEqual(
      events.map(({ sandbox, name, type, code, answers, protocol }) => [sandbox, name, type, code, answers, protocol]),
      [
        ['one', 'Pool', 'A', 'NOERROR', 2, 'udp'],
        ['one', 'nobody', 'AAAA', 'SERVFAIL', 0, 'udp'],
      ],
    );
  });

  test('the dump lists what would be answered, and to whom', () => {
    const dump = resolver.dump({ network: 'other' });
    assert.deepEqual(
      dump.networks.map(({ id }) => id),
      ['other'],
    );
    assert.deepEqual(
      dump.sandboxes.map(({ id }) => id),
      ['two'],
    );
    assert.ok(
      dump.sandboxes[0]!.answers.some(({ name, addresses }) => name === 'hidden' && addresses[0] === '172.19.0.2'),
    );
    assert.equal(resolver.dump({ sandbox: 'on' }).sandboxes.length, 1);
  });

  test('putting the same sandbox again keeps its sockets, another port or namespace moves them', async () => {
    const client = await connectTcp(first.netns);
    resolver.apply([{ op: 'put-sandbox', view: view('one', first.netns, { forward: false }) }]);
    client.socket.write(TcpClient.frame(encodeMessage(question(1, 'db', 1))));
    assert.equal((await client.waitFor(1)).length, 1);
    resolver.apply([{ op: 'put-sandbox', view: view('one', first.netns, { port: PORT + 1, forward: false }) }]);
    assert.deepEqual(texts(await ask(first.netns, 'db', 1, { port: PORT + 1 })), ['172.18.0.2']);
    await assert.rejects(connectTcp(first.netns), /ECONNREFUSED/);
    resolver.apply([{ op: 'put-sandbox', view: view('one', first.netns, { forward: false }) }]);
  });

  test('a sandbox that cannot be served is reported, the others are', () => {
    const failures = resolver.apply([
      { op: 'put-sandbox', view: view('gone', '/run/netns/cwt-none', { forward: false }) },
      { op: 'put-sandbox', view: view('clash', first.netns, { forward: false }) },
    ]);
    assert.deepEqual(
      failures.map(({ id }) => id),
      ['gone', 'clash'],
    );
    assert.match(failures[0]!.message, /cwt-none/);
    assert.match(failures[1]!.message, /EADDRINUSE/);
    assert.equal(resolver.sandboxCount, 2);
  });

  test('a removed sandbox is let go of before apply returns: its namespace dies', async () => {
    const host = Host.create();
    resolver.apply([{ op: 'put-sandbox', view: view('three', host.netns, { forward: false }) }]);
    const client = await connectTcp(host.netns);
    client.socket.destroy();
    assert.deepEqual(texts(await ask(host.netns, 'db')), ['172.18.0.2']);
    // A cable's other end goes with the namespace that it is in: the kernel's own word that nobody holds it.
    first.ok('ip', 'link', 'add', 'witness', 'type', 'veth', 'peer', 'name', 'inside', 'netns', host.name);
    resolver.apply([{ op: 'remove-sandbox', id: 'three' }]);
    host.destroy();
    const deadline = performance.now() + 60_000;
    while (first.run('ip', 'link', 'show', 'witness').code === 0) {
      assert.ok(performance.now() < deadline, 'the namespace is still there');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  test('removeVanished drops those whose namespace is gone', () => {
    const host = Host.create();
    resolver.apply([{ op: 'put-sandbox', view: view('four', host.netns, { forward: false }) }]);
    resolver.removeVanished();
    assert.equal(resolver.sandboxCount, 3);
    host.destroy();
    resolver.removeVanished();
    assert.equal(resolver.sandboxCount, 2);
    assert.ok(statSync(first.netns));
  });

  test('replaceAll drops what is not in the new set', async () => {
    const failures = resolver.replaceAll([
      { op: 'put-network', zone: netZone },
      { op: 'put-sandbox', view: view('one', first.netns, { forward: false }) },
    ]);
    assert.deepEqual([failures, resolver.networkCount, resolver.sandboxCount], [[], 1, 1]);
    assert.deepEqual(texts(await ask(first.netns, 'db')), ['172.18.0.2']);
    await assert.rejects(connectTcp(second.netns), /ECONNREFUSED/);
  });
});
