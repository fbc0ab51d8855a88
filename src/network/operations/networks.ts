/**
 * Networks as such: made, removed, adopted. Each is whole in kernel, firewall, resolver and store, or not there at all.
 */
import { tryAgainLater } from '../../base/again.ts';
import { conflict, errorMessage, forbidden, invalid, notFound, throwCollected } from '../../base/errors.ts';
import { UndoStack, withUndo } from '../../base/undo.ts';
import type { RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { formatSubnet, subnetsOverlap } from '../../model/addresses.ts';
import { newId } from '../../model/ids.ts';
import type { IpamPool, NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { hasMark } from '../interfaces/own-mark.ts';
import { runSteps, runTearDown } from './change.ts';
import { bridgesOf, type NetworkCore } from './core.ts';
import { clashes, tellNewClashes } from './clashes.ts';
import { DEFAULT_SUBNET, dockerSubnets } from '../host/default-bridge.ts';
import { hasNames } from '../table/dns-names.ts';
import { driverNamed, findDriver } from '../plan/drivers/registry.ts';
import { guardedBridge, keepsNeighboursApart, needsForwarding } from '../plan/network-policy.ts';
import { Forwarding } from './forwarding.ts';
import { loadBridgeNetfilter, readFlag, readReachableResolvConf, hostSubnets } from '../host/host-facts.ts';
import { strangerWarnings, unmarkedWarnings } from '../firewall/dropped-strangers.ts';
import { markWarning, sentenceOf, type ForeignDrop } from '../firewall/others/foreign-chains.ts';
import type { HostSubnets } from '../ipam/default-pools.ts';
import { factsOfNetwork } from '../plan/firewall-facts.ts';
import { strayWarnings } from '../table/strays.ts';
import { checkNetworkSpec, completeSpec, refuseRemovalInUse, withDefaultOptions } from '../plan/spec-check.ts';
import type { Step } from '../plan/step.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

export class NetworkAdmin {
  readonly #core: NetworkCore;
  readonly forwarding: Forwarding;

  constructor(core: NetworkCore) {
    this.#core = core;
    this.forwarding = new Forwarding(core);
  }

  async create(asked: NetworkSpec): Promise<{ record: NetworkRecord; warnings: string[] }> {
    const { table, facts } = this.#core;
    if (PREDEFINED.has(asked.name)) throw forbidden(`operation is not permitted on predefined ${asked.name} network `);
    if (asked.name.trim() === '') throw invalid('invalid name: name is empty');
    if (table.networks().some((network) => network.name === asked.name))
      throw conflict(`network with name ${asked.name} already exists`);
    const wanted = withDefaultOptions(
      asked,
      this.#core.config.networkOptions[findDriver(asked.driver)?.name ?? asked.driver] ?? {},
    );
    const warnings = checkNetworkSpec(wanted);
    if (wanted.configOnly) return { record: await this.#storeConfigOnly(wanted), warnings };
    const driver = driverNamed(wanted.driver);
    const spec = completeSpec(wanted, table.networks());
    warnings.push(...driver.check(spec, facts, table.networks()));
    const record = await this.#build(spec, newId(), false);
    if (record.bridgeName !== '') await this.#core.way.followBridges(() => bridgesOf(this.#core));
    tellNewClashes(this.#core);
    return { record, warnings };
  }

  /** The default bridge as the configuration has it now, under the id that it always had. */
  async establish(spec: NetworkSpec, previous: NetworkRecord | undefined): Promise<NetworkRecord> {
    driverNamed(spec.driver).check(spec, this.#core.facts, []);
    return this.#build(spec, previous?.id ?? newId(), true, previous);
  }

  async remove(id: string): Promise<void> {
    const { table } = this.#core;
    const network = table.network(id);
    if (!network) throw notFound(`network ${id} not found`);
    if (network.predefined) throw forbidden(`${network.name} is a pre-defined network and cannot be removed`);
    if (table.endpointCount(id) > 0)
      throw forbidden(`error while removing network: network ${network.name} id ${id} has active endpoints`);
    refuseRemovalInUse(network, table.networks());
    table.removeNetwork(id); // no container can connect to it any more
    try {
      await this.#core.store.commit({ removeNetworks: [id] });
    } catch (error) {
      table.putNetwork(network);
      throw error;
    }
    await this.destroy(network, { stored: true }).catch((error: unknown) => {
      this.#core.log.warn(
        { network: network.name, error: errorMessage(error) },
        'what is left of a removed network is tried again',
      );
      tryAgainLater(
        () => this.#removeAgain(network),
        (last) =>
          this.#core.log.warn(
            { network: network.name, error: errorMessage(last) },
            'something is left of a removed network',
          ),
      );
    });
  }

  /** Unless another has its bridge by then. */
  async #removeAgain(network: NetworkRecord): Promise<void> {
    if (network.configOnly || this.#core.table.isBridge(network.bridgeName)) return;
    throwCollected(`removing network ${network.name}`, await runTearDown(this.#core, this.#removeSteps(network)));
  }

  /** Takes a network out of everything, whatever fails on the way. `stored`: the store knows that it is gone. */
  async destroy(network: NetworkRecord, { stored = false } = {}): Promise<void> {
    const { table, ipam, resolver, store, policy, pendingRemovals } = this.#core;
    table.removeNetwork(network.id);
    this.#core.resolution.removed(network.id);
    this.#core.announcer.forgetNetwork(network.id);
    const errors: unknown[] = [];
    const pending = [
      hasNames(network) ? resolver.apply([{ op: 'remove-network', id: network.id }]) : undefined,
      stored ? undefined : store.commit({ removeNetworks: [network.id] }),
    ].map((work) => Promise.resolve(work).catch((error: unknown) => void errors.push(error)));
    const remove = factsOfNetwork(network, policy);
    // While loopback addresses are routed on a foreign bridge, the engine's rules are what keeps its neighbours from
    // the host's: they go last.
    const steps: Step[] = network.bridgeName === '' ? [] : [{ kind: 'release-bridge', link: network.bridgeName }];
    if (remove.length > 0) steps.push({ kind: 'change-elements', diff: { add: [], remove } });
    if (!network.configOnly) steps.push(...this.#removeSteps(network));
    await pendingRemovals.fromNetwork(network.id);
    errors.push(...(await runTearDown(this.#core, steps)));
    ipam.close(network.id);
    await Promise.all(pending);
    if (network.bridgeName !== '') {
      this.#core.way.giveUp(network.bridgeName);
      await this.#core.way.followBridges(() => bridgesOf(this.#core));
    }
    throwCollected(`removing network ${network.name}`, errors);
  }

  /** The kernel's side of a network that is known already; repeatable. */
  async ensure(network: NetworkRecord): Promise<void> {
    if (network.configOnly) return;
    await this.#prepareHost(network);
    runSteps(this.#core, driverNamed(network.driver).createNetwork(network, this.#core.facts), new UndoStack());
  }

  /** Turns forwarding on again where networks need it and it was turned off; true if that was so. */
  async restoreForwarding(): Promise<boolean> {
    if (!this.#core.config.ipForward) return false;
    const needing = this.#core.table.networks().filter((network) => needsForwarding(network));
    return this.forwarding.need(
      ([4, 6] as const).filter((version) => needing.some((network) => enables(network, version))),
    );
  }

  /** What on this host keeps networks from working as they should. */
  async hostWarnings(): Promise<string[]> {
    const { config, table, bridgeNotice } = this.#core;
    const warnings = await this.#foreignWarnings();
    warnings.push(
      ...this.#core.way.troubles.map(
        (text) => `no way for containers could be made in another firewall of this host: ${text}`,
      ),
    );
    if (bridgeNotice !== '') warnings.push(bridgeNotice);
    warnings.push(
      ...clashes(this.#core).map(({ what }) => what),
      ...strayWarnings(table),
      ...strangerWarnings(this.#core.firewall.context()),
      ...unmarkedWarnings(this.#core.firewall.context()),
    );
    if (!config.ipForward && readFlag('net.ipv4.ip_forward') === false) warnings.push('IPv4 forwarding is disabled');
    const separates = table
      .networks()
      .some((network) => guardedBridge(network) !== '' && keepsNeighboursApart(network));
    if (separates && readFlag('net.bridge.bridge-nf-call-iptables') === undefined) {
      warnings.push(
        'the kernel module br_netfilter is missing: containers on networks with enable_icc=false can reach each other',
      );
    }
    return warnings;
  }

  async #foreignWarnings(): Promise<string[]> {
    const { foreignRules, log, way } = this.#core;
    try {
      const { drops, unknown, markUsers } = await foreignRules.ask();
      const making = ({ program }: ForeignDrop): boolean =>
        program !== 'nftables' && way.isMaking(program === 'firewalld' ? 'firewalld' : 'iptables');
      return [
        ...drops.map((drop) =>
          making(drop)
            ? `${sentenceOf(drop)}: the daemon is making way for them`
            : `${sentenceOf(drop)}. To let them pass: ${drop.advice}`,
        ),
        ...unknown,
        ...(way.enabled ? markUsers.map(markWarning) : []),
      ];
    } catch (error) {
      log.debug({ error: errorMessage(error) }, 'the rules of other firewalls cannot be read');
      return [`whether other firewalls drop traffic of containers is not known: ${errorMessage(error)}`];
    }
  }

  async #build(spec: NetworkSpec, id: string, predefined: boolean, previous?: NetworkRecord): Promise<NetworkRecord> {
    this.#core.busy.add(id);
    try {
      return await this.#buildOrUndo(spec, id, predefined, previous);
    } finally {
      this.#core.busy.delete(id);
    }
  }

  async #buildOrUndo(
    spec: NetworkSpec,
    id: string,
    predefined: boolean,
    previous?: NetworkRecord,
  ): Promise<NetworkRecord> {
    const { ipam, table, resolver, resolution, store, route, config, policy } = this.#core;
    return withUndo(
      async (undo) => {
        const driver = driverNamed(spec.driver);
        const host = hostSubnets(
          route,
          readReachableResolvConf(config),
          dockerSubnets(config),
          predefined ? ownLinks(route) : undefined,
        );
        const earlier = previous && previous.pools.length > 0 ? previous.pools : predefined ? usualPools(host) : [];
        const record: NetworkRecord = {
          ...spec,
          driver: driver.name,
          scope: 'local',
          id,
          createdAt: previous?.createdAt ?? new Date().toISOString(),
          pools: ipam.choosePools(spec, host, earlier),
          bridgeName: driver.hostLink(spec, id),
          predefined,
        };
        this.#refuseSameBridge(record);
        // Taken before anything is awaited: another network created now must not choose the same.
        ipam.open(record);
        undo.push('address pools', () => ipam.close(id));
        table.putNetwork(record);
        undo.push('network table', () => (table.removeNetwork(id), resolution.removed(id)));
        await this.#prepareHost(record);
        runSteps(this.#core, driver.createNetwork(record, this.#core.facts, previous), undo);
        // At start the whole table is written at once, and the default network is only one part of it.
        if (!predefined) {
          const add = factsOfNetwork(record, policy);
          if (add.length > 0) runSteps(this.#core, [{ kind: 'change-elements', diff: { add, remove: [] } }], undo);
        }
        if (hasNames(record)) {
          undo.push('resolver', () => resolver.apply([{ op: 'remove-network', id }]));
          await Promise.all([resolver.apply(resolution.zoneChanges([id])), store.commit({ putNetworks: [record] })]);
        } else {
          await store.commit({ putNetworks: [record] });
        }
        return record;
      },
      (failure) =>
        this.#core.log.error(
          { step: failure.name, error: errorMessage(failure.error) },
          'undoing a failed network creation',
        ),
    );
  }

  async #storeConfigOnly(spec: NetworkSpec): Promise<NetworkRecord> {
    const record: NetworkRecord = {
      ...spec,
      driver: 'null', // as Docker has it: no driver is ever asked to make it
      scope: 'local',
      id: newId(),
      createdAt: new Date().toISOString(),
      pools: [],
      bridgeName: '',
      predefined: false,
    };
    this.#core.table.putNetwork(record);
    await this.#core.store.commit({ putNetworks: [record] });
    return record;
  }

  #refuseSameBridge(record: NetworkRecord): void {
    if (record.bridgeName === '') return;
    const other = this.#core.table
      .networks()
      .find((network) => network.id !== record.id && network.bridgeName === record.bridgeName);
    if (!other) return;
    throw forbidden(
      `cannot create network ${record.id} (${record.bridgeName}): conflicts with network ${other.id} (${other.bridgeName}): networks have same bridge name`,
    );
  }

  /**
   * Forwarding for networks with external connectivity; bridged packets through the IP hooks for what isolates
   * neighbours.
   */
  async #prepareHost(network: NetworkRecord): Promise<void> {
    if (guardedBridge(network) !== '' && keepsNeighboursApart(network)) await loadBridgeNetfilter(this.#core.log);
    if (!this.#core.config.ipForward || !needsForwarding(network)) return;
    this.forwarding.need(([4, 6] as const).filter((version) => enables(network, version)));
  }

  #removeSteps(network: NetworkRecord): Step[] {
    return driverNamed(network.driver).removeNetwork(network, this.#core.table.networks());
  }
}

const enables = (network: NetworkRecord, version: 4 | 6): boolean =>
  version === 4 ? network.enableIpv4 : network.enableIpv6;

/**
 * Links of an engine that is the daemon's own, whose addresses are no reason to choose others: unneeded ones are
 * removed.
 */
function ownLinks(route: RouteSocket): ReadonlySet<number> {
  return new Set(
    route
      .links()
      .filter((link) => hasMark(link))
      .map((link) => link.index),
  );
}

/** What the default network has where nothing is configured and no other engine is there. */
function usualPools({ own, routed }: HostSubnets): IpamPool[] {
  if ([...own, ...routed].some((subnet) => subnetsOverlap(subnet, DEFAULT_SUBNET))) return [];
  return [{ subnet: formatSubnet(DEFAULT_SUBNET), ipRange: '', gateway: '', auxAddresses: {} }];
}
