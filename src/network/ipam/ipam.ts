/**
 * Addresses of all networks: which subnets a new network gets, and which address an endpoint gets on it. Promises
 * Docker's order, rules and words. Holds everything in memory and does no I/O: what was given before a restart is
 * passed to it again (`open`, then `take` with the address). Changes nothing when it throws.
 *
 * `choosePools` only chooses. Call `open` with the chosen pools before anything else is awaited, or two networks
 * created at the same time may be given the same subnet.
 */
import { CausewayError, forbidden, invalid, notFound, systemError } from '../../base/errors.ts';
import {
  canonicalIp,
  formatSubnet,
  ipVersion,
  parseSubnet,
  subnetsOverlap,
  type Subnet,
} from '../../model/addresses.ts';
import type { IpamPool, NetworkRecord, NetworkSpec } from '../../model/network.ts';
import { AddressPool } from './address-pool.ts';
import { checkIpamConfig } from './config-check.ts';
import {
  chooseSubnet,
  DOCKER_POOLS_V4,
  parseSources,
  uniqueLocalPool,
  type HostSubnets,
  type ParsedSource,
  type SubnetSource,
} from './default-pools.ts';
import type { PoolUsage } from '../../model/views.ts';

/**
 * IPAM options (`--ipam-opt`) that set the prefix length of a subnet that is chosen, where the pools' own is too big.
 */
export const SUBNET_SIZE_OPTION = 'causeway.subnet_size';
export const SUBNET_SIZE_OPTION_V6 = 'causeway.subnet_size6';

interface OpenNetwork {
  readonly name: string;
  /** Others may have addresses of its subnets, from other ranges: they are on the same wire. */
  readonly shares: boolean;
  readonly pools: readonly AddressPool[];
}

export class Ipam {
  readonly #sources: Readonly<Record<4 | 6, readonly ParsedSource[]>>;
  readonly #networks = new Map<string, OpenNetwork>();
  readonly #needsGateway: (spec: NetworkSpec, version: 4 | 6) => boolean;
  readonly #sharesSubnets: (network: Pick<NetworkSpec, 'driver'>) => boolean;

  /**
   * `pools`: [] for Docker's. IPv6 networks get a /64 of a unique local /48 derived from `hostId` where `pools` has no
   * IPv6 source. `needsGateway`: false for networks whose gateway address would be unused. `sharesSubnets`: true for
   * networks that may be several on one subnet, with ranges that do not overlap. Throws `invalid` for a pool
   * that cannot be cut.
   */
  constructor(options: {
    pools: readonly SubnetSource[];
    hostId?: string;
    needsGateway?: (spec: NetworkSpec, version: 4 | 6) => boolean;
    sharesSubnets?: (network: Pick<NetworkSpec, 'driver'>) => boolean;
  }) {
    this.#needsGateway = options.needsGateway ?? (() => true);
    this.#sharesSubnets = options.sharesSubnets ?? (() => false);
    const own4 = parseSources(options.pools, 4);
    const own6 = parseSources(options.pools, 6);
    this.#sources = {
      4: own4.length > 0 || own6.length > 0 ? own4 : parseSources(DOCKER_POOLS_V4, 4),
      6: own6.length > 0 ? own6 : parseSources([uniqueLocalPool(options.hostId ?? 'causeway')], 6),
    };
  }

  /**
   * The pools of a new network, IPv4 first, every subnet and gateway filled in, all spelled canonically. A chosen
   * subnet keeps clear of what the `host` uses, and of what it has routes to while anything else is left: a VPN may
   * route half of all addresses or all of them. A subnet that the user names may overlap those, but no other network.
   * `earlier`: pools that the network had before, which it has again if they are free. Throws `invalid`, `forbidden` or
   * `system` in Docker's words.
   */
  choosePools(spec: NetworkSpec, host: HostSubnets, earlier: readonly IpamPool[] = []): IpamPool[] {
    if (spec.ipam.driver === 'null') return nullPools(spec);
    if (spec.ipam.driver !== '' && spec.ipam.driver !== 'default') {
      throw notFound(`plugin "${spec.ipam.driver}" not found`);
    }
    checkIpamConfig(spec);
    const chosen: IpamPool[] = [];
    const subnets: Subnet[] = [];
    for (const version of [4, 6] as const) {
      if (!(version === 4 ? spec.enableIpv4 : spec.enableIpv6)) continue;
      const wanted = spec.ipam.pools.filter((pool) =>
        pool.subnet === '' ? version === 4 : parseSubnet(pool.subnet)?.version === version,
      );
      for (const pool of wanted.length > 0 ? wanted : [EMPTY_POOL]) {
        const subnet =
          pool.subnet === ''
            ? (this.#reuse(earlier, version) ??
              this.#chooseSubnet(spec, version, { own: [...host.own, ...subnets], routed: host.routed }))
            : parseSubnet(pool.subnet)!;
        if (pool.subnet !== '') this.#refuseOverlap(spec, pool, subnets);
        subnets.push(subnet);
        chosen.push(fillPool(pool, subnet, this.#needsGateway(spec, version)));
      }
    }
    return chosen;
  }

  /** Whether a subnet is one that the address pools can be cut into. */
  offers(text: string): boolean {
    const subnet = parseSubnet(text);
    return (
      subnet !== undefined &&
      this.#sources[subnet.version].some(
        ({ base, size }) => subnet.prefix === size && base.first <= subnet.first && subnet.last <= base.last,
      )
    );
  }

  /** Makes a network's pools ready to give addresses; opening an open network changes nothing. */
  open(network: Pick<NetworkRecord, 'id' | 'name' | 'pools'> & { readonly driver?: string }): void {
    if (this.#networks.has(network.id)) return;
    const pools = network.pools.map((pool) => {
      const subnet = parseSubnet(pool.subnet);
      if (!subnet) throw systemError(`network ${network.name} has the invalid subnet ${pool.subnet}`);
      const reserved = [pool.gateway, ...Object.values(pool.auxAddresses)].filter((address) => address !== '');
      return new AddressPool({ subnet, range: pool.ipRange === '' ? undefined : parseSubnet(pool.ipRange), reserved });
    });
    const shares = this.#sharesSubnets({ driver: network.driver ?? '' });
    this.#networks.set(network.id, { name: network.name, shares, pools });
  }

  close(networkId: string): void {
    this.#networks.delete(networkId);
  }

  /**
   * An address on a network: `wanted`, or the lowest free one of its first pool that has one. '' from a network
   * without pools (host, none, the null IPAM driver). Throws `forbidden` "Address already in use", `invalid` for an
   * address outside the network, `system` when nothing is left.
   */
  take(networkId: string, version: 4 | 6, wanted?: string): string {
    const network = this.#network(networkId);
    if (network.pools.length === 0) return '';
    const pools = network.pools.filter((pool) => pool.subnet.version === version);
    if (wanted !== undefined && wanted !== '') {
      const pool = pools.find((candidate) => candidate.contains(wanted));
      if (!pool) throw invalid(`invalid address ${wanted}: It does not belong to any of this network's subnets`);
      if (this.#isWithOthers(networkId, wanted)) throw forbidden('Address already in use');
      return pool.take(wanted)!;
    }
    for (const pool of pools) {
      const address = this.#lowestFree(networkId, pool);
      if (address !== undefined) return address;
    }
    throw systemError(
      `no available IPv${version} addresses on this network's address pools: ${network.name} (${networkId})`,
    );
  }

  /**
   * Gives an address back; one that is not taken, or on no open network, is ignored, so that teardown can be repeated.
   */
  release(networkId: string, address: string): void {
    this.#poolOf(networkId, address)?.release(address);
  }

  /**
   * Reserves an address that `owner` (a container) requested with --ip, so that it is not chosen for another while the
   * container is stopped (moby#49781). An explicit request for the address still gets it, so that a container can be
   * replaced.
   */
  reserve(networkId: string, address: string, owner: string): void {
    this.#poolOf(networkId, address)?.keep(address, owner);
  }

  unreserve(networkId: string, address: string, owner: string): void {
    this.#poolOf(networkId, address)?.unkeep(address, owner);
  }

  isTaken(networkId: string, address: string): boolean {
    return this.#poolOf(networkId, address)?.has(address) ?? false;
  }

  /** What inspect shows under Status.IPAM.Subnets. */
  usage(networkId: string): PoolUsage[] {
    return this.#network(networkId).pools.map((pool) => ({
      subnet: formatSubnet(pool.subnet),
      ipsInUse: pool.inUse,
      dynamicIpsAvailable: pool.free,
    }));
  }

  #network(networkId: string): OpenNetwork {
    const network = this.#networks.get(networkId);
    if (!network) throw notFound(`network ${networkId} not found`);
    return network;
  }

  /** Whether a network on the same subnet has it: any address of the subnet can be asked for there. */
  #isWithOthers(networkId: string, address: string): boolean {
    if (!this.#networks.get(networkId)?.shares) return false;
    return [...this.#networks].some(
      ([id, { shares, pools }]) => id !== networkId && shares && pools.some((pool) => pool.has(address)),
    );
  }

  #lowestFree(networkId: string, pool: AddressPool): string | undefined {
    const passed: string[] = [];
    let address = pool.take();
    while (address !== undefined && this.#isWithOthers(networkId, address)) {
      passed.push(address);
      address = pool.take();
    }
    for (const one of passed) pool.release(one);
    return address;
  }

  #poolOf(networkId: string, address: string): AddressPool | undefined {
    if (ipVersion(address) === 0) return undefined;
    return this.#networks.get(networkId)?.pools.find((pool) => pool.contains(address));
  }

  #openSubnets(): Subnet[] {
    return [...this.#networks.values()].flatMap((network) => network.pools.map((pool) => pool.subnet));
  }

  #refuseOverlap(spec: NetworkSpec, pool: IpamPool, ownSubnets: readonly Subnet[]): void {
    const subnet = parseSubnet(pool.subnet)!;
    const range = parseSubnet(pool.ipRange);
    const isShared = ({ shares, pools }: OpenNetwork): boolean =>
      shares && this.#sharesSubnets(spec) && pools.every((one) => one.isBeside(subnet, range));
    const inUse = [...this.#networks.values()]
      .filter((network) => !isShared(network))
      .flatMap((network) => network.pools.map((one) => one.subnet));
    if ([...inUse, ...ownSubnets].some((other) => subnetsOverlap(other, subnet))) {
      throw forbidden('invalid pool request: Pool overlaps with other one on this address space');
    }
  }

  #reuse(earlier: readonly IpamPool[], version: 4 | 6): Subnet | undefined {
    const subnet = earlier.map((pool) => parseSubnet(pool.subnet)).find((candidate) => candidate?.version === version);
    return subnet && !this.#openSubnets().some((other) => subnetsOverlap(other, subnet)) ? subnet : undefined;
  }

  #chooseSubnet(spec: NetworkSpec, version: 4 | 6, host: HostSubnets): Subnet {
    const option = version === 4 ? SUBNET_SIZE_OPTION : SUBNET_SIZE_OPTION_V6;
    const size = parseSize(option, spec.ipam.options?.[option], version);
    const sources = this.#sources[version];
    const taken = [...host.own, ...this.#openSubnets()];
    const subnet = chooseSubnet(sources, [...taken, ...host.routed], size) ?? chooseSubnet(sources, taken, size);
    if (!subnet) throw this.#exhausted(version, sources, host.own);
    return subnet;
  }

  /** Docker's sentence, then what Docker does not tell: the holders of the subnets, and what to do. */
  #exhausted(version: 4 | 6, sources: readonly ParsedSource[], taken: readonly Subnet[]): CausewayError {
    const inSources = (subnet: Subnet) => sources.some(({ base }) => subnetsOverlap(base, subnet));
    const holders = [...this.#networks.values()].flatMap(({ name, pools }) =>
      pools.filter((pool) => inSources(pool.subnet)).map((pool) => `${name} (${formatSubnet(pool.subnet)})`),
    );
    const networks = this.#openSubnets();
    const isNetwork = (subnet: Subnet) =>
      networks.some((other) => other.first === subnet.first && other.prefix === subnet.prefix);
    const host = taken.filter((subnet) => inSources(subnet) && !isNetwork(subnet)).map(formatSubnet);
    const parts = ['all predefined address pools have been fully subnetted'];
    if (sources.length === 0) parts.push(`: there is no IPv${version} pool`);
    if (holders.length > 0) parts.push(`: held by ${listSome(holders)}`);
    if (host.length > 0) parts.push(`${holders.length > 0 ? ';' : ':'} in use on this host: ${listSome(host)}`);
    const example = version === 4 ? 'base=10.201.0.0/16,size=24' : 'base=fd00:c0::/48,size=64';
    parts.push(
      `. Remove networks that nobody uses (docker network prune), give this one a --subnet, or add a pool with ` +
        `--default-address-pool ${example} (in daemon.json: "default-address-pools")`,
    );
    return invalid(parts.join('')) as CausewayError;
  }
}

const EMPTY_POOL: IpamPool = { subnet: '', ipRange: '', gateway: '', auxAddresses: {} };

function listSome(items: readonly string[]): string {
  const shown = items.slice(0, 40);
  return shown.length < items.length ? `${shown.join(', ')} and ${items.length - shown.length} more` : shown.join(', ');
}

function parseSize(option: string, text: string | undefined, version: 4 | 6): number | undefined {
  if (text === undefined) return undefined;
  const size = /^\d{1,3}$/.test(text) ? Number(text) : NaN;
  const longest = version === 4 ? 31 : 127;
  if (!(size >= 1 && size <= longest)) {
    throw invalid(
      `invalid value ${JSON.stringify(text)} for IPAM option ${option}: not a prefix length from 1 to ${longest}`,
    );
  }
  return size;
}

/** The null driver gives no addresses, and takes no wishes. */
function nullPools(spec: NetworkSpec): IpamPool[] {
  for (const pool of spec.ipam.pools) {
    if (pool.subnet !== '') throw invalid('null ipam driver does not handle specific address pool requests');
    if (pool.ipRange !== '') throw invalid('null ipam driver does not handle specific address subpool requests');
  }
  return [];
}

/**
 * Spells a pool canonically, finds its gateway (the first address that can be chosen) and checks that nothing is named
 * twice.
 */
function fillPool(pool: IpamPool, subnet: Subnet, gatewayNeeded: boolean): IpamPool {
  let range = pool.ipRange === '' ? undefined : parseSubnet(pool.ipRange)!;
  if (range && range.prefix < subnet.prefix) range = subnet;
  const addresses = new AddressPool({ subnet, range, reserved: [] });
  let gateway = '';
  if (pool.gateway !== '' || gatewayNeeded) {
    const taken = tryTake(
      addresses,
      pool.gateway,
      (reason) => `failed to allocate gateway (${pool.gateway}): ${reason}`,
    );
    gateway = taken;
  }
  const auxAddresses: Record<string, string> = {};
  for (const [name, address] of Object.entries(pool.auxAddresses)) {
    auxAddresses[name] = tryTake(
      addresses,
      canonicalIp(address),
      (reason) => `failed to allocate secondary ip address (${name}:${address}): ${reason}`,
    );
  }
  return { subnet: formatSubnet(subnet), ipRange: range ? formatSubnet(range) : '', gateway, auxAddresses };
}

function tryTake(addresses: AddressPool, wanted: string, explain: (reason: string) => string): string {
  if (wanted !== '' && addresses.has(wanted)) throw systemError(explain('Address already in use'));
  const address = addresses.take(wanted);
  if (address === undefined) throw systemError(explain('no available addresses on this pool'));
  return address;
}
