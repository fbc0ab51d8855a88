/**
 * Drift: what another program took from the engine is restored. The kernel notifies of every change of links,
 * addresses, forwarding and the ruleset; what the engine did itself or does not own is skipped, the rest is compared
 * with the endpoint table and repaired. Established connections live on: the kernel tracks them outside of any table.
 */
import { monotonicMs } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { UndoStack } from '../../base/undo.ts';
import { RouteMonitor, type RouteNews } from '../../kernel/netlink/route-monitor.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';
import { RulesetMonitor, type RulesetNews } from '../../kernel/nftables/monitor.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { currentRecords, runSteps } from './change.ts';
import { tellNewClashes } from './clashes.ts';
import { bridgesOf, type NetworkCore } from './core.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { guardedBridge } from '../plan/network-policy.ts';
import { TABLE } from '../firewall/schema.ts';
import type { NetworkAdmin } from './networks.ts';
import { followOtherBridges, othersCount } from './other-bridges.ts';
import { desiredElements } from '../plan/firewall-facts.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { groupChange } from '../plan/port-group.ts';
import { planRoutes } from '../plan/routes.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { forgetUntranslated, keepAlive } from './untranslated-flows.ts';

/** Something that was restored. `networkId` is '' where it concerns all networks. */
export interface Repair {
  readonly networkId: string;
  readonly networkName: string;
  readonly what: string; // a sentence
}

/** A change by another program that the engine does not undo. */
export type Warning = Repair;

export interface RepairListeners {
  onRepair(repair: Repair): void;
  onWarning(warning: Warning): void;
}

// Long enough for a reload of another firewall to be over, short enough to go unnoticed.
const QUIET_MS = 30;
const RETRY_MS = 500;
const PREPARE_MS = 300;
const TABLE_WRITTEN = 'the firewall table was damaged or gone and is written anew';
const TABLE_KEY = `1 ${TABLE}`; // 1: the number of the inet family
const TABLE_KEYS = [TABLE_KEY, `7 ${TABLE}`]; // 7: of the bridge family
const LEGACY_LOOK_MS = 5_000; // changes in legacy iptables tables are not notified
const WAY_RETRY_MS = 1_000; // then twice as long each time
const WAY_RETRY_MAX_MS = 300_000;
const MINUTE_MS = 60_000;
const MAX_REPAIRS_PER_MINUTE = 20; // of one object: one that is removed again and again is removed on purpose

/** What is to be checked: as little as possible, so that a change costs the same on a crowded and an empty network. */
class Suspects {
  rules = false;
  forwarding = false;
  networks = false;
  others = false;
  clashes = false;
  way = false;
  everything = false;
  readonly containers = new Set<string>();

  add(other: Suspects): void {
    this.rules ||= other.rules;
    this.forwarding ||= other.forwarding;
    this.networks ||= other.networks;
    this.others ||= other.others;
    this.clashes ||= other.clashes;
    this.way ||= other.way;
    this.everything ||= other.everything;
    for (const id of other.containers) this.containers.add(id);
  }
}

export class Repairer {
  readonly #core: NetworkCore;
  readonly #admin: NetworkAdmin;
  readonly #listeners: RepairListeners;
  readonly #routes: RouteMonitor;
  readonly #ruleset: RulesetMonitor;
  readonly #recent = new Map<string, number[]>();
  readonly #legacyLook: NodeJS.Timeout;
  #timer: NodeJS.Timeout | undefined;
  #wayLater: NodeJS.Timeout | undefined;
  #wayRetryMs = WAY_RETRY_MS;
  #wayUnderWay = false;
  #wayHeldBack = false;
  #preparing: NodeJS.Timeout | undefined;
  #suspects = new Suspects();
  #closed = false;

  constructor(core: NetworkCore, admin: NetworkAdmin, listeners: RepairListeners) {
    this.#core = core;
    this.#admin = admin;
    this.#listeners = listeners;
    this.#routes = RouteMonitor.open({
      topics: ['link', 'address', 'forwarding'],
      listener: (news) => this.#onRoutes(news),
    });
    this.#ruleset = RulesetMonitor.open({ listener: (news) => this.#onRuleset(news) });
    core.firewall.doubted = () => this.#doubtRules();
    core.way.failed = () => this.#wayFailed();
    if (core.way.troubles.length > 0) this.#wayFailed(); // at the start
    core.foreignRules.catchUp = () => this.#ruleset.catchUp();
    this.#prepareSoon();
    this.#legacyLook = setInterval(() => this.#lookAtLegacy(), LEGACY_LOOK_MS).unref();
  }

  /** At a start: nothing was notified while no daemon ran. One that cannot be restored yet holds up no other. */
  lookAtAllEndpoints(): void {
    for (const record of this.#core.table.sandboxes()) {
      try {
        this.#checkEndpoints([record]);
      } catch (error) {
        const { containerId } = record.sandbox;
        this.#core.log.error(
          { container: containerId, error: errorMessage(error) },
          'the interface of a running container cannot be put back yet, which is tried again',
        );
        this.#suspects.containers.add(containerId);
        this.#schedule(RETRY_MS);
      }
    }
  }

  #lookAtLegacy(): void {
    if (this.#core.way.mustAsk) this.#suspectWay();
  }

  #suspectWay(): void {
    this.#suspects.way = true;
    this.#schedule(QUIET_MS);
  }

  /** There may never be a notification that the obstacle is gone. */
  #wayFailed(): void {
    this.#lookAtWayLater(this.#wayRetryMs);
    this.#wayRetryMs = Math.min(2 * this.#wayRetryMs, WAY_RETRY_MAX_MS);
  }

  #lookAtWayLater(delayMs: number): void {
    if (this.#closed || this.#wayLater) return;
    this.#wayLater = setTimeout(() => {
      this.#wayLater = undefined;
      this.#suspectWay();
    }, delayMs).unref();
  }

  close(): void {
    this.#closed = true;
    this.#core.foreignRules.catchUp = () => this.#core.foreignRules.changed();
    clearInterval(this.#legacyLook);
    clearTimeout(this.#wayLater);
    clearTimeout(this.#timer);
    clearTimeout(this.#preparing);
    this.#routes.close();
    this.#ruleset.close();
  }

  #doubtRules(): void {
    this.#suspects.rules = true;
    this.#schedule(RETRY_MS);
  }

  #onRuleset(news: RulesetNews | 'overrun'): void {
    if (news !== 'overrun' && news.own) return this.#prepareSoon();
    this.#core.foreignRules.changed();
    this.#suspects.rules = true;
    if (news !== 'overrun' && news.deletedTables.some((key) => TABLE_KEYS.includes(key))) this.#putTableBack();
    else if (news !== 'overrun' && news.ruleTables.has(TABLE_KEY)) this.#rememberUserRules();
    this.#schedule(QUIET_MS);
  }

  /** Without the engine's table nothing is forwarded or isolated: it is written at once, and checked closely later. */
  #putTableBack(): void {
    const { firewall, table, policy } = this.#core;
    if (!firewall.putBack(() => desiredElements(table, policy))) return;
    this.#settleFlows();
    this.#report(undefined, TABLE_WRITTEN);
  }

  #settleFlows(): void {
    forgetUntranslated(this.#core);
    void keepAlive(this.#core);
  }

  /** At once, as a program that writes a rule may flush all of them in the next moment. */
  #rememberUserRules(): void {
    try {
      this.#core.firewall.rememberUserRules();
    } catch (error) {
      this.#core.log.warn({ error: errorMessage(error) }, "the user's rules cannot be read");
    }
  }

  /** Once no more of the engine's own changes come, what would be restored is prepared. */
  #prepareSoon(): void {
    if (this.#closed) return;
    if (this.#preparing) return void this.#preparing.refresh();
    this.#preparing = setTimeout(() => {
      this.#preparing = undefined;
      const { firewall, table, policy, busy } = this.#core;
      if (busy.size === 0) firewall.prepare(desiredElements(table, policy));
      else this.#prepareSoon();
    }, PREPARE_MS).unref();
  }

  #onRoutes(news: readonly RouteNews[]): void {
    let concerned = false;
    for (const item of news) if (this.#suspect(item)) concerned = true;
    if (concerned) this.#schedule(QUIET_MS);
  }

  /** Cheap, for it is called for every change of a link on the host. */
  #suspect(news: RouteNews): boolean {
    const { table } = this.#core;
    switch (news.type) {
      case 'overrun':
        return (this.#suspects.everything = true);
      case 'link': {
        const { removed, link } = news;
        const containerId = table.containerOfHostLink(link.name);
        if (containerId !== undefined) this.#suspects.containers.add(containerId);
        const bridge = (removed || !link.up) && table.isBridge(link.name);
        if (bridge) this.#suspects.networks = true;
        const other = containerId === undefined && this.#concernsOthers(link);
        if (other) this.#suspects.others = true;
        const port =
          !removed && containerId === undefined && link.masterIndex !== 0 && !isHostInterface(link.name, link.mac);
        if (port) this.#suspects.clashes = true;
        return bridge || other || port || containerId !== undefined;
      }
      case 'address':
        if (news.address.scope !== 'global') return false;
        return news.removed ? (this.#suspects.networks = true) : (this.#suspects.clashes = true);
      case 'forwarding':
        if (news.on || news.linkIndex !== -1) return false;
        return (this.#suspects.forwarding = true);
      default:
        return false;
    }
  }

  /** A bridge or a port of one that others made, where it matters. */
  #concernsOthers(link: LinkInfo): boolean {
    const { table } = this.#core;
    if (!othersCount(this.#core)) return false;
    if (link.kind === 'bridge') return !table.isBridge(link.name);
    return link.kind === 'veth' && link.masterIndex !== 0 && !isHostInterface(link.name, link.mac);
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#check();
    }, delayMs).unref();
  }

  async #check(): Promise<void> {
    const suspects = this.#suspects;
    this.#suspects = new Suspects();
    try {
      if (suspects.others || suspects.everything) followOtherBridges(this.#core);
      if (suspects.networks || suspects.everything) await this.#checkNetworks();
      this.#checkEndpoints(
        suspects.everything ? this.#core.table.sandboxes() : currentRecords(this.#core, [...suspects.containers]),
      );
      if (suspects.rules) this.#checkRules();
      // With the table in place.
      if (suspects.clashes || suspects.everything) this.#tellClashes();
      if (suspects.forwarding || suspects.everything) await this.#checkForwarding();
      if (suspects.rules || suspects.way || suspects.everything) this.#checkWay();
    } catch (error) {
      if (this.#closed) return;
      this.#core.log.error({ error: errorMessage(error) }, 'repairing the network');
      this.#suspects.add(suspects);
      this.#schedule(RETRY_MS);
    }
  }

  #tellClashes(): void {
    for (const { network, what } of tellNewClashes(this.#core))
      this.#listeners.onWarning({ networkId: network.id, networkName: network.name, what });
  }

  #checkRules(): void {
    const { firewall, table, policy } = this.#core;
    const done = firewall.install(desiredElements(table, policy));
    this.#prepareSoon();
    if (done === 'written') {
      this.#settleFlows();
      this.#report(undefined, TABLE_WRITTEN);
    }
    if (done === 'corrected') this.#report(undefined, 'elements of the firewall table were changed and are put back');
  }

  /** Goes on by itself: it waits for programs of others. */
  #checkWay(): void {
    // What came meanwhile is looked at when that is over.
    if (this.#wayUnderWay) return this.#lookAtWayLater(RETRY_MS);
    const recent = this.#repairsOf('way');
    if (recent.length >= MAX_REPAIRS_PER_MINUTE) return this.#holdWayBack(MINUTE_MS - (monotonicMs() - recent[0]!));
    this.#wayHeldBack = false;
    this.#wayUnderWay = true;
    void this.#followWay().finally(() => (this.#wayUnderWay = false));
  }

  async #followWay(): Promise<void> {
    const { way } = this.#core;
    const done = await way.follow(() => bridgesOf(this.#core));
    if (way.troubles.length === 0) this.#wayRetryMs = WAY_RETRY_MS;
    if (this.#closed) return;
    if (done.length > 0) this.#mayRepair('way');
    for (const what of done) this.#report(undefined, what);
  }

  #holdWayBack(delayMs: number): void {
    if (!this.#wayHeldBack)
      this.#core.log.warn(
        { perMinute: MAX_REPAIRS_PER_MINUTE },
        'the way for containers in another firewall of this host is taken away again and again: it is put back more slowly',
      );
    this.#wayHeldBack = true;
    this.#lookAtWayLater(delayMs);
  }

  async #checkForwarding(): Promise<void> {
    if (await this.#admin.restoreForwarding()) this.#report(undefined, 'IP forwarding was turned off and is on again');
  }

  async #checkNetworks(): Promise<void> {
    for (const network of this.#core.table.networks()) {
      if (this.#core.busy.has(network.id)) {
        this.#suspects.networks = true;
        this.#schedule(RETRY_MS);
        continue;
      }
      const missing = this.#lacks(network);
      if (missing && this.#mayRepair(`network ${network.id}`)) {
        await this.#admin.ensure(network);
        this.#report(network, missing);
      }
    }
  }

  #checkEndpoints(records: readonly SandboxRecord[]): void {
    const { table, route, busy } = this.#core;
    const bridges = new Map<string, number | undefined>();
    const indexOf = (bridge: string): number | undefined => {
      if (!bridges.has(bridge)) bridges.set(bridge, route.link(bridge)?.index);
      return bridges.get(bridge);
    };
    for (const record of records) {
      const { containerId, endpoints } = record.sandbox;
      // What is being changed now is looked at again when that is over.
      if (busy.has(containerId)) {
        this.#suspects.containers.add(containerId);
        this.#schedule(RETRY_MS);
        continue;
      }
      for (const endpoint of endpoints) {
        const network = table.network(endpoint.networkId);
        if (!network || endpoint.hostIfname === '') continue;
        const link = route.link(endpoint.hostIfname);
        const group = link ? groupChange(link.group, network) : {};
        if (link && link.up && link.masterIndex === indexOf(network.bridgeName) && group.group === undefined) continue;
        if (!this.#mayRepair(`endpoint ${endpoint.id}`)) continue;
        if (link)
          route.setLink(endpoint.hostIfname, {
            master: network.bridgeName,
            up: true,
            hairpin: endpoint.published.length > 0,
            ...group,
          });
        else this.#attachAgain(record, endpoint, network);
        const what = !link
          ? 'was deleted and is made anew'
          : group.group === undefined
            ? 'was taken off its bridge and is back'
            : 'was taken off its bridge or out of its group and is back';
        this.#report(
          network,
          `the interface of container ${record.request.containerName} on network ${network.name} ${what}`,
        );
      }
    }
  }

  /** What a network with a bridge lacks on the host, as a sentence. */
  #lacks(network: NetworkRecord): string | undefined {
    if (guardedBridge(network) === '') return undefined;
    const { route, facts } = this.#core;
    const link = route.link(network.bridgeName);
    if (!link) return `bridge ${network.bridgeName} was deleted and is made anew`;
    if (!link.up) return `bridge ${network.bridgeName} was set down and is up again`;
    const present = new Set(route.addresses(network.bridgeName).map((info) => `${info.address}/${info.prefix}`));
    const wanted = driverNamed(network.driver)
      .createNetwork(network, facts)
      .flatMap((step) =>
        step.kind === 'add-address' ? [step.address] : step.kind === 'adopt-bridge' ? step.addresses : [],
      );
    const gone = wanted.filter((address) => !present.has(address));
    return gone.length > 0 ? `bridge ${network.bridgeName} lost ${gone.join(' and ')} and has it again` : undefined;
  }

  #attachAgain(record: SandboxRecord, endpoint: Endpoint, network: NetworkRecord): void {
    const { netns, endpoints } = record.sandbox;
    const undo = new UndoStack();
    const steps = [
      ...driverNamed(network.driver).attach({ network, endpoint, netns }, this.#core.facts),
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
    const recent = this.#repairsOf(key);
    if (recent.length >= MAX_REPAIRS_PER_MINUTE) return false;
    this.#recent.set(key, [...recent, monotonicMs()]);
    return true;
  }

  /** When, in the last minute. */
  #repairsOf(key: string): readonly number[] {
    const now = monotonicMs(); // a clock that is set back must not end the repairing
    return (this.#recent.get(key) ?? []).filter((time) => now - time < MINUTE_MS);
  }

  #report(network: NetworkRecord | undefined, what: string): void {
    this.#core.log.warn({ network: network?.name ?? '' }, what);
    this.#listeners.onRepair({ networkId: network?.id ?? '', networkName: network?.name ?? '', what });
  }
}
