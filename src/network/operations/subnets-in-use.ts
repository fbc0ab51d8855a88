/** What a subnet that is chosen for a network must keep clear of, as the host is now. */
import { dockerSubnets } from '../host/default-bridge.ts';
import { hostSubnets, readHostServers } from '../host/host-facts.ts';
import { hasMark } from '../interfaces/own-mark.ts';
import type { HostSubnets } from '../ipam/default-pools.ts';
import type { NetworkCore } from './core.ts';

/**
 * `withoutOwn`: links that an engine made do not count. For the default network: what is left of an earlier daemon is
 * no reason to choose another subnet, as it is removed where nothing needs it.
 */
export type SubnetsInUse = (options: { withoutOwn: boolean }) => HostSubnets;

export function subnetsInUse({ config, route }: Pick<NetworkCore, 'config' | 'route'>): SubnetsInUse {
  const own = () => new Set(route.links().flatMap((link) => (hasMark(link) ? [link.index] : [])));
  return ({ withoutOwn }) =>
    hostSubnets(route, readHostServers(config).reachable, dockerSubnets(config), withoutOwn ? own() : undefined);
}
