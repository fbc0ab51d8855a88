/**
 * Drift: what somebody else took from us is put back. The kernel tells of every change of links, addresses, forwarding and
 * the ruleset; what was our own doing or none of our business is passed over at once, the rest is compared with the
 * endpoint table and made right. Connections that are established live on: the kernel tracks them outside of any table.
 */
import { errorMessage } from '../base/errors.ts';
import { UndoStack } from '../base/undo.ts';
import { RouteMonitor, type RouteNews } from '../kernel/netlink/route-monitor.ts';
import { RulesetMonitor, type RulesetNews } from '../kernel/nftables/monitor.ts';
import type { Endpoint } from '../model/endpoint.ts';
import type { NetworkRecord } from '../model/network.ts';
import { runSteps } from './change.ts';
import type { NetworkCore } from './core.ts';
import { driverNamed } from './drivers.ts';
import { TABLE } from './firewall/schema.ts';
import type { NetworkAdmin } from './network-admin.ts';
import { desiredElements } from './plan/elements.ts';
import { planRoutes } from './plan/routes.ts';
import type { SandboxRecord } from './plan/sandbox.ts';

/** Something that was put back. `networkId` is '' where it concerns all networks. */
export interface Repair {
  readonly networkId: string;
  readonly networkName: string;
  readonly what: string; // a sentence
}

export type RepairListener = (repair: Repair) => void;

// Long enough that a reload of somebody's firewall is over, short enough that nobody notices.
const QUIET_MS = 30;
const RETRY_MS = 500;
const TABLE_KEY = `1 ${TABLE}`; // 1: the number of the inet family
const MAX_REPAIRS_PER_MINUTE = 20; // of one thing: who takes it away again and again means it

export class Repairer {
  readonly #core: NetworkCore;
  readonly #admin: NetworkAdmin;
  readonly #listener: RepairListener;
  readonly #routes: RouteMonitor;
  readonly #ruleset: RulesetMonitor;
  readonly #recent = new Map<string, number[]>();
  #timer: NodeJS.Timeout | undefined;
  #suspectRules = false;
  #suspectLinks = false;
  #closed = false;

  constructor(core: NetworkCore, admin: NetworkAdmin, listener: RepairListener) {
    this.#core = core;
    this.#admin = admin;
    this.#listener = listener;
    this.#routes = RouteMonitor.open({ topics: ['link', 'address', 'forwarding'], listener: (news) => this.#onRoutes(news) });
    this.#ruleset = RulesetMonitor.open({ listener: (news) => this.#onRuleset(news) });
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#routes.close();
    this.#ruleset.close();
  }

  #onRuleset(news: RulesetNews | 'overrun'): void {
    if (news !== 'overrun' && news.own) return;
    this.#suspectRules = true;
    // Without our table nothing is kept apart: there is no time to lose.
    const gone = news !== 'overrun' && news.deletedTables.includes(TABLE_KEY);
    this.#schedule(gone ? 0 : QUIET_MS);
  }

  #onRoutes(news: readonly RouteNews[]): void {
    if (!news.some((item) => this.#concerns(item))) return;
    this.#suspectLinks = true;
    this.#schedule(QUIET_MS);
  }

  /** Cheap, for it is asked for every link that anybody on the host touches. */
  #concerns(news: RouteNews): boolean {
    const { table } = this.#core;
    switch (news.type) {
      case 'overrun':
        return true;
      case 'link':
        return (news.removed || !news.link.up || news.link.kind === 'veth') && table.ownsHostLink(news.link.name);
      case 'address':
        return news.removed && news.address.scope === 'global';
      case 'forwarding':
        return !news.on && news.linkIndex === -1;
      default:
        return false;
    }
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    if (delayMs === 0) clearTimeout(this.#timer);
    else if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#check();
    }, delayMs).unref();
  }

  async #check(): Promise<void> {
    const rules = this.#suspectRules;
    const links = this.#suspectLinks;
    this.#suspectRules = false;
    this.#suspectLinks = false;
    try {
      if (links) await this.#checkLinks();
      if (rules) this.#checkRules();
    } catch (error) {
      if (this.#closed) return;
      this.#core.log.error({ error: errorMessage(error) }, 'repairing the network');
      this.#suspectRules ||= rules;
      this.#suspectLinks ||= links;
      this.#schedule(RETRY_MS);
    }
  }

  #checkRules(): void {
    const { firewall, table, policy } = this.#core;
    const done = firewall.install(desiredElements(table, policy));
    if (done === 'written') this.#report(undefined, 'the firewall table was damaged or gone and is written anew');
    if (done === 'corrected') this.#report(undefined, 'elements of the firewall table were changed and are put back');
  }

  async #checkLinks(): Promise<void> {
    const { table, route } = this.#core;
    if (await this.#admin.restoreForwarding()) this.#report(undefined, 'IP forwarding was turned off and is on again');
    for (const network of table.networks()) {
      if (this.#isBusy(network.id)) continue;
      const missing = this.#lacks(network);
      if (missing && this.#mayRepair(`network ${network.id}`)) {
        await this.#admin.ensure(network);
        this.#report(network, missing);
      }
    }
    const links = new Map(route.links().map((link) => [link.name, link]));
    for (const record of table.sandboxes()) {
      if (this.#isBusy(record.sandbox.containerId)) continue;
      for (const endpoint of record.sandbox.endpoints) {
        const network = table.network(endpoint.networkId);
        if (!network || endpoint.hostIfname === '') continue;
        const link = links.get(endpoint.hostIfname);
        const bridge = links.get(network.bridgeName) ?? route.link(network.bridgeName);
        if (link && link.up && link.masterIndex === bridge?.index) continue;
        if (!this.#mayRepair(`endpoint ${endpoint.id}`)) continue;
        if (link) route.setLink(endpoint.hostIfname, { master: network.bridgeName, up: true, hairpin: endpoint.published.length > 0 });
        else this.#attachAgain(record, endpoint, network);
        const what = link ? 'was taken off its bridge and is back' : 'was deleted and is made anew';
        this.#report(network, `the interface of container ${record.request.containerName} on network ${network.name} ${what}`);
      }
    }
  }

  /** What is being changed now is looked at again when that is over. */
  #isBusy(id: string): boolean {
    if (!this.#core.busy.has(id)) return false;
    this.#suspectLinks = true;
    this.#schedule(RETRY_MS);
    return true;
  }

  /** What a bridge network lacks on the host, as a sentence. */
  #lacks(network: NetworkRecord): string | undefined {
    if (network.driver !== 'bridge' || network.bridgeName === '' || network.configOnly) return undefined;
    const { route, facts } = this.#core;
    const link = route.link(network.bridgeName);
    if (!link) return `bridge ${network.bridgeName} was deleted and is made anew`;
    if (!link.up) return `bridge ${network.bridgeName} was set down and is up again`;
    const present = new Set(route.addresses(network.bridgeName).map((info) => `${info.address}/${info.prefix}`));
    const wanted = driverNamed('bridge').createNetwork(network, facts).flatMap((step) => (step.kind === 'add-address' ? [step.address] : []));
    const gone = wanted.filter((address) => !present.has(address));
    return gone.length > 0 ? `bridge ${network.bridgeName} lost ${gone.join(' and ')} and has it again` : undefined;
  }

  #attachAgain(record: SandboxRecord, endpoint: Endpoint, network: NetworkRecord): void {
    const { netns, endpoints } = record.sandbox;
    const undo = new UndoStack();
    const steps = [
      ...driverNamed(network.driver).attach({ network, endpoint, netns, live: true }, this.#core.facts),
      ...planRoutes(netns, [], endpoints),
    ];
    try {
      runSteps(this.#core, steps, undo);
    } catch (error) {
      void undo.unwind();
      throw error;
    }
  }

  #mayRepair(key: string): boolean {
    const now = Date.now();
    const recent = (this.#recent.get(key) ?? []).filter((time) => now - time < 60_000);
    if (recent.length >= MAX_REPAIRS_PER_MINUTE) return false;
    this.#recent.set(key, [...recent, now]);
    return true;
  }

  #report(network: NetworkRecord | undefined, what: string): void {
    this.#core.log.warn({ network: network?.name ?? '' }, what);
    this.#listener({ networkId: network?.id ?? '', networkName: network?.name ?? '', what });
  }
}
