import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { systemError } from '../../base/errors.ts';
import type { NetworkConfig } from '../contract.ts';
import { NetworkTable } from '../table/table.ts';
import { hostWarnings, type WarningNeeds } from './host-warnings.ts';

const broken = (what: string) => (): never => {
  throw systemError(`${what}: ENOMEM`);
};

const needs = {
  bridgeNotice: 'the bridge has another name',
  config: { ipForward: true } as NetworkConfig,
  log: silentLog,
  table: new NetworkTable(),
  way: { enabled: true, isMaking: () => false, troubles: ['ufw does not answer'] },
  foreignRules: { ask: async () => broken('rules')() },
  route: { links: broken('links'), addresses: broken('addresses') } as unknown as WarningNeeds['route'],
  firewall: { context: broken('ruleset') },
} satisfies WarningNeeds;

test('host facts that cannot be determined are reported as such, with all others', async () => {
  const warnings = await hostWarnings(needs);
  for (const expected of [
    /^whether other firewalls drop traffic of containers is not known: rules: ENOMEM/,
    /ufw does not answer/,
    /^the bridge has another name/,
    /^whether networks clash with what else is on this host is not known just now: links: ENOMEM/,
    /^what of strangers was dropped is not known just now: ruleset: ENOMEM/,
    /^what of containers came without a mark is not known just now: ruleset: ENOMEM/,
  ])
    assert.equal(warnings.filter((warning) => expected.test(warning)).length, 1, String(expected));
});
