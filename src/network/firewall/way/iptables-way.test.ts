import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import type { Programs } from '../others/host-program.ts';
import { makeIptablesWay, SettledPlaces } from './iptables-way.ts';

/** A host with a FORWARD chain of iptables (nf_tables), as the kernel lists it and as the program does. */
function host(rules: readonly Record<string, unknown>[], printed: string) {
  const source: RuleSource = {
    list: async (command) =>
      command === 'list chains'
        ? ['ip', 'ip6'].map((family) => ({
            chain: { family, table: 'filter', name: 'FORWARD', hook: 'forward', type: 'filter', prio: 0 },
          }))
        : rules.map((rule) => ({ rule })),
    countRules: () => rules.length,
    sizeOfSet: () => 0,
  };
  const programs: Programs = {
    run: async (program, [option]) =>
      program.includes('legacy')
        ? undefined
        : { code: 0, stdout: option === '--version' ? 'iptables v1.8.9 (nf_tables)' : printed, stderr: '', cut: false },
  };
  return { source, programs };
}

async function uplinksAsked({ source, programs }: ReturnType<typeof host>): Promise<number> {
  let asked = 0;
  const uplinks = (): readonly string[] => {
    asked++;
    return ['eth0'];
  };
  const done = await makeIptablesWay(
    source,
    programs,
    { bridges: ['br-one'], uplinks, families: ['ip', 'ip6'] },
    new SettledPlaces(),
  );
  assert.deepEqual(done, []);
  return asked;
}

test('where no rules of others are met, the routes of the host are not looked at', async () => {
  assert.equal(await uplinksAsked(host([], '')), 0);
});

test('where rules of others are met, what packets look like follows from the routes of the host', async () => {
  const rule = { chain: 'FORWARD', expr: [{ counter: { packets: 0, bytes: 0 } }, { accept: null }] };
  const asked = await uplinksAsked(host([rule], '-P FORWARD ACCEPT\n-A FORWARD -j ACCEPT\n'));
  assert.ok(asked > 0);
});
