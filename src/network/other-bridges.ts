/** Which bridges of other engines there are now, for the firewall: only asked where forwarded packets of strangers are dropped. */
import type { NetworkCore } from './core.ts';
import { diffElements } from './plan/element.ts';
import { hostElements, type FirewallPolicy } from './plan/elements.ts';
import { foreignBridges } from './plan/other-engines.ts';

/** The policy with the bridges as they are; the firewall is not told. */
export function policyWithOthers(core: NetworkCore, policy: FirewallPolicy): FirewallPolicy {
  const { v4, v6 } = policy.dropStrangers;
  const { table, route, log } = core;
  const others = v4 || v6 ? foreignBridges(route.links(), (name) => table.isBridge(name)) : [];
  const known = new Set(policy.others?.map((other) => other.name));
  for (const { name, engine } of others) if (!known.has(name)) log.info({ bridge: name, engine }, "another engine's bridge: what passes there is left to its own rules");
  return { ...policy, others };
}

/** Makes the policy and the firewall follow. */
export function followOtherBridges(core: NetworkCore): void {
  const before = hostElements(core.policy);
  core.policy = policyWithOthers(core, core.policy);
  const diff = diffElements(before, hostElements(core.policy));
  if (diff.add.length + diff.remove.length > 0) core.firewall.change(diff);
}
