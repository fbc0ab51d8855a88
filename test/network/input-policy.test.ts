/**
 * --respect-input-policy: what reaches a published port from outside has passed the host's input chains, and is still
 * the client's own.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { enterTestHost } from './inside.ts';
import { askTcp, askUdp, Lab, run } from './lab.ts';

if (enterTestHost()) {
  describe('published ports and the input policy of the host', () => scenarios(true));
  describe('published ports as Docker has them', () => scenarios(false));
}

const CLIENT = { 4: '192.0.2.2', 6: '2001:db8::2' } as const;
const HOST = { 4: '192.0.2.1', 6: '2001:db8::1' } as const;

function scenarios(inputPolicy: boolean): void {
  let lab: Lab;
  let outside: string;
  before(async () => {
    lab = await Lab.start({ inputPolicy });
    outside = lab.otherHost();
    await lab.createNetwork('net', { enableIpv6: true });
    const everywhere = (port: number) => [{ hostIp: '', hostPort: String(port) }];
    const web = await lab.join('web', ['net'], {
      portBindings: {
        '80/tcp': [
          ...everywhere(8080),
          ...everywhere(8081),
          { hostIp: '192.0.2.1', hostPort: '8082' },
          { hostIp: '127.0.0.1', hostPort: '8083' },
          { hostIp: '2001:db8::1', hostPort: '8084' },
        ],
        '53/udp': [...everywhere(5300), ...everywhere(5301)],
      },
    });
    lab.serveTcp(web.netns, 80);
    lab.serveUdp(web.netns, 53);
    lab.serveUdp(web.netns, 53, 6);
  });
  after(() => lab.stop());
  afterEach(() => run('nft', 'delete', 'table', 'inet', 'theirs'));

  const policy = () => {
    const { code, out } = run(
      'nft',
      'table inet theirs { chain input { type filter hook input priority 0; policy drop; ct state established,related accept; iifname "lo" accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; tcp dport { 8080, 8082, 8084 } accept; udp dport 5300 accept; }; }',
    );
    assert.equal(code, 0, out);
  };

  test('without rules of the host all of them are open, and the container sees the client', async () => {
    for (const version of [4, 6] as const) {
      for (const port of [8080, 8081]) assert.equal(await askTcp(outside, HOST[version], port), CLIENT[version]);
      assert.equal(await askUdp(outside, HOST[version], 5301), CLIENT[version]);
    }
    assert.equal(await askTcp(outside, HOST[4], 8082), CLIENT[4]);
    assert.equal(await askTcp(outside, HOST[6], 8084), CLIENT[6]);
    assert.equal(await askTcp(outside, HOST[4], 8083), '', 'a port on 127.0.0.1 is not for others');
  });

  test(
    inputPolicy
      ? 'a port that the input policy accepts is open, another is closed'
      : 'the input policy changes nothing',
    async () => {
      policy();
      const closed = (client: string) => (inputPolicy ? '' : client);
      for (const version of [4, 6] as const) {
        assert.equal(await askTcp(outside, HOST[version], 8080), CLIENT[version]);
        assert.equal(await askTcp(outside, HOST[version], 8081), closed(CLIENT[version]));
        assert.equal(await askUdp(outside, HOST[version], 5300), CLIENT[version]);
        assert.equal(
          await askUdp(outside, HOST[version], 5301, inputPolicy ? { seconds: 2 } : {}),
          closed(CLIENT[version]),
        );
      }
      assert.equal(await askTcp(outside, HOST[4], 8082), CLIENT[4]);
      assert.equal(await askTcp(outside, HOST[6], 8084), CLIENT[6]);
    },
  );

  // For the rest it makes no difference, and Docker's way is tested elsewhere.
  if (!inputPolicy) return;

  test('this host and containers reach them whatever the policy', async () => {
    policy();
    const other = await lab.join('other', ['bridge']);
    assert.equal(await askTcp(undefined, '127.0.0.1', 8081), '172.18.0.1');
    assert.equal(await askTcp(undefined, '127.0.0.1', 8083), '172.18.0.1');
    assert.equal(await askTcp(undefined, HOST[4], 8081), HOST[4]);
    assert.equal(await askTcp(other.netns, HOST[4], 8081), other.endpoints[0]!.ipv4);
    await lab.service.leave(other.containerId);
  });

  test('nothing of this is taken for drift, and what is flushed is put back', async () => {
    const repairs: string[] = [];
    lab.service.onRepair((repair) => repairs.push(repair.what));
    run('nft', 'add', 'table', 'inet', 'theirs');
    // A harm of which the engine is told after that is repaired, and nothing else was.
    run('nft', 'flush', 'map', 'inet', 'causeway', 'publish-any4');
    const repaired = async (pattern: RegExp): Promise<void> => {
      for (
        const end = Date.now() + 60_000;
        !repairs.some((what) => pattern.test(what));
        await new Promise((resolve) => setTimeout(resolve, 5))
      )
        assert.ok(Date.now() < end);
    };
    await repaired(/elements of the firewall table/);
    assert.equal(repairs.length, 1, repairs.join('; '));
    run('nft', 'flush', 'ruleset');
    await repaired(/firewall table was damaged or gone/);
    policy();
    assert.equal(await askTcp(outside, HOST[4], 8080), CLIENT[4]);
    assert.equal(await askTcp(outside, HOST[4], 8081), '');
  });
}
