/** What other firewalls of this host drop of the networks that there are: for `info` and the doctor. */
import type { RouteSocket } from '../../../kernel/netlink/route-socket.ts';
import { bigintToIp, ipToBigint } from '../../../model/addresses.ts';
import type { NetworkRecord } from '../../../model/network.ts';
import type { ProbedNetwork } from './foreign-chains.ts';
import { guardedBridge } from '../../plan/network-policy.ts';
import { parseBridgeOptions } from '../../plan/bridge-options.ts';

/** A network without what follows from the routes of this host. */
export type KnownNetwork = Omit<ProbedNetwork, 'uplink4' | 'uplink6'>;

/** Networks whose containers go out and are reached: what is internal stays inside of its bridge. */
export function probedNetworks(
  networks: readonly NetworkRecord[],
  route: RouteSocket,
  links = route.links(),
): ProbedNetwork[] {
  const known = networks
    .filter((network) => guardedBridge(network) !== '' && !network.internal)
    .map((network): KnownNetwork => {
      const addresses = network.pools.map(({ gateway, subnet }) => gateway || subnet.split('/')[0]!);
      const { mode4 } = parseBridgeOptions(network);
      return {
        bridge: network.bridgeName,
        ipv4: addresses.find((address) => !address.includes(':')) ?? '',
        ipv6: addresses.find((address) => address.includes(':')) ?? '',
        translated: mode4 === 'nat' || mode4 === 'nat-unprotected',
      };
    });
  return withUplinks(known, route, links);
}

export function withUplinks(
  networks: readonly KnownNetwork[],
  route: RouteSocket,
  present = route.links(),
): ProbedNetwork[] {
  const links = new Map(present.map(({ index, name }) => [index, name]));
  const indexes = new Map([...links].map(([index, name]) => [name, index]));
  const usual = { 4: uplinkFor(undefined, FAR[4], route), 6: uplinkFor(undefined, FAR[6], route) };
  const uplink = (bridge: string, address: string, version: 4 | 6): string => {
    const linkIndex = indexes.get(bridge);
    const own =
      address === '' || linkIndex === undefined
        ? undefined
        : uplinkFor({ from: besides(address), linkIndex }, FAR[version], route);
    return links.get(own ?? usual[version] ?? 0) ?? '';
  };
  return networks.map((network) => ({
    ...network,
    uplink4: uplink(network.bridge, network.ipv4, 4),
    uplink6: uplink(network.bridge, network.ipv6, 6),
  }));
}

/** On the internet, with no specific route to it (a root name server): only looked up, nothing is sent. */
const FAR = { 4: '198.41.0.4', 6: '2001:503:ba3e::2:30' } as const;

/**
 * The interface by which a packet leaves, as the kernel says: policy routing counts, and a VPN's routes next to the
 * default one.
 */
function uplinkFor(
  packet: { readonly from: string; readonly linkIndex: number } | undefined,
  far: string,
  route: RouteSocket,
): number | undefined {
  return route.wayTo(far, packet)?.linkIndex || undefined;
}

/** The address after the gateway's, which no packet comes from. */
const besides = (address: string): string => bigintToIp(ipToBigint(address) + 1n, address.includes(':') ? 6 : 4);

/**
 * The interfaces by which packets of containers leave: those of all default routes, and of what the kernel says of each
 * network.
 */
export function uplinksOf(route: RouteSocket, networks: readonly NetworkRecord[]): string[] {
  const indexes = new Set(
    route
      .routes()
      .filter(({ destination, linkIndex }) => destination === undefined && linkIndex !== 0)
      .map(({ linkIndex }) => linkIndex),
  );
  const links = route.links();
  const found = probedNetworks(networks, route, links).flatMap(({ uplink4, uplink6 }) => [uplink4, uplink6]);
  const byDefault = links.filter(({ index }) => indexes.has(index)).map(({ name }) => name);
  return [...new Set([...byDefault, ...found.filter((name) => name !== '')])];
}
