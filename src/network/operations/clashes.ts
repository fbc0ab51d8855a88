/**
 * What others on this host have that clashes with a network of the engine: logged once, and shown by `info` as long as
 * it lasts.
 */
import { errorMessage } from '../../base/errors.ts';
import { groupedBy } from '../../base/grouped.ts';
import { RT_TABLE_MAIN, type AddressInfo, type LinkInfo, type RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { parseSubnet, subnetContains, subnetsOverlap, type Subnet } from '../../model/addresses.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { BRIDGE_OPTION } from '../plan/bridge-options.ts';
import { hasMark } from '../interfaces/own-mark.ts';
import type { NetworkConfig } from '../contract.ts';
import type { NetworkCore } from './core.ts';
import { isPortOfOthers } from '../host/default-bridge.ts';
import { foreignBridges, isDockerPort } from '../interfaces/other-engines.ts';

export interface Clash {
  readonly network: NetworkRecord;
  readonly what: string; // a sentence
  /** What it is about, where the sentence names several: it is new where one of these is. */
  readonly about?: readonly string[];
}

/** An address of somebody else's, with the subnet that it stands for. */
interface Holding {
  readonly holder: string; // name of the interface
  readonly address: string; // with its prefix
  readonly subnet: Subnet;
}

/** The host's interfaces and their addresses, read and sorted once for all networks, of which there may be a thousand. */
interface HostInterfaces {
  readonly links: readonly LinkInfo[];
  readonly named: ReadonlyMap<string, LinkInfo>;
  /** By the index of an interface. */
  readonly addresses: ReadonlyMap<number, readonly AddressInfo[]>;
  /** By the index of their bridge. */
  readonly othersPorts: ReadonlyMap<number, readonly LinkInfo[]>;
  /** Bridges of other engines: name -> engine. */
  readonly engines: ReadonlyMap<string, string>;
  readonly enginesHold: readonly Holding[];
  readonly hostHolds: readonly Holding[];
}

export function hostInterfaces(route: RouteSocket, isOurs: (name: string) => boolean): HostInterfaces {
  const links = route.links();
  const engines = new Map(foreignBridges(links, isOurs).map(({ name, engine }) => [name, engine]));
  const addresses = groupedBy(route.addresses(), ({ linkIndex }) => linkIndex);
  const held = (holders: readonly LinkInfo[]): Holding[] =>
    holders.flatMap(({ index, name }) =>
      (addresses.get(index) ?? [])
        .filter(({ scope }) => scope === 'global')
        .map(({ address, prefix }) => `${address}/${prefix}`)
        .map((address) => ({ holder: name, address, subnet: parseSubnet(address)! })),
    );
  return {
    links,
    named: new Map(links.map((link) => [link.name, link])),
    addresses,
    othersPorts: groupedBy(links.filter(isPortOfOthers), ({ masterIndex }) => masterIndex),
    engines,
    enginesHold: held(links.filter(({ name }) => engines.has(name))),
    hostHolds: held(links.filter((link) => !isOurs(link.name) && !hasMark(link) && !engines.has(link.name))),
  };
}

type ClashNeeds = Pick<NetworkCore, 'config' | 'route' | 'table'>;

/** What the log has of them: each is told once, and again when it has been gone. */
export class ClashNotices {
  readonly #needs: ClashNeeds & Pick<NetworkCore, 'log'>;
  #told: ReadonlySet<string> = new Set();

  constructor(needs: ClashNeeds & Pick<NetworkCore, 'log'>) {
    this.#needs = needs;
  }

  /**
   * Those that are new since it was last asked, each of them logged. No change fails because it cannot be determined
   * now.
   */
  tellNew(): Clash[] {
    const { log } = this.#needs;
    let found: Clash[];
    try {
      found = clashes(this.#needs);
    } catch (error) {
      log.warn(
        { error: errorMessage(error) },
        'whether networks clash with what else is on this host cannot be told just now',
      );
      return [];
    }
    const fresh = found.filter((clash) => keysOf(clash).some((key) => !this.#told.has(key)));
    this.#told = new Set(found.flatMap(keysOf));
    for (const { network, what } of fresh) log.warn({ network: network.name }, what);
    return fresh;
  }
}

const keysOf = ({ what, about }: Clash): readonly string[] => about ?? [what];

export function clashes({ table, route, config }: ClashNeeds): Clash[] {
  const host = hostInterfaces(route, (name) => table.isBridge(name));
  return table
    .networks()
    .filter((network) => network.bridgeName !== '')
    .flatMap((network) => {
      const bridge = host.named.get(network.bridgeName);
      const texts = [
        ...engineSubnets(network, host),
        ...hostSubnets(network, host),
        ...(bridge?.up ? ledElsewhere(network, bridge, table.endpoints(network.id), host, route) : []),
      ];
      const ports = bridge
        ? (host.othersPorts.get(bridge.index) ?? []).filter(({ name }) => table.containerOfHostLink(name) === undefined)
        : [];
      return [
        ...texts.map((what): Clash => ({ network, what })),
        ...strangePorts(
          network,
          ports.map((port) => port.name),
          config,
        ),
        // The default bridge has a name that others look for; what the user puts on the bridge of another network is
        // left to the user.
        ...(network.predefined && bridge && hasMark(bridge)
          ? [...otherPorts(network, ports), ...otherAddresses(network, addressesOn(bridge, host))]
          : []),
      ];
    });
}

const about = (network: NetworkRecord, names: readonly string[]): string[] =>
  names.map((name) => `${network.id} ${name}`);

/** How a network comes to another bridge. */
function otherBridge(network: NetworkRecord, { bridgeName }: Pick<NetworkConfig, 'bridgeName'>): string {
  if (!network.predefined)
    return `remove the network and create it again with another bridge (-o ${BRIDGE_OPTION.name}=NAME)`;
  return bridgeName === ''
    ? 'start the daemon with --default-bridge-name'
    : 'start the daemon with another --bridge, or without it';
}

function strangePorts(network: NetworkRecord, ports: readonly string[], config: NetworkConfig): Clash[] {
  const names = ports.filter(isDockerPort);
  if (names.length === 0) return [];
  const what = `another engine has interfaces on ${network.bridgeName}, the bridge of network ${network.name} (${names.join(', ')}): both give out its addresses; ${otherBridge(network, config)}, or stop the other engine's containers on it`;
  return [{ network, what, about: about(network, names) }];
}

const addressesOn = ({ index }: LinkInfo, { addresses }: HostInterfaces): readonly AddressInfo[] =>
  addresses.get(index) ?? [];

function otherPorts(network: NetworkRecord, ports: readonly LinkInfo[]): Clash[] {
  const names = ports.map((port) => port.name).filter((name) => !isDockerPort(name));
  if (names.length === 0) return [];
  return [
    {
      network,
      what: `somebody else has interfaces on ${network.bridgeName}, the bridge of network ${network.name} (${names.join(', ')}): whoever is there is a neighbour of its containers`,
      about: about(network, names),
    },
  ];
}

function otherAddresses(network: NetworkRecord, present: readonly AddressInfo[]): Clash[] {
  const own = network.pools.map((pool) => pool.gateway);
  const others = present
    .filter((info) => info.scope === 'global' && !own.includes(info.address))
    .map((info) => `${info.address}/${info.prefix}`);
  if (others.length === 0) return [];
  const what = `somebody else gave ${network.bridgeName}, the bridge of network ${network.name}, the address ${others.join(' and ')}: an engine that takes it for its own gives out addresses there; start the daemon with --default-bridge-name, or take the address away`;
  return [{ network, what, about: about(network, others) }];
}

function engineSubnets(network: NetworkRecord, host: HostInterfaces): string[] {
  return clashesWithOthers(network, host).map(
    ({ subnet, holder, engine }) =>
      `network ${network.name} has the subnet ${subnet}, and so has ${holder} of ${engine}: traffic goes to one of the two; remove one of the networks and create it again`,
  );
}

const wayOutOf = (network: NetworkRecord): string =>
  network.predefined
    ? 'give it another subnet with --bip'
    : 'remove the network and create it again with another --subnet';

/**
 * Where a foreign route, or a rule before the main table, takes what is for containers. One container is looked up:
 * routes are about subnets.
 */
function ledElsewhere(
  network: NetworkRecord,
  bridge: LinkInfo,
  endpoints: readonly Endpoint[],
  host: HostInterfaces,
  route: RouteSocket,
): string[] {
  const { links } = host;
  const onBridge = addressesOn(bridge, host).map(({ address, prefix }) => parseSubnet(`${address}/${prefix}`)!);
  return (['ipv4', 'ipv6'] as const).flatMap((version): string[] => {
    const address = endpoints.find((endpoint) => endpoint[version] !== '')?.[version];
    if (address === undefined || !onBridge.some((subnet) => subnetContains(subnet, address))) return [];
    const way = route.wayTo(address);
    if (way?.linkIndex === bridge.index) return [];
    const to = way
      ? `to ${links.find(({ index }) => index === way.linkIndex)?.name ?? 'another interface'}, by a route of ${way.table === RT_TABLE_MAIN ? 'the main table' : `the table ${way.table}`}`
      : 'nowhere';
    const { subnet } = network.pools.find((pool) => subnetContains(parseSubnet(pool.subnet)!, address)) ?? {
      subnet: address,
    };
    const first =
      way?.table === RT_TABLE_MAIN
        ? ''
        : `, or have the main table asked first: ip ${version === 'ipv6' ? '-6 ' : ''}rule add pref 1 to ${subnet} lookup main`;
    return [
      `packets to ${address} of network ${network.name} do not go to its bridge ${bridge.name} but ${to}: ${wayOutOf(network)}${first}`,
    ];
  });
}

function hostSubnets(network: NetworkRecord, host: HostInterfaces): string[] {
  const wayOut = wayOutOf(network);
  return clashesWithHost(network, host).map(
    ({ subnet, holder, address }) =>
      `network ${network.name} has the subnet ${subnet}, and so has ${holder} of this host (${address}): traffic goes to one of the two; ${wayOut}`,
  );
}

interface SubnetClash {
  readonly subnet: string;
  readonly holder: string;
  readonly address: string;
}

/** Subnets of a network that a bridge of another engine has too. */
export function clashesWithOthers(
  network: Pick<NetworkRecord, 'pools'>,
  { enginesHold, engines }: HostInterfaces,
): (SubnetClash & { engine: string })[] {
  return overlaps(network, enginesHold).map((clash) => ({ ...clash, engine: engines.get(clash.holder)! }));
}

/** Subnets of a network that an interface of the host's own is in. */
export function clashesWithHost(network: Pick<NetworkRecord, 'pools'>, { hostHolds }: HostInterfaces): SubnetClash[] {
  return overlaps(network, hostHolds);
}

/** One for each of the network's subnets. */
function overlaps({ pools }: Pick<NetworkRecord, 'pools'>, theirs: readonly Holding[]): SubnetClash[] {
  return pools.flatMap(({ subnet }): SubnetClash[] => {
    const own = parseSubnet(subnet);
    const clash = own && theirs.find((holding) => subnetsOverlap(own, holding.subnet));
    return clash ? [{ subnet, holder: clash.holder, address: clash.address }] : [];
  });
}
