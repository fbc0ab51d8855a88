/** What the network room reads of the host it runs on, and the few switches it sets there. */
import { existsSync, readFileSync } from 'node:fs';
import { runProgram } from '../../base/program.ts';
import type { Log } from '../../base/log.ts';
import { errorCode, errorMessage } from '../../base/errors.ts';
import { isKernelError } from '../../kernel/errors.ts';
import { RT_TABLE_MAIN, type RouteSocket } from '../../kernel/netlink/route-socket.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { formatSubnet, parseSubnet, type Subnet } from '../../model/addresses.ts';
import type { NetworkConfig } from '../contract.ts';
import { engineOfBridge } from './default-bridge.ts';
import type { HostSubnets } from '../ipam/default-pools.ts';
import { chooseReachable, parseResolvConf, type HostResolvConf } from '../dns/resolv-conf.ts';
import type { HostFacts } from '../plan/driver.ts';
import { hasMark, isInUseByAnother } from '../interfaces/own-mark.ts';
import type { PortRange } from '../ports/allocator.ts';

export function readHostFacts(route: RouteSocket, { mtu, hostId }: Pick<NetworkConfig, 'mtu' | 'hostId'>): HostFacts {
  return {
    ipv6: existsSync('/proc/sys/net/ipv6/conf/all/disable_ipv6'),
    defaultMtu: mtu || 1500,
    hasLink: (name) => route.link(name) !== undefined,
    linkKind: (name) => route.link(name)?.kind,
    isOthersBridge: (name, ownMac) => isOthersBridge(route, name, ownMac, hostId),
    engineOfBridge: (name) => engineOfBridge(route.links(), name, hostId),
    knowsLinkKind: (kind) => knowsLinkKind(route, kind),
  };
}

function isOthersBridge(route: RouteSocket, name: string, ownMac: string, id: string): boolean {
  const link = route.link(name);
  if (link?.kind !== 'bridge' || link.mac === ownMac) return false;
  return !hasMark(link) || isInUseByAnother(link, route.links(), id);
}

/** Found out by trying, on loopback, where none of them can be made: a kernel without the kind reports that first. */
function knowsLinkKind(route: RouteSocket, kind: 'macvlan' | 'ipvlan' | 'vlan'): boolean {
  const link = { name: `probe${process.pid}`, parent: 'lo' };
  try {
    if (kind === 'macvlan') route.addMacvlan({ ...link, mode: 'bridge' });
    if (kind === 'ipvlan') route.addIpvlan({ ...link, mode: 'l2' });
    if (kind === 'vlan') route.addVlan({ ...link, vlanId: 4094 });
    route.deleteLink(link.name);
    return true;
  } catch (error) {
    return !(isKernelError(error, 'EOPNOTSUPP') && error.extended.includes('Unknown device type'));
  }
}

/**
 * What a subnet that is chosen for a network must keep clear of: the host's addresses and routes, its DNS servers, and
 * what `others` may take. `except`: links that do not count.
 */
export function hostSubnets(
  route: RouteSocket,
  resolvConf: HostResolvConf,
  others: HostSubnets = { own: [], routed: [] },
  except: ReadonlySet<number> = new Set(),
): HostSubnets {
  const [own, routed] = [new Map<string, Subnet>(), new Map<string, Subnet>()];
  const add = (to: Map<string, Subnet>, text: string) => {
    const subnet = parseSubnet(text);
    if (subnet && subnet.prefix > 0) to.set(formatSubnet(subnet), subnet);
  };
  for (const { destination, gateway, linkIndex, table } of route.routes({ table: 'all' })) {
    if (except.has(linkIndex)) continue;
    // Without a gateway and over a link: the others are on it. (A blackhole has no link.) Other tables are those of
    // VPNs, and count for what rules send there.
    if (destination !== undefined)
      add(table === RT_TABLE_MAIN && gateway === undefined && linkIndex !== 0 ? own : routed, destination);
  }
  for (const address of resolvConf.nameservers) add(own, `${address}/${address.includes(':') ? 128 : 32}`);
  return { own: [...own.values(), ...others.own], routed: [...routed.values(), ...others.routed] };
}

function readResolvConf(path: string): HostResolvConf {
  return readIfThere(path) ?? parseResolvConf('', path); // a host without the file has no servers to offer
}

export interface HostServers {
  /** The host's own file: what its programs ask, and what is asked on behalf of containers, from the host. */
  readonly own: HostResolvConf;
  /** For containers that ask by themselves, and cannot reach a stub on the host's loopback. */
  readonly reachable: HostResolvConf;
}

export function readHostServers(config: Pick<NetworkConfig, 'hostResolvConf' | 'stubResolvConf'>): HostServers {
  const own = readResolvConf(config.hostResolvConf);
  return { own, reachable: chooseReachable(own, () => readIfThere(config.stubResolvConf)) };
}

function readIfThere(path: string): HostResolvConf | undefined {
  try {
    return parseResolvConf(readFileSync(path, 'utf8'), path);
  } catch (error) {
    // One that cannot be read now may still name servers.
    if (errorCode(error) === 'EMFILE' || errorCode(error) === 'ENFILE' || errorCode(error) === 'EIO') throw error;
    return undefined;
  }
}

/** The ports that the kernel itself chooses from, and those that it must not choose. */
export function ephemeralPorts(): PortRange {
  const [first = 32768, last = 60999] = readSysctl('net.ipv4.ip_local_port_range').split(/\s+/).map(Number);
  return [first, last];
}

export function reservedPorts(): PortRange[] {
  return readSysctl('net.ipv4.ip_local_reserved_ports')
    .split(',')
    .filter((text) => text.trim() !== '')
    .map((text) => {
      const [first = 0, last = first] = text.split('-').map(Number);
      return [first, last];
    });
}

/** A switch of the kernel's; undefined where there is none of that name. */
export function readFlag(name: string): boolean | undefined {
  try {
    return readSysctl(name) !== '0';
  } catch {
    return undefined;
  }
}

export const FORWARDING = { 4: 'net.ipv4.ip_forward', 6: 'net.ipv6.conf.all.forwarding' } as const;

/** False also where there is no IPv6. */
export function isForwardingOff(version: 4 | 6): boolean {
  return readFlag(FORWARDING[version]) === false;
}

export function turnForwardingOn(version: 4 | 6, links: readonly string[]): void {
  if (version === 6) keepRouterAdvertisements(links);
  writeSysctl(FORWARDING[version], '1');
}

/** IPv4: whether what comes in there is forwarded although the host as a whole does not forward. */
export function forwardsByItself(link: string): boolean {
  return readFlag(`net/ipv4/conf/${link}/forwarding`) === true;
}

/**
 * A router stops listening to router advertisements, and the host would lose its own default route: 2 means "still".
 */
function keepRouterAdvertisements(links: readonly string[]): void {
  for (const link of links.filter(listensToRouters)) {
    try {
      writeSysctl(acceptRa(link), '2');
    } catch {
      // A link that went away meanwhile.
    }
  }
}

export function listensToRouters(link: string): boolean {
  try {
    return readSysctl(acceptRa(link)) === '1';
  } catch {
    return false;
  }
}

const acceptRa = (link: string): string => `net/ipv6/conf/${link}/accept_ra`;

const BRIDGE_NETFILTER = '/proc/sys/net/bridge/bridge-nf-call-iptables';

/**
 * A network whose containers must not talk to each other needs bridged packets to pass the IP hooks, which the module
 * br_netfilter does. The bridge itself asks for it, so the host's own setting is reset to what it was: off.
 */
export async function loadBridgeNetfilter(log: Log): Promise<void> {
  if (existsSync(BRIDGE_NETFILTER)) return;
  const result = await runProgram('modprobe', ['br_netfilter']).catch((error: unknown) => ({
    code: 1,
    stderr: errorMessage(error),
  }));
  if (!existsSync(BRIDGE_NETFILTER)) {
    log.warn(
      { reason: result.stderr.trim() },
      'br_netfilter cannot be loaded: containers of a network with enable_icc=false can reach each other',
    );
    return;
  }
  for (const family of ['ip', 'ip6', 'arp']) writeSysctl(`net/bridge/bridge-nf-call-${family}tables`, '0');
}
