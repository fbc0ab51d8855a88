/**
 * Start: the store and the kernel's state are reconciled. Sandboxes of live containers are adopted and put
 * right, everything else of the engine's that has no owner is removed.
 */
import { readdirSync } from 'node:fs';
import { tryAgainLater } from '../../base/again.ts';
import { errorMessage } from '../../base/errors.ts';
import { UndoStack } from '../../base/undo.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';
import { isNetns } from '../../kernel/netns.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { hasMark, isInUseByAnother, isMarkedBy } from '../interfaces/own-mark.ts';
import { recallWritten } from '../files/container-files.ts';
import { currentRecords, noteForwarded, runSteps, runTearDown } from './change.ts';
import type { NetworkCore } from './core.ts';
import { clashesWithHost, clashesWithOthers, hostInterfaces, tellNewClashes } from './clashes.ts';
import {
  chooseDefaultBridge,
  electAddress,
  overlapsDocker,
  portsOfOthers,
  type DefaultBridge,
} from '../host/default-bridge.ts';
import { defaultBridgeSpec, predefinedRecord } from './default-networks.ts';
import type { NetworkAdmin } from './networks.ts';
import { policyWithOthers } from './other-bridges.ts';
import { desiredElements } from '../plan/firewall-facts.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { macFromId } from '../interfaces/mac.ts';
import { groupChange } from '../plan/port-group.ts';
import { publishedOf } from '../table/published.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { refreshOthers } from './refresh-files.ts';
import { isDefaultBridge } from '../plan/network-policy.ts';
import { planRoutes } from '../plan/routes.ts';
import { leaveSteps } from '../plan/sandbox-steps.ts';
import { withEndpoints } from './allocate.ts';

type Stored = ReturnType<NetworkCore['store']['load']>;

export class Restorer {
  readonly #core: NetworkCore;
  readonly #admin: NetworkAdmin;

  constructor(core: NetworkCore, admin: NetworkAdmin) {
    this.#core = core;
    this.#admin = admin;
  }

  async restore(live: ReadonlySet<string>): Promise<void> {
    const { store, table, ipam, firewall, log } = this.#core;
    const stored = store.load();
    for (const network of stored.networks) {
      if (isDefaultBridge(network)) continue; // recreated from the configuration
      try {
        ipam.open(network);
        table.putNetwork(network);
      } catch (error) {
        log.error(
          { network: network.name, id: network.id, error: errorMessage(error) },
          'a network cannot be restored: it is left out, and what was connected to it goes on without',
        );
      }
    }
    this.#admin.forwarding.recall();
    await this.#establishPredefined(stored, live);
    for (const network of table.networks()) {
      if (!network.predefined) await this.#attempt(`network ${network.name}`, () => this.#admin.ensure(network));
    }
    const adopted: SandboxRecord[] = [];
    const dead: SandboxRecord[] = [];
    for (const record of stored.sandboxes) {
      if (live.has(record.sandbox.containerId) && hasNamespace(record)) adopted.push(this.#withoutLostNetworks(record));
      else dead.push(record);
    }
    for (const record of adopted) this.#adopt(record);
    await Promise.all(
      dead.map(async (record) =>
        this.#reportAll(
          `sandbox of container ${record.sandbox.containerId}`,
          await runTearDown(this.#core, leaveSteps(record, table)),
        ),
      ),
    );
    await this.#removeOrphans();
    this.#core.policy = policyWithOthers(this.#core, this.#core.policy);
    firewall.install(desiredElements(table, this.#core.policy));
    this.#admin.forwarding.carryOut();
    tellNewClashes(this.#core);
    for (const record of adopted) noteForwarded(this.#core, record);
    await refreshOthers(
      this.#core,
      adopted.map((record) => record.sandbox.containerId),
    );
    await store.commit({
      removeSandboxes: dead.map((record) => record.sandbox.containerId),
      putSandboxes: currentRecords(
        this.#core,
        adopted.map((record) => record.sandbox.containerId),
      ),
    });
    if (dead.some((record) => record.resolverPort > 0)) {
      await this.#core.resolver.apply(
        dead.filter((record) => record.resolverPort > 0).map((record) => ({ op: 'remove-sandbox', id: record.id })),
      );
    }
  }

  async #establishPredefined(stored: Stored, live: ReadonlySet<string>): Promise<void> {
    const { config, table, store } = this.#core;
    // A daemon without a default bridge: --bridge none.
    if (config.bridgeName !== 'none') await this.#establishDefault(stored, live);
    for (const { predefined, bridgeName } of stored.networks)
      if (predefined && bridgeName !== '' && !table.isBridge(bridgeName)) this.#core.way.giveUp(bridgeName);
    const missing = (['host', 'none'] as const).filter(
      (name) => !stored.networks.some((network) => network.predefined && network.name === name),
    );
    const records = missing.map((name) => predefinedRecord(name, new Date().toISOString()));
    for (const record of records) table.putNetwork(record);
    if (records.length > 0) await store.commit({ putNetworks: records });
  }

  async #establishDefault(stored: Stored, live: ReadonlySet<string>): Promise<void> {
    const { config, route, log } = this.#core;
    const previous = stored.networks.find((network) => isDefaultBridge(network));
    const inUse = previous !== undefined && this.#isInUse(previous, stored, live);
    const holders = new Map(
      stored.networks
        .filter(({ predefined, bridgeName }) => !predefined && bridgeName !== '')
        .map(({ bridgeName, name }) => [bridgeName, name]),
    );
    const bridge = chooseDefaultBridge(config, route.links(), { inUse: inUse ? previous.bridgeName : '', holders });
    if (bridge.notice !== '') log.info({ bridge: bridge.name }, bridge.notice);
    this.#core.bridgeNotice = bridge.notice;
    const own = this.#ownAddresses(bridge.name, previous);
    await this.#admin.establish(
      defaultBridgeSpec({ ...config, bip: config.bip || own.v4, bip6: config.bip6 || own.v6 }, bridge),
      previous && this.#withFreePools(previous, bridge, inUse),
    );
  }

  /**
   * As in dockerd: containers on a bridge of the user's are in the subnet that it is in. '' where it has no address
   * that counts.
   */
  #ownAddresses(bridge: string, previous: NetworkRecord | undefined): { v4: string; v6: string } {
    const { config, route, adopted } = this.#core;
    if (config.bridgeName === '' || !this.#core.facts.hasLink(bridge)) return { v4: '', v6: '' };
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
    const { config, route, table } = this.#core;
    if (inUse) return previous;
    const host = hostInterfaces(route, (name) => name === bridge.name || table.isBridge(name));
    const isDockers =
      config.defaultBridgeName === '' && config.bridgeName === '' && bridge.besideDocker && overlapsDocker(previous);
    // What was the host's own stays where the network had it already; one that it takes with it from another bridge is
    // that bridge's.
    const isHosts = previous.bridgeName !== bridge.name && clashesWithHost(previous, host).length > 0;
    return isDockers || isHosts || clashesWithOthers(previous, host).length > 0 ? { ...previous, pools: [] } : previous;
  }

  /** A network whose record cannot be read takes its interfaces along, and no other networks. */
  #withoutLostNetworks(record: SandboxRecord): SandboxRecord {
    const { table, log } = this.#core;
    const { netns, endpoints, containerId } = record.sandbox;
    const kept = endpoints.filter(({ networkId }) => table.network(networkId));
    if (kept.length === endpoints.length) return record;
    const lost = endpoints.filter(({ networkId }) => !table.network(networkId)).map(({ networkName }) => networkName);
    log.error(
      { container: containerId, networks: lost },
      'a running container goes on without networks that cannot be restored: restart the container when they are there again',
    );
    try {
      runSteps(this.#core, planRoutes(netns, endpoints, kept), new UndoStack());
    } catch (error) {
      log.error(
        { container: containerId, error: errorMessage(error) },
        'the default route of a running container that has lost a network',
      );
    }
    return withEndpoints(this.#core, record, kept);
  }

  /**
   * The container runs, and its namespace is there: whatever of it cannot be restored is reported, and no reason to cut
   * off the rest.
   */
  #adopt(record: SandboxRecord): void {
    const { table, ipam, ports, log } = this.#core;
    const { sandbox, request } = record;
    for (const endpoint of sandbox.endpoints) {
      for (const [version, address] of [
        [4, endpoint.ipv4],
        [6, endpoint.ipv6],
      ] as const) {
        if (address === '') continue;
        this.#core.announcer.note(endpoint.networkId, address, endpoint.mac);
        try {
          ipam.take(endpoint.networkId, version, address);
        } catch (error) {
          log.warn(
            { container: sandbox.containerId, address, error: errorMessage(error) },
            'address of a running container',
          );
        }
      }
      this.#joinBridgeSoon(endpoint, sandbox.containerId);
    }
    const published = publishedOf(sandbox.endpoints).filter((port) => port.hostPort !== 0);
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpointId);
    const owner = {
      containerId: sandbox.containerId,
      containerName: request.containerName,
      sandboxId: sandbox.id,
      ipv4: gateway?.ipv4 ?? '',
      ipv6: gateway?.ipv6 ?? '',
    };
    try {
      for (const lost of ports.adopt(owner, published)) {
        log.warn({ container: sandbox.containerId, port: lost }, 'a published port is held by another program');
      }
    } catch (error) {
      log.error(
        { container: sandbox.containerId, error: errorMessage(error) },
        'the published ports of a running container cannot be held: another program may take them',
      );
    }
    table.putSandbox(recallWritten(record, log));
    if (!record.parked) this.#core.resolution.remember(request);
  }

  /** A container that runs does not lose its network because the kernel had no room for the question. */
  #joinBridgeSoon(endpoint: Endpoint, container: string): void {
    try {
      this.#joinBridge(endpoint);
    } catch (error) {
      this.#core.log.warn(
        { container, link: endpoint.hostIfname, error: errorMessage(error) },
        'the link of a running container cannot be looked at, which is tried again',
      );
      tryAgainLater(
        () => this.#joinBridge(endpoint),
        (last) =>
          this.#core.log.error(
            { container, link: endpoint.hostIfname, error: errorMessage(last) },
            'the link of a running container cannot be looked at: it may be on no bridge',
          ),
      );
    }
  }

  /** The bridge may have been recreated; its ports are then detached. */
  #joinBridge({ networkId, hostIfname, published }: Endpoint): void {
    const { table, route } = this.#core;
    const network = table.network(networkId);
    const bridge = network?.bridgeName;
    const link = bridge && hostIfname !== '' ? route.link(hostIfname) : undefined;
    if (!bridge || !link) return;
    // Whether the default network keeps its containers apart is in the daemon's configuration, which may be another one
    // now.
    const group = groupChange(link.group, network);
    if (link.masterIndex !== route.link(bridge)?.index)
      route.setLink(hostIfname, { master: bridge, up: true, hairpin: published.length > 0, ...group });
    else if (group.group !== undefined) route.setLink(hostIfname, group);
  }

  /**
   * Namespaces, veths and bridges that carry the engine's mark and that no row knows: others that merely look alike are
   * foreign.
   */
  async #removeOrphans(): Promise<void> {
    const { table, route, config, log } = this.#core;
    const bridges = new Map(
      table
        .networks()
        .filter((network) => network.bridgeName !== '')
        .map((network) => [network.bridgeName, network]),
    );
    const parents = new Set(table.networks().map((network) => network.options['parent']));
    const veths = new Set(
      table.sandboxes().flatMap((record) => record.sandbox.endpoints.map((endpoint) => endpoint.hostIfname)),
    );
    const netnsFiles = new Set(table.sandboxes().map((record) => record.sandbox.netns));
    const [orphans, others]: [string[], string[]] = [[], []];
    const isOfAnother = (link: LinkInfo) => hasMark(link) && !isMarkedBy(link, config.hostId);
    const links = route.links();
    for (const link of links) {
      if (link.kind === 'veth' && isHostInterface(link.name, link.mac) && !veths.has(link.name)) {
        if (isOfAnother(link)) others.push(link.name);
        else orphans.push(link.name);
      }
      if (!isOwnLink(link) || bridges.has(link.name) || parents.has(link.name)) continue;
      if (link.kind === 'vlan' ? isOfAnother(link) : isInUseByAnother(link, links, config.hostId)) {
        others.push(link.name);
        continue;
      }
      const strangers = portsOfOthers(links, link.index).filter((port) => !veths.has(port.name));
      if (strangers.length === 0) orphans.push(link.name);
      else
        log.warn(
          { link: link.name, ports: strangers.map((port) => port.name) },
          'an orphaned bridge is left: others have interfaces on it',
        );
    }
    if (others.length > 0)
      log.warn(
        { links: others },
        'interfaces of containers of another data root are left as they are: a daemon with that data root takes them up again, and scripts/uninstall.sh --data-root removes them',
      );
    for (const link of this.#core.adopted.links) {
      if (!bridges.has(link))
        this.#reportAll(
          `what was set on bridge ${link}`,
          await runTearDown(this.#core, [{ kind: 'release-bridge', link }]),
        );
    }
    for (const name of orphans) {
      log.info({ link: name }, 'orphaned link removed');
      this.#reportAll(`link ${name}`, await runTearDown(this.#core, [{ kind: 'delete-link', netns: '', link: name }]));
    }
    const directory = `${config.execRoot}/netns`;
    for (const name of readIfThere(directory)) {
      const netns = `${directory}/${name}`;
      if (netnsFiles.has(netns)) continue;
      log.info({ netns }, 'orphaned network namespace removed');
      this.#reportAll(`namespace ${netns}`, await runTearDown(this.#core, [{ kind: 'delete-netns', netns }]));
    }
  }

  async #attempt(what: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#core.log.error({ error: errorMessage(error) }, `restoring ${what}`);
    }
  }

  #reportAll(what: string, errors: readonly unknown[]): void {
    for (const error of errors) this.#core.log.warn({ error: errorMessage(error) }, `removing ${what}`);
  }
}

/**
 * A bridge or VLAN of the engine: by its alias, or for a bridge that was only just made, by its address, which follows
 * from its name.
 */
function isOwnLink(link: LinkInfo): boolean {
  if (link.kind !== 'bridge' && link.kind !== 'vlan') return false;
  if (hasMark(link)) return true;
  const id = /^br-([0-9a-f]{12})$/.exec(link.name)?.[1];
  return id !== undefined && link.mac === macFromId(id);
}

function readIfThere(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

const hasNamespace = ({ sandbox }: SandboxRecord): boolean => sandbox.netns === '' || isNetns(sandbox.netns);
