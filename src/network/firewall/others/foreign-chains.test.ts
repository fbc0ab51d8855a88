import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import { foreignDrops, type ProbedNetwork } from './foreign-chains.ts';

const HOOKS = { prerouting: -150, forward: -150, postrouting: -150 } as const;

/** A host with these chains, and the commands that were asked of it. */
function host(
  chains: readonly Record<string, unknown>[],
  rules: readonly Record<string, unknown>[],
): { source: RuleSource; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    source: {
      list: async (command) => {
        asked.push(command);
        return command === 'list chains' ? chains.map((chain) => ({ chain })) : rules.map((rule) => ({ rule }));
      },
      countRules: () => rules.length,
      sizeOfSet: () => 0,
    },
  };
}

const network = (bridge: string, ipv4: string): ProbedNetwork => ({
  bridge,
  ipv4,
  ipv6: '',
  translated: true,
  uplink4: 'eth0',
  uplink6: '',
});
const networks = [network('br-one', '10.1.0.1'), network('br-two', '10.2.0.1')];

test('a table of others is listed once for a report, however many hooks it has chains at', async () => {
  const { source, asked } = host(
    Object.entries(HOOKS).map(([hook, prio]) => ({
      family: 'inet',
      table: 'theirs',
      name: `at_${hook}`,
      hook,
      type: 'filter',
      prio,
      policy: 'accept',
    })),
    Object.keys(HOOKS).map((hook) => ({ chain: `at_${hook}`, expr: [{ drop: null }] })),
  );
  const { drops, unknown } = await foreignDrops(source, networks, { marked: false, legacy: [] });
  assert.deepEqual(asked, ['list chains', 'list table inet theirs']);
  assert.deepEqual(unknown, []);
  assert.deepEqual(drops.flatMap(({ chains }) => chains).sort(), [
    'inet theirs at_forward',
    'inet theirs at_postrouting',
    'inet theirs at_prerouting',
  ]);
});

test('a rule that drops bridged frames is reported for every network', async () => {
  const { source } = host(
    [{ family: 'bridge', table: 'theirs', name: 'fwd', hook: 'forward', type: 'filter', prio: 0, policy: 'drop' }],
    [],
  );
  const { drops } = await foreignDrops(source, networks, { marked: false, legacy: [] });
  assert.deepEqual(
    drops.map(({ bridges, between, outgoing, published }) => ({ bridges, between, outgoing, published })),
    [{ bridges: ['br-one', 'br-two'], between: true, outgoing: false, published: false }],
  );
});
