/** What others on this host have that is a network's of ours too: told in the log once, and by `info` as long as it is so. */
import type { LinkInfo, RouteSocket } from '../kernel/netlink/route-socket.ts';
import { parseSubnet, subnetsOverlap } from '../model/addresses.ts';
import type { NetworkRecord } from '../model/network.ts';
import { OWN_ALIAS } from './apply/executors.ts';
import type { NetworkCore } from './core.ts';
import { portsOfOthers } from './default-bridge.ts';
import { foreignBridges } from './plan/other-engines.ts';

export interface Clash {
  readonly network: NetworkRecord;
  readonly what: string; // a sentence
}

/** Those that are new since it was last asked, each of them in the log. */
export function tellNewClashes(core: NetworkCore): Clash[] {
  const found = clashes(core);
  const fresh = found.filter(({ what }) => !core.toldClashes.has(what));
  core.toldClashes = new Set(found.map(({ what }) => what));
  for (const { network, what } of fresh) core.log.warn({ network: network.name }, what);
  return fresh;
}

export function clashes({ table, route }: NetworkCore): Clash[] {
  const links = route.links();
  const isOurs = (name: string) => table.isBridge(name);
  return table.networks().filter((network) => network.bridgeName !== '').flatMap((network) => {
    const texts = [...engineSubnets(network, route, isOurs), ...hostSubnets(network, links, route, isOurs)];
    const index = links.find((link) => link.name === network.bridgeName)?.index ?? -1;
    const ports = portsOfOthers(links, index).filter((link) => table.containerOfHostLink(link.name) === undefined && /^veth[0-9a-f]{7}$/.test(link.name));
    if (ports.length > 0) {
      texts.push(`another engine has interfaces on ${network.bridgeName}, the bridge of network ${network.name} (${ports.map((port) => port.name).join(', ')}): both give out its addresses; start the daemon with --default-bridge-name and stop the other engine's containers on it`);
    }
    return texts.map((what) => ({ network, what }));
  });
}

function engineSubnets(network: NetworkRecord, route: RouteSocket, isOurs: (name: string) => boolean): string[] {
  return clashesWithOthers(network, route, isOurs).map(
    ({ subnet, holder, engine }) => `network ${network.name} has the subnet ${subnet}, and so has ${holder} of ${engine}: traffic goes to one of the two; remove one of the networks and create it again`,
  );
}

function hostSubnets(network: NetworkRecord, links: readonly LinkInfo[], route: RouteSocket, isOurs: (name: string) => boolean): string[] {
  const wayOut = network.predefined ? 'give it another subnet with --bip' : 'remove the network and create it again with another --subnet';
  return clashesWithHost(network, links, route, isOurs).map(
    ({ subnet, holder, address }) => `network ${network.name} has the subnet ${subnet}, and so has ${holder} of this host (${address}): traffic goes to one of the two; ${wayOut}`,
  );
}

interface SubnetClash {
  readonly subnet: string;
  readonly holder: string;
  readonly address: string;
}

/** Subnets of a network that a bridge of another engine has too. */
export function clashesWithOthers(network: Pick<NetworkRecord, 'pools'>, route: RouteSocket, isOurs: (name: string) => boolean): (SubnetClash & { engine: string })[] {
  const links = route.links();
  const engines = new Map(foreignBridges(links, isOurs).map(({ name, engine }) => [name, engine]));
  return overlaps(network, links.filter(({ name }) => engines.has(name)), route).map((clash) => ({ ...clash, engine: engines.get(clash.holder)! }));
}

/** Subnets of a network that an interface of the host's own is in. */
export function clashesWithHost(network: Pick<NetworkRecord, 'pools'>, links: readonly LinkInfo[], route: RouteSocket, isOurs: (name: string) => boolean): SubnetClash[] {
  const engines = new Set(foreignBridges(links, isOurs).map(({ name }) => name));
  return overlaps(network, links.filter(({ name, alias }) => !isOurs(name) && alias !== OWN_ALIAS && !engines.has(name)), route);
}

/** One for each of the network's subnets. */
function overlaps({ pools }: Pick<NetworkRecord, 'pools'>, holders: readonly LinkInfo[], route: RouteSocket): SubnetClash[] {
  const names = new Map(holders.map((link) => [link.index, link.name]));
  const theirs = route.addresses().filter((info) => info.scope === 'global' && names.has(info.linkIndex));
  return pools.flatMap(({ subnet }): SubnetClash[] => {
    const own = parseSubnet(subnet);
    const clash = own && theirs.find(({ address, prefix }) => subnetsOverlap(own, parseSubnet(`${address}/${prefix}`)!));
    return clash ? [{ subnet, holder: names.get(clash.linkIndex)!, address: `${clash.address}/${clash.prefix}` }] : [];
  });
}
