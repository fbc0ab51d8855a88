/** What other firewalls of this host drop of the networks that there are: for `info` and the doctor. */
import type { RouteSocket } from '../kernel/netlink/route-socket.ts';
import type { NetworkRecord } from '../model/network.ts';
import type { ProbedNetwork } from './firewall/foreign-chains.ts';
import { parseBridgeOptions } from './plan/bridge-options.ts';

/** Networks whose containers go out and are reached: what is internal stays inside of its bridge. */
export function probedNetworks(networks: readonly NetworkRecord[]): ProbedNetwork[] {
  return networks.filter((network) => network.driver === 'bridge' && network.bridgeName !== '' && !network.configOnly && !network.internal).map((network) => {
    const addresses = network.pools.map(({ gateway, subnet }) => gateway || subnet.split('/')[0]!);
    const { mode4 } = parseBridgeOptions(network);
    return {
      bridge: network.bridgeName,
      ipv4: addresses.find((address) => !address.includes(':')) ?? '',
      ipv6: addresses.find((address) => address.includes(':')) ?? '',
      translated: mode4 === 'nat' || mode4 === 'nat-unprotected',
    };
  });
}

/** The interface of the default route; '' where there is none. */
export function uplinkOf(route: RouteSocket): string {
  const linkIndex = route.routes().find(({ destination, gateway }) => destination === undefined && gateway !== undefined)?.linkIndex;
  return (linkIndex !== undefined && route.links().find(({ index }) => index === linkIndex)?.name) || '';
}

/** The interfaces of all default routes. */
export function uplinksOf(route: RouteSocket): string[] {
  const indexes = new Set(route.routes().filter(({ destination, linkIndex }) => destination === undefined && linkIndex !== 0).map(({ linkIndex }) => linkIndex));
  return indexes.size === 0 ? [] : route.links().filter(({ index }) => indexes.has(index)).map(({ name }) => name);
}
