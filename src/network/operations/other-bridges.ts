/**
 * Which bridges of other engines there are now, for the firewall: only asked where way is made for the engine's
 * packets.
 */
import type { NetworkCore } from './core.ts';
import { diffFacts, isEmptyDiff } from '../firewall/facts/diff.ts';
import { factsOfHost, type FirewallPolicy } from '../plan/firewall-facts.ts';
import { isEncodable } from '../interfaces/link-name.ts';
import { foreignBridges } from '../interfaces/other-engines.ts';

/** The policy with the bridges as they are; the firewall is not notified. */
export function policyWithOthers(core: NetworkCore, policy: FirewallPolicy): FirewallPolicy {
  const { table, route, log } = core;
  const found = othersCount(core) ? foreignBridges(route.links(), (name) => table.isBridge(name)) : [];
  const others = found.filter(({ name }) => isEncodable(name));
  for (const { name, engine } of found) {
    if (isEncodable(name) || core.leftOut.has(name)) continue;
    core.leftOut.add(name);
    log.warn(
      { bridge: name, engine },
      "another engine's bridge has a name that is no text: the firewall table cannot tell it from others",
    );
  }
  const known = new Set(policy.others?.map((other) => other.name));
  for (const { name, engine } of others)
    if (!known.has(name))
      log.info({ bridge: name, engine }, "another engine's bridge: what passes there is left to its own rules");
  return { ...policy, others };
}

/** Whether the rules tell their bridges apart. */
export function othersCount({ config }: NetworkCore): boolean {
  return config.firewallIntegration;
}

/** Makes the policy and the firewall follow. */
export function followOtherBridges(core: NetworkCore): void {
  const before = factsOfHost(core.policy);
  core.policy = policyWithOthers(core, core.policy);
  const diff = diffFacts(before, factsOfHost(core.policy));
  if (!isEmptyDiff(diff)) core.firewall.change(diff);
}
