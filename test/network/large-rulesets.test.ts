/**
 * Others may have tens of thousands of rules: whoever asks what they do to containers waits for the answer, and nobody
 * else does.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { netlinkTraffic } from '../../src/kernel/netlink/netlink-socket.ts';
import { parseListing } from '../../src/kernel/nftables/ruleset-reader.ts';
import { MAX_RULES } from '../../src/network/firewall/others/foreign-filters.ts';
import { callApi } from '../harness/call-api.ts';
import { run as runProgram } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { enterTestHost } from './inside.ts';
import { Lab, run } from './lab.ts';

const BOUND_MS = 120_000; // for a busy machine
/** At 300 bytes a rule. */
const READ_ANEW_BYTES = 500_000;

/**
 * A table of somebody who blocks many, one rule each, and drops the rest. `chain`: the rules are in it, and nothing
 * leads there.
 */
const manyRules = (count: number, chain?: string): string => {
  const rules = Array.from(
    { length: count },
    (_, at) =>
      `ip saddr 10.${at >> 16}.${(at >> 8) & 255}.${at & 255} tcp dport 25 counter drop comment "{\\"rule\\": }]}"`,
  )
    .join('\n')
    .replaceAll('\\"', "'");
  return chain === undefined
    ? `table inet theirs { chain forward { type filter hook forward priority 10; policy drop;\n${rules}\n}; }`
    : `table inet theirs { chain ${chain} {\n${rules}\n}; chain forward { type filter hook forward priority 10; policy drop; }; }`;
};
const nft = (text: string) => assert.equal(spawnSync('nft', ['-f', '-'], { input: text }).status, 0);

function scenarios(): void {
  test('a daemon answers others while it finds out', async () => {
    const engine = await TestEngine.start({ flags: ['--firewall-integration=false'] });
    try {
      assert.equal((await callApi(engine.socket, 'GET', '/info', undefined, BOUND_MS)).status, 200); // what is asked once is known from here on
      assert.equal(runProgram('nsenter', [`--net=${engine.host.netns}`, 'nft', '-f', '-'], manyRules(6_000)).code, 0);
      let pings = 0;
      let done = false;
      const info = callApi(engine.socket, 'GET', '/info', undefined, BOUND_MS).finally(() => (done = true));
      while (!done) {
        assert.equal((await callApi(engine.socket, 'GET', '/_ping', undefined, BOUND_MS)).status, 200);
        pings++;
      }
      const { Warnings } = JSON.parse((await info).text) as { Warnings: string[] };
      assert.match(
        Warnings.join('\n'),
        /nftables drops outgoing traffic and connections to published ports of containers on docker0/,
      );
      assert.ok(pings >= 20, `${pings} pings were answered while info was found out`);
    } finally {
      await engine.destroy();
    }
  });

  describe('in one process', () => {
    test('findings are cached until there is a change, and computed once for concurrent callers', async () => {
      const lab = await Lab.start({ firewallIntegration: false });
      try {
        nft(manyRules(3_000));
        const readBy = async (work: () => Promise<unknown>): Promise<number> => {
          const before = netlinkTraffic.receivedBytes;
          await work();
          return netlinkTraffic.receivedBytes - before;
        };
        const ask = () => lab.service.hostWarnings();
        const first = await readBy(ask);
        assert.ok(first > READ_ANEW_BYTES, `${first}`);
        const said = await ask();
        assert.match(said.join('\n'), /nftables drops .* on docker0 /);
        assert.ok((await readBy(async () => assert.deepEqual(await ask(), said))) < READ_ANEW_BYTES / 10);
        await lab.createNetwork('new', { options: { 'com.docker.network.bridge.name': 'br-new' } });
        assert.ok(
          (await readBy(async () => assert.match((await ask()).join('\n'), /docker0, br-new/))) > READ_ANEW_BYTES,
        );
        run('nft', 'add rule inet theirs forward counter');
        const many = await readBy(() => Promise.all(Array.from({ length: 10 }, ask)));
        assert.ok(many > READ_ANEW_BYTES && many < 2 * first, `${many} of ${first}`);
        run('nft', 'insert rule inet theirs forward accept');
        assert.doesNotMatch((await ask()).join('\n'), /drops/, 'news count at once');
      } finally {
        run('nft', 'delete table inet theirs');
        await lab.stop();
      }
    });

    test('too many are not evaluated, which is said; those that packets do not meet do not count', async () => {
      const lab = await Lab.start({ firewallIntegration: false });
      try {
        nft(manyRules(MAX_RULES + 10));
        assert.match(
          (await lab.service.hostWarnings()).join('\n'),
          /whether nftables \(chain "inet theirs forward"\) drops traffic of containers was not evaluated: more than 20000 rules/,
        );
        run('nft', 'delete table inet theirs');
        nft(manyRules(MAX_RULES + 10, 'unmet'));
        assert.match(
          (await lab.service.hostWarnings()).join('\n'),
          /nftables drops .* on docker0 \(chain "inet theirs forward": policy drop\)/,
        );
      } finally {
        run('nft', 'delete table inet theirs');
        await lab.stop();
      }
    });

    test('chains of others that use our bit of the mark are named', async () => {
      const lab = await Lab.start();
      try {
        nft('table ip filter { chain cali-FORWARD { }; chain CILIUM_FORWARD { }; }');
        assert.deepEqual(
          (await lab.service.hostWarnings()).map(
            (text) => /^the marks of (\w+) contain the bit 0x8000000/.exec(text)?.[1],
          ),
          ['Calico', 'Cilium'],
        );
      } finally {
        run('nft', 'delete table ip filter');
        await lab.stop();
      }
    });
  });

  test('a listing in parts is the listing', async () => {
    const rule = (at: number) => ({ rule: { comment: `,"{"rule": ${at}]}`, expr: [{ counter: null }] } });
    const nftables = [
      { metainfo: {} },
      { chain: { name: 'x' } },
      ...Array.from({ length: 5_000 }, (_, at) => rule(at)),
      { chain: { name: 'y' } },
      rule(1),
    ];
    assert.deepEqual(await parseListing(JSON.stringify({ nftables })), nftables);
    assert.deepEqual(
      await parseListing(
        `${JSON.stringify({ nftables }, null, 1).replace(/\n */g, ' ').replaceAll('{ "', '{"').replaceAll('} ]', '}]').replaceAll('] }', ']}')}\n`,
      ),
      nftables,
    );
    assert.deepEqual(await parseListing('{"nftables": [{"metainfo": {}}]}'), [{ metainfo: {} }]);
  });
}

if (enterTestHost()) describe('large rulesets', scenarios);
