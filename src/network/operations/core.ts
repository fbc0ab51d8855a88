/**
 * What the parts of the network room share: the table, what is allocated, the doors to kernel, store and resolver. Each
 * operation declares what it needs of it; only service.ts has all of it in hand.
 */
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
import { StepRunner } from '../apply/step-runner.ts';
import type { NetworkConfig, NetworkStore, Resolver } from '../contract.ts';
import { Busy } from './busy.ts';
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
import { guardedBridge, needsGateway, sharesSubnets } from '../plan/network-policy.ts';
import { NetworkTable } from '../table/table.ts';
import type { PortAllocator } from '../ports/allocator.ts';
import { createPortAllocator } from '../ports/held/held-ports.ts';
import { Resolution } from '../dns/resolution.ts';
import { Recalled } from './recalled.ts';
import { StoredRows } from './stored-rows.ts';

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
  /** Rows of the table in the store. */
  readonly rows: StoredRows;
  /** Through other firewalls of the host. */
  readonly way: WayMaker;
  /** What these do nevertheless. */
  readonly foreignRules: ForeignRules;
  readonly recalled: Recalled;
  policy: FirewallPolicy;
  /** Why the bridge of the default network is not called as usual; '' where it is. */
  bridgeNotice: string;
  readonly busy: Busy;
  readonly steps: StepRunner;
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
  const doors: HostDoors = {
    route,
    firewall,
    reaper: InterfaceReaper.open(),
    staleFlows: new StaleFlows(log),
    announcer: new Announcer(log),
    adopted: new AdoptedBridges(join(config.stateDir, 'adopted-bridges'), log),
    id: config.hostId,
  };
  return {
    ...deps,
    ...doors,
    table,
    steps: new StepRunner(doors, log),
    ipam: new Ipam({ pools: config.addressPools, hostId: config.hostId, needsGateway, sharesSubnets }),
    ports: createPortAllocator(table),
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
    rows: new StoredRows({ log, store: deps.store, table }),
    busy: new Busy(log),
    bridgeNotice: '',
    recalled: new Recalled(deps.store),
    policy: {
      closed: {},
      ipMasq: config.ipMasq,
      inputPolicy: config.inputPolicy,
      directRouting: config.directRouting,
    },
  };
}

/** Those by which networks pass the engine's firewall. */
export function bridgesOf({ table }: Pick<NetworkCore, 'table'>): string[] {
  return table
    .networks()
    .map((network) => guardedBridge(network))
    .filter((bridge) => bridge !== '');
}

export function networkOf({ table }: Pick<NetworkCore, 'table'>, id: string): NetworkRecord {
  const network = table.network(id);
  if (!network) throw notFound(`network ${id} not found`);
  return network;
}

/** Containers keep their networks; only what this process holds is let go. */
export async function closeCore(core: NetworkCore): Promise<void> {
  const { table, way } = core;
  core.lateFiles.close();
  await core.pendingRemovals.settle();
  await core.rows.close();
  for (const record of table.sandboxes()) core.ports.release(record.id);
  // Where nothing needs it any more, the engine leaves nothing in others' rules.
  if (table.sandboxes().length === 0) await way.patiently(way.remove({ permanent: false }));
  await way.close();
  core.staleFlows.flush();
  core.announcer.close();
  core.firewall.close();
  core.reaper.close();
  core.route.close();
}
