/** The networks that always exist, at the start of a daemon: as the configuration has them, and as the host is now. */
import type { NetworkRecord } from '../../model/network.ts';
import { chooseDefaultBridge, electAddress, overlapsDocker, type DefaultBridge } from '../host/default-bridge.ts';
import { isDefaultBridge } from '../plan/network-policy.ts';
import { clashesWithHost, clashesWithOthers, hostInterfaces } from './clashes.ts';
import type { NetworkCore } from './core.ts';
import { defaultBridgeSpec, predefinedRecord } from './default-networks.ts';
import type { NetworkBuilder } from './network-builder.ts';

type Stored = ReturnType<NetworkCore['store']['load']>;

interface PredefinedNeeds extends Pick<
  NetworkCore,
  'adopted' | 'bridgeNotice' | 'config' | 'facts' | 'ipam' | 'log' | 'route' | 'store' | 'table' | 'way'
> {
  readonly builder: Pick<NetworkBuilder, 'establish'>;
}

export class PredefinedNetworks {
  readonly #needs: PredefinedNeeds;

  constructor(needs: PredefinedNeeds) {
    this.#needs = needs;
  }

  async establish(stored: Stored, live: ReadonlySet<string>): Promise<void> {
    const { config, table, store } = this.#needs;
    // A daemon without a default bridge: --bridge none.
    if (config.bridgeName !== 'none') await this.#establishDefault(stored, live);
    for (const { predefined, bridgeName } of stored.networks)
      if (predefined && bridgeName !== '' && !table.isBridge(bridgeName)) this.#needs.way.giveUp(bridgeName);
    const missing = (['host', 'none'] as const).filter(
      (name) => !stored.networks.some((network) => network.predefined && network.name === name),
    );
    const records = missing.map((name) => predefinedRecord(name, new Date().toISOString()));
    for (const record of records) table.putNetwork(record);
    if (records.length > 0) await store.commit({ putNetworks: records });
  }

  async #establishDefault(stored: Stored, live: ReadonlySet<string>): Promise<void> {
    const { config, route, log } = this.#needs;
    const previous = stored.networks.find((network) => isDefaultBridge(network));
    const inUse = previous !== undefined && this.#isInUse(previous, stored, live);
    const holders = new Map(
      stored.networks
        .filter(({ predefined, bridgeName }) => !predefined && bridgeName !== '')
        .map(({ bridgeName, name }) => [bridgeName, name]),
    );
    const bridge = chooseDefaultBridge(config, route.links(), { inUse: inUse ? previous.bridgeName : '', holders });
    if (bridge.notice !== '') log.info({ bridge: bridge.name }, bridge.notice);
    this.#needs.bridgeNotice = bridge.notice;
    const own = this.#ownAddresses(bridge.name, previous);
    await this.#needs.builder.establish(
      defaultBridgeSpec({ ...config, bip: config.bip || own.v4, bip6: config.bip6 || own.v6 }, bridge),
      previous && this.#withFreePools(previous, bridge, inUse),
    );
  }

  /**
   * As in dockerd: containers on a bridge of the user's are in the subnet that it is in. '' where it has no address
   * that counts.
   */
  #ownAddresses(bridge: string, previous: NetworkRecord | undefined): { v4: string; v6: string } {
    const { config, route, adopted } = this.#needs;
    if (config.bridgeName === '' || !this.#needs.facts.hasLink(bridge)) return { v4: '', v6: '' };
    const ours = adopted.addressesOf(bridge);
    const present = route
      .addresses(bridge)
      .filter((info) => info.scope === 'global')
      .map((info) => `${info.address}/${info.prefix}`)
      .filter((address) => !ours.includes(address));
    const earlier = previous?.pools.map((pool) => pool.gateway) ?? [];
    return {
      v4: electAddress(present, 4, config.fixedCidr, earlier),
      v6: electAddress(present, 6, config.fixedCidrV6, earlier),
    };
  }

  /** Whether containers live on it. */
  #isInUse(network: NetworkRecord, stored: Stored, live: ReadonlySet<string>): boolean {
    return stored.sandboxes.some(
      ({ sandbox }) =>
        live.has(sandbox.containerId) && sandbox.endpoints.some((endpoint) => endpoint.networkId === network.id),
    );
  }

  /**
   * Others may have taken the subnet while no daemon ran. Where containers live in it, it stays, and `info` reports
   * what clashes.
   */
  #withFreePools(previous: NetworkRecord, bridge: DefaultBridge, inUse: boolean): NetworkRecord {
    const { config, ipam, route, table } = this.#needs;
    if (inUse) return previous;
    const host = hostInterfaces(route, (name) => name === bridge.name || table.isBridge(name));
    const isDockers =
      config.defaultBridgeName === '' && config.bridgeName === '' && bridge.besideDocker && overlapsDocker(previous);
    // What was the host's own stays where the network had it already; one that it takes with it from another bridge is
    // that bridge's.
    const isHosts = previous.bridgeName !== bridge.name && clashesWithHost(previous, host).length > 0;
    // As in dockerd, other address pools than before are for the default network too.
    const isNotOffered = config.addressPools.length > 0 && !previous.pools.every(({ subnet }) => ipam.offers(subnet));
    return isDockers || isHosts || isNotOffered || clashesWithOthers(previous, host).length > 0
      ? { ...previous, pools: [] }
      : previous;
  }
}
