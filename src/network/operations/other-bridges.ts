/**
 * Which bridges of other engines there are now, for the firewall: only asked where way is made for the engine's
 * packets.
 */
import type { NetworkCore } from './core.ts';
import { diffFacts, isEmptyDiff } from '../firewall/facts/diff.ts';
import { factsOfHost } from '../plan/firewall-facts.ts';
import { isEncodable } from '../interfaces/link-name.ts';
import { foreignBridges } from '../interfaces/other-engines.ts';

export class OtherBridges {
  readonly #needs: Pick<NetworkCore, 'config' | 'firewall' | 'log' | 'policy' | 'route' | 'table'>;
  /** Those that are left out of the firewall table; each is warned of once. */
  readonly #leftOut = new Set<string>();

  constructor(needs: Pick<NetworkCore, 'config' | 'firewall' | 'log' | 'policy' | 'route' | 'table'>) {
    this.#needs = needs;
  }

  /** Whether the rules tell their bridges apart. */
  get count(): boolean {
    return this.#needs.config.firewallIntegration;
  }

  /** Makes the policy follow, before the table is written as a whole. */
  notePolicy(): void {
    const { log, policy, route, table } = this.#needs;
    const found = this.count ? foreignBridges(route.links(), (name) => table.isBridge(name)) : [];
    const others = found.filter(({ name }) => isEncodable(name));
    for (const { name, engine } of found) {
      if (isEncodable(name) || this.#leftOut.has(name)) continue;
      this.#leftOut.add(name);
      log.warn(
        { bridge: name, engine },
        "another engine's bridge has a name that is no text: the firewall table cannot tell it from others",
      );
    }
    const known = new Set(policy.others?.map((other) => other.name));
    for (const { name, engine } of others)
      if (!known.has(name))
        log.info({ bridge: name, engine }, "another engine's bridge: what passes there is left to its own rules");
    this.#needs.policy = { ...policy, others };
  }

  /** Makes the policy and the firewall follow. */
  follow(): void {
    const before = factsOfHost(this.#needs.policy);
    this.notePolicy();
    const diff = diffFacts(before, factsOfHost(this.#needs.policy));
    if (!isEmptyDiff(diff)) this.#needs.firewall.change(diff);
  }
}
