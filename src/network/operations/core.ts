/** What the parts of the network room share: the table, what is allocated, the doors to kernel, store and resolver. */
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { InterfaceReaper } from '../../kernel/netlink/interface-reaper.ts';
import { RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { notFound } from '../../base/errors.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { AdoptedBridges } from '../apply/adopted-bridges.ts';
import { Announcer } from '../apply/announcer.ts';
import type { HostDoors } from '../apply/context.ts';
import { StaleFlows } from '../apply/stale-flows.ts';
import type { NetworkConfig, NetworkStore, Resolver } from '../contract.ts';
import { PendingRemovals } from './pending-removals.ts';
import { Firewall } from '../firewall/firewall.ts';
import { ForeignRules } from '../firewall/others/foreign-rules.ts';
import { probedNetworks, uplinksOf } from '../firewall/others/foreign-drops.ts';
import { WayMaker } from '../firewall/way/way-maker.ts';
import { readHostFacts } from '../host/host-facts.ts';
import { Ipam } from '../ipam/ipam.ts';
import { LateFiles } from '../files/late-files.ts';
import type { HostFacts } from '../plan/driver.ts';
import type { FirewallPolicy } from '../plan/firewall-facts.ts';
import { guardedBridge, needsGateway } from '../plan/network-policy.ts';
import { NetworkTable } from '../table/table.ts';
import type { PortAllocator } from '../ports/allocator.ts';
import { createPortAllocator } from '../ports/held/held-ports.ts';
import { Resolution } from '../dns/resolution.ts';

export interface NetworkServiceDeps {
  readonly config: NetworkConfig;
  readonly store: NetworkStore;
  readonly resolver: Resolver;
  readonly log: Log;
}

export interface NetworkCore extends NetworkServiceDeps, HostDoors {
  readonly table: NetworkTable;
  readonly ipam: Ipam;
  readonly ports: PortAllocator;
  readonly facts: HostFacts;
  readonly resolution: Resolution;
  readonly pendingRemovals: PendingRemovals;
  readonly lateFiles: LateFiles;
  /** Through other firewalls of the host. */
  readonly way: WayMaker;
  /** What these do nevertheless. */
  readonly foreignRules: ForeignRules;
  policy: FirewallPolicy;
  /** Why the bridge of the default network is not called as usual; '' where it is. */
  bridgeNotice: string;
  /** Bridges of others that are left out of the firewall table; each is warned of once. */
  readonly leftOut: Set<string>;
  /** What clashes with others, as far as the log has it (clashes.ts). */
  toldClashes: ReadonlySet<string>;
  /**
   * Ids of containers and networks that are being changed now: what is missing of them is not missing yet, or any more.
   */
  readonly busy: Set<string>;
}

/** In the network namespace that this process is in now. */
export function createCore(deps: NetworkServiceDeps): NetworkCore {
  const { config, log } = deps;
  const table = new NetworkTable();
  const route = RouteSocket.open();
  const firewall = new Firewall({
    log,
    ruleset: { inputPolicy: config.inputPolicy, makeWay: config.firewallIntegration },
  });
  return {
    ...deps,
    table,
    route,
    reaper: InterfaceReaper.open(),
    staleFlows: new StaleFlows(log),
    announcer: new Announcer(log),
    id: config.hostId,
    adopted: new AdoptedBridges(join(config.stateDir, 'adopted-bridges'), log),
    ipam: new Ipam({ pools: config.addressPools, hostId: config.hostId, needsGateway }),
    ports: createPortAllocator(table),
    firewall,
    foreignRules: new ForeignRules(
      () => firewall.reader(),
      () => ({ networks: probedNetworks(table.networks(), route), marked: config.firewallIntegration }),
    ),
    way: new WayMaker({
      enabled: config.firewallIntegration,
      families: config.ip6tablesWay ? ['ip', 'ip6'] : ['ip'],
      givenUpFile: join(config.stateDir, 'given-up-bridges.json'),
      log,
      context: () => firewall.context(),
      reader: () => firewall.reader(),
      uplinks: () => uplinksOf(route, table.networks()),
    }),
    facts: readHostFacts(route, config),
    resolution: new Resolution({ table, defaultTtlS: config.dnsTtlS }),
    pendingRemovals: new PendingRemovals(log),
    lateFiles: new LateFiles(),
    busy: new Set(),
    leftOut: new Set(),
    toldClashes: new Set(),
    bridgeNotice: '',
    policy: { closed: {}, ipMasq: config.ipMasq, inputPolicy: config.inputPolicy },
  };
}

/** Those by which networks pass the engine's firewall. */
export function bridgesOf({ table }: NetworkCore): string[] {
  return table
    .networks()
    .map((network) => guardedBridge(network))
    .filter((bridge) => bridge !== '');
}

export function networkOf(core: NetworkCore, id: string): NetworkRecord {
  const network = core.table.network(id);
  if (!network) throw notFound(`network ${id} not found`);
  return network;
}
