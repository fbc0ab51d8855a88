/** Servers that cannot be reached, in every way that the kernel reports; the next one is asked without a wait. */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { Upstream } from '../../src/base/dns-zone.ts';
import { ResponseCode } from '../../src/dns/constants.ts';
import { encodeMessage, question, type Message } from '../../src/dns/message.ts';
import { Resolver } from '../../src/dns/resolver.ts';
import { Host } from '../harness/host.ts';
import { a, ask, connectTcp, FakeServer, sockets, TcpClient, testLog, texts, view } from './dns-world.ts';

/** Longer than a test waits for an answer. */
const TIMEOUT_MS = 120_000;
const PATIENCE_MS = 30_000;

/** What the router on the way answers to packets for 203.0.113.1 and 2001:db8:113::1. */
const REJECTS: Readonly<Record<string, string>> = {
  'a router without a route': 'reject with icmpx type no-route',
  'a router that misses the host': 'reject with icmpx type host-unreachable',
  'a router that forbids it': 'reject with icmpx type admin-prohibited',
  'a closed port': 'reject with icmpx type port-unreachable',
};

describe('servers that cannot be reached', () => {
  const host = Host.create();
  const router = Host.create();
  const resolver = new Resolver(sockets, testLog, { upstreamTimeoutMs: TIMEOUT_MS });
  const servers: FakeServer[] = [];
  const fake = (netns: string, address: string, says: string, port = 0): FakeServer => {
    const answer = ({ message }: { message: Message }) => ({ answers: [a(message.questions[0]!.name, says)] });
    const server = new FakeServer(netns, address, answer, port);
    servers.push(server);
    return server;
  };
  const use = (...upstreams: Upstream[]): void => {
    assert.deepEqual(resolver.apply([{ op: 'put-sandbox', view: view('one', host.netns, { upstreams }) }]), []);
  };
  const to = (address: string, port = 53): Upstream => ({ address, port, from: 'container' });
  const answerOf = async (name = 'example.com') => texts(await ask(host.netns, name, 1, { timeoutMs: PATIENCE_MS }))[0];
  const answerOverTcp = async () => {
    const client = await connectTcp(host.netns);
    client.socket.write(TcpClient.frame(encodeMessage(question(5, 'example.com', 1))));
    const [answer] = await client.waitFor(1, PATIENCE_MS);
    client.socket.destroy();
    return answer && texts(answer)[0];
  };
  const filter = (rule: string, { at = router, hook = 'input' } = {}): void => {
    at.ok('nft', 'add', 'table', 'inet', 'way');
    at.ok('nft', 'add', 'chain', 'inet', 'way', hook, `{ type filter hook ${hook} priority 0; }`);
    for (const match of ['ip daddr 203.0.113.0/24', 'ip6 daddr 2001:db8:113::/48'])
      at.ok('nft', `add rule inet way ${hook} ${match} meta l4proto { tcp, udp } ${rule}`);
  };
  const clear = (): void => {
    for (const at of [host, router]) at.run('nft', 'delete', 'table', 'inet', 'way');
  };

  before(() => {
    host.ok('ip', 'address', 'add', '10.9.9.9/32', 'dev', 'lo');
    host.cable('way4', '192.0.2.2/24', router, 'way4', '192.0.2.1/24');
    host.cable('way6', '2001:db8:2::2/64', router, 'way6', '2001:db8:2::1/64');
    for (const address of ['203.0.113.1/32', '2001:db8:113::1/128'])
      router.ok('ip', 'address', 'add', address, 'dev', 'lo', ...(address.includes(':') ? ['nodad'] : []));
    host.ok('ip', 'route', 'add', '203.0.113.0/24', 'via', '192.0.2.1');
    host.ok('ip', 'route', 'add', '2001:db8:113::/48', 'via', '2001:db8:2::1');
    // Errors are limited to one a second otherwise, after the first few.
    for (const limit of ['ipv4.icmp_ratelimit', 'ipv6.icmp.ratelimit']) router.sysctl(`net.${limit}`, '0');
  });
  afterEach(() => {
    clear();
    for (const server of servers.splice(0)) server.close();
  });
  after(() => {
    resolver.close();
    host.destroy();
    router.destroy();
  });

  for (const [what, rule] of Object.entries(REJECTS)) {
    test(`${what}: the next server is asked at once, over UDP and TCP`, async () => {
      const good = fake(host.netns, '10.9.9.9', '1.1.1.1');
      filter(rule);
      for (const address of ['203.0.113.1', '2001:db8:113::1']) {
        use(to(address), good.upstream('container', '10.9.9.9'));
        assert.equal(await answerOf(), '1.1.1.1', address);
        assert.equal(await answerOverTcp(), '1.1.1.1', address);
      }
    });
  }

  test('a filter of the container itself: the next server is asked at once', async () => {
    const good = fake(host.netns, '10.9.9.9', '1.1.1.1');
    filter('drop', { at: host, hook: 'output' });
    for (const address of ['203.0.113.1', '2001:db8:113::1']) {
      use(to(address), good.upstream('container', '10.9.9.9'));
      assert.equal(await answerOf(), '1.1.1.1', address);
    }
  });

  test('no route, no source address, no address: the next server is asked at once, over UDP and TCP', async () => {
    const good = fake(host.netns, '10.9.9.9', '1.1.1.1');
    for (const address of ['198.51.100.1', '2001:db8:99::1', 'fe80::1', 'fe80::1%nothing', '::', 'nonsense']) {
      use(to(address), good.upstream('container', '10.9.9.9'));
      assert.equal(await answerOf(), '1.1.1.1', address);
      assert.equal(await answerOverTcp(), '1.1.1.1', address);
    }
    use(to('198.51.100.1'), to('2001:db8:99::1'));
    assert.equal((await ask(host.netns, 'example.com', 1, { timeoutMs: PATIENCE_MS })).rcode, ResponseCode.SERVFAIL);
  });

  test('a server that could not be reached is asked last, until it answers or the container has others', async () => {
    const good = fake(host.netns, '10.9.9.9', '1.1.1.1');
    filter('reject with icmpx type no-route');
    const upstreams = [to('203.0.113.1', good.port), good.upstream('container', '10.9.9.9')];
    use(...upstreams);
    assert.equal(await answerOf(), '1.1.1.1');
    clear();
    const back = fake(router.netns, '203.0.113.1', '2.2.2.2', good.port);
    assert.equal(await answerOf(), '1.1.1.1', 'asked last');
    assert.equal(back.queries.length, 0);
    assert.equal(await answerOverTcp(), '2.2.2.2', 'over TCP it has not failed');
    good.close();
    servers.splice(servers.indexOf(good), 1);
    assert.equal(await answerOf(), '2.2.2.2', 'the other one is gone');
    fake(host.netns, '10.9.9.9', '1.1.1.1', good.port);
    assert.equal(await answerOf(), '2.2.2.2', 'it answers again, and is first');
    filter('reject with icmpx type no-route');
    assert.equal(await answerOf(), '1.1.1.1');
    clear();
    use(...upstreams);
    assert.equal(await answerOf(), '2.2.2.2', 'what the container has is new: nothing is known of it');
  });
});
