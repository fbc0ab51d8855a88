/**
 * The bridge of the default network on a host that has Docker too. dockerd takes any bridge called docker0 for its own,
 * with whatever address it has, and gives out that bridge's addresses without asking: so where dockerd is installed, or
 * its bridge is there, the engine's has another name and another subnet. What is installed counts and not what runs,
 * because dockerd may be started later.
 */
import { conflict, invalid } from '../../base/errors.ts';
import { parseSubnet, subnetsOverlap } from '../../model/addresses.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { LinkInfo } from '../../kernel/netlink/route-socket.ts';
import type { NetworkConfig } from '../contract.ts';
import type { HostSubnets } from '../ipam/default-pools.ts';
import { isHostInterface } from '../interfaces/interface-name.ts';
import { hasMark, isInUseByAnother } from '../interfaces/own-mark.ts';
import { foreignBridgeComplaint, foreignBridges } from '../interfaces/other-engines.ts';

export const DOCKER_BRIDGE = 'docker0';
const BESIDE_DOCKER = 'causeway'; // 0, or the next free number

type NamingConfig = Pick<NetworkConfig, 'bridgeName' | 'defaultBridgeName' | 'dockerInstalled'> &
  Partial<Pick<NetworkConfig, 'hostId'>>;

export interface DefaultBridge {
  readonly name: string;
  /** Its subnet is chosen, because Docker's own default belongs to Docker here. */
  readonly besideDocker: boolean;
  /** Why it is not called as usual; '' where it is. */
  readonly notice: string;
}

interface Known {
  /**
   * The bridge that containers live on, '' = none. It keeps its name until they have ended: two bridges with one subnet
   * would cut them off.
   */
  readonly inUse: string;
  /** Bridges of the networks that users made, with the names of those. */
  readonly holders: ReadonlyMap<string, string>;
}

const NOTHING_KNOWN: Known = { inUse: '', holders: new Map() };

/**
 * @throws conflict where the name is taken, `invalid` where the user's bridge is not there, with the remedy
 */
export function chooseDefaultBridge(
  config: NamingConfig,
  links: readonly LinkInfo[],
  { inUse, holders }: Known = NOTHING_KNOWN,
): DefaultBridge {
  const { bridgeName, defaultBridgeName, dockerInstalled, hostId } = config;
  refuseHeld('--bridge', bridgeName, holders);
  refuseHeld('--default-bridge-name', defaultBridgeName, holders);
  if (bridgeName !== '') {
    const engine = engineOfBridge(links, bridgeName, hostId);
    if (engine !== undefined)
      throw conflict(
        `${foreignBridgeComplaint(bridgeName, engine)}, or start the daemon without --bridge: it makes one of its own`,
      );
    // A user's: nobody would expect the daemon to make one, with which no host is connected.
    if (bridgeName !== DOCKER_BRIDGE && !links.some(({ name }) => name === bridgeName))
      throw invalid(
        `Error initializing network controller: error creating default "bridge" network: bridge device with non default name ${bridgeName} must be created manually; the daemon makes one itself without --bridge, and with --default-bridge-name ${bridgeName} one of that name`,
      );
    return { name: bridgeName, besideDocker: dockerInstalled, notice: '' };
  }
  const isTaken = (name: string) =>
    links.some((link) => link.name === name && (!hasMark(link) || isAnothers(link, links, hostId)));
  const foreign = isTaken(DOCKER_BRIDGE);
  const holder = holders.get(DOCKER_BRIDGE);
  const beside = defaultBridgeName === '' && (foreign || dockerInstalled || holder !== undefined);
  const free = (): string => {
    const isFree = (name: string) => !holders.has(name) && !isTaken(name);
    if (new RegExp(`^${BESIDE_DOCKER}\\d+$`).test(inUse) && isFree(inUse)) return inUse;
    for (let number = 0; ; number++) if (isFree(`${BESIDE_DOCKER}${number}`)) return `${BESIDE_DOCKER}${number}`;
  };
  if (beside && inUse === DOCKER_BRIDGE && !foreign && holder === undefined) {
    return {
      name: DOCKER_BRIDGE,
      besideDocker: false,
      notice: `Docker is installed on this host and takes any bridge called ${DOCKER_BRIDGE}: the bridge of the default network is called ${free()} once no container runs on it at a start of the daemon`,
    };
  }
  // To take Docker's own name is to take its place: a dockerd that comes later would use that bridge with the subnet
  // that it has.
  const besideDocker = (foreign || dockerInstalled) && defaultBridgeName !== DOCKER_BRIDGE;
  const name = defaultBridgeName || (beside ? free() : DOCKER_BRIDGE);
  if (isTaken(name)) {
    const orUse =
      engineOfBridge(links, name, hostId) === undefined ? `, or use that bridge as it is with --bridge ${name}` : '';
    throw conflict(
      `an interface ${name} exists that the daemon did not make: choose another name for the bridge of the default network with --default-bridge-name${orUse}`,
    );
  }
  const why = foreign
    ? `a bridge ${DOCKER_BRIDGE} exists that the daemon did not make`
    : dockerInstalled
      ? 'Docker is installed on this host'
      : `network ${holder} has the bridge ${DOCKER_BRIDGE}`;
  const subnet = besideDocker ? ' and has a subnet of its own' : '';
  return {
    name,
    besideDocker,
    notice: beside
      ? `${why}: the bridge of the default network is called ${name}${subnet} (--default-bridge-name chooses another name)`
      : '',
  };
}

function refuseHeld(flag: string, name: string, holders: ReadonlyMap<string, string>): void {
  const holder = name === '' ? undefined : holders.get(name);
  if (holder !== undefined)
    throw conflict(
      `network ${holder} has the bridge ${name}: choose another for the default network with ${flag}, or start the daemon without that and remove network ${holder} first`,
    );
}

/** Whether a warning of `info` is only about that: nothing is wrong then. */
export const isBridgeNotice = (warning: string): boolean =>
  warning.includes(': the bridge of the default network is called ');

/** The engine that a bridge belongs to, where it is not this one. The engine's ports have names like Docker's. */
export function engineOfBridge(links: readonly LinkInfo[], bridge: string, id?: string): string | undefined {
  const found = links.find((link) => link.name === bridge);
  if (found && isAnothers(found, links, id)) return 'Causeway with another data root';
  const others = links.filter((link) => !isHostInterface(link.name, link.mac));
  return foreignBridges(others, (name) => others.some((link) => link.name === name && hasMark(link))).find(
    ({ name }) => name === bridge,
  )?.engine;
}

/** Where no id is known, what the engine made is its own. */
const isAnothers = (bridge: LinkInfo, links: readonly LinkInfo[], id: string | undefined): boolean =>
  id !== undefined && isInUseByAnother(bridge, links, id);

/**
 * Which of a bridge's addresses is the network's: one whose subnet has the range that containers are given, the one
 * that it was, or the first; '' = none.
 */
export function electAddress(
  addresses: readonly string[],
  version: 4 | 6,
  range: string,
  earlier: readonly string[],
): string {
  const wanted = range === '' ? undefined : parseSubnet(range);
  const fits = addresses.filter((address) => {
    const subnet = parseSubnet(address);
    return subnet?.version === version && (!wanted || subnetsOverlap(subnet, wanted));
  });
  const size = (address: string) => parseSubnet(address)!.prefix;
  const around = wanted ? fits.filter((address) => size(address) <= wanted.prefix) : [];
  return around[0] ?? fits.find((address) => earlier.includes(address.slice(0, address.indexOf('/')))) ?? fits[0] ?? '';
}

/** Ports of a bridge that others put there. */
export function portsOfOthers(links: readonly LinkInfo[], bridgeIndex: number): LinkInfo[] {
  return links.filter((link) => link.masterIndex === bridgeIndex && isPortOfOthers(link));
}

/** Of a bridge. */
export const isPortOfOthers = (link: LinkInfo): boolean =>
  link.masterIndex !== 0 && !hasMark(link) && !isHostInterface(link.name, link.mac);

/** Docker's, and the engine's where it is free. */
export const DEFAULT_SUBNET = parseSubnet('172.17.0.0/16')!;
/**
 * dockerd chooses from the beginning of the same pools as the engine, and does not look at the host for networks that
 * it knows already.
 */
const DOCKER_FIRST_SUBNETS = parseSubnet('172.16.0.0/13')!;

/**
 * What subnets that are chosen here keep clear of where dockerd may be started any time; the second while others are
 * left.
 */
export function dockerSubnets(config: NamingConfig): HostSubnets {
  if (config.defaultBridgeName === DOCKER_BRIDGE || !config.dockerInstalled) return { own: [], routed: [] };
  return { own: [DEFAULT_SUBNET], routed: [DOCKER_FIRST_SUBNETS] };
}

/** Whether a network has addresses that dockerd allocates by default. */
export function overlapsDocker({ pools }: Pick<NetworkRecord, 'pools'>): boolean {
  return pools.some(({ subnet }) => {
    const own = parseSubnet(subnet);
    return own !== undefined && subnetsOverlap(own, DEFAULT_SUBNET);
  });
}
