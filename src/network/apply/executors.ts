/**
 * One executor for each kind of step: does it through the kernel room and returns how to undo it. Executors are
 * repeatable: what exists as wanted stays, what is gone is gone.
 */
import { tryAgainLater } from '../../base/again.ts';
import { conflict, invalid } from '../../base/errors.ts';
import { isKernelError } from '../../kernel/errors.ts';
import { deleteFlows, flowCount } from '../../kernel/conntrack.ts';
import { createNetns, deleteNetns } from '../../kernel/netns.ts';
import { writeResolverRedirect } from '../../kernel/nftables/redirect.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { RESOLVER_ADDRESS } from '../../base/dns-zone.ts';
import type { IpvlanFlag, IpvlanMode, LinkInfo, MacvlanMode } from '../../kernel/netlink/route-socket.ts';
import { hostInterfaceMac } from '../interfaces/interface-name.ts';
import { isMarkedBy, OWN_ADDRESS } from '../interfaces/own-mark.ts';
import type { StepKind, StepOf } from '../plan/step.ts';
import type { ApplyContext } from './context.ts';

export type Undo = () => void | Promise<void>;
type Executor<K extends StepKind> = (step: StepOf<K>, context: ApplyContext) => Undo | undefined;

export const EXECUTORS: { readonly [K in StepKind]: Executor<K> } = {
  'create-netns': ({ netns }) => {
    createNetns(netns);
    return () => removeNetns(netns);
  },

  'delete-netns': ({ netns }, context) => {
    context.forget(netns);
    removeNetns(netns);
    return undefined;
  },

  'write-sysctl': ({ netns, name, value, optional }) => {
    try {
      // Most are right already, and reading is cheaper than what some writes set off.
      if (readSysctl(name, pathOf(netns)) !== value) writeSysctl(name, value, pathOf(netns));
    } catch (error) {
      // A kernel without IPv6, or a /proc that is read-only: the network works without.
      if (!optional) throw refusedSysctl(error, name, value);
      if (!isKernelError(error, 'ENOENT', 'EROFS', 'EACCES')) throw error;
    }
    return undefined;
  },

  'create-bridge': ({ link, mac, mtu, filterBridged }, context) => {
    const route = context.route('');
    const existing = route.link(link);
    if (existing) {
      route.setLink(link, {
        callIptables: filterBridged,
        ...(existing.mtu === mtu ? {} : { mtu }),
        ...(existing.alias === context.mark ? {} : { alias: context.mark }),
      });
      return undefined;
    }
    route.addBridge(link, { mtu, callIptables: filterBridged, alias: context.mark, ...(mac === '' ? {} : { mac }) });
    return () => context.route('').deleteLink(link);
  },

  'adopt-bridge': (needs, context) => context.adopted.adopt(context.route(''), needs),

  'release-bridge': ({ link }, context) => {
    context.adopted.release(context.route(''), link);
    return undefined;
  },

  'create-veth': ({ hostLink, bridge, group, netns, link, mac, mtu, ipv6 }, context) => {
    const create = () =>
      context.route('').addVeth({
        name: hostLink,
        mac: hostInterfaceMac(hostLink),
        peerName: link,
        peerNetns: netns,
        peerMac: mac,
        mtu,
        master: bridge,
        group,
      });
    try {
      if (ipv6 === undefined) create();
      else withNamespaceDefault(netns, 'net.ipv6.conf.default.disable_ipv6', ipv6 ? '0' : '1', create);
    } catch (error) {
      if (isKernelError(error, 'EXFULL'))
        throw conflict(
          `bridge ${bridge} is full: it has 1023 interfaces, the most that the kernel gives one bridge. Connect the container to another network`,
        );
      if (isKernelError(error, 'EEXIST'))
        throw conflict(
          `failed to add interface ${hostLink} to sandbox: error renaming interface "${hostLink}" to "${link}": file exists: the container has an interface of that name already, choose another one with com.docker.network.endpoint.ifname`,
        );
      throw error;
    }
    try {
      // The host's end only passes frames on. With IPv6 addresses of its own it would send into the container's
      // network, and each such end would slow all others down: the kernel walks the host's IPv6 routes whenever a link
      // comes or goes.
      context
        .route('')
        .setLink(hostLink, { up: true, alias: context.mark, ...(ipv6 === undefined ? {} : { ipv6LinkLocal: false }) });
    } catch (error) {
      removeHostLink(context, hostLink).catch(() => {});
      throw error;
    }
    return () => removeHostLink(context, hostLink);
  },

  'create-macvlan': ({ parent, mode, netns, link, mac, mtu }, context) => {
    context
      .route('')
      .addMacvlan({ name: link, parent, mode: mode as MacvlanMode, netns, mac, ...(mtu === 0 ? {} : { mtu }) });
    return () => context.route(netns).deleteLink(link);
  },

  'create-ipvlan': ({ parent, mode, flag, netns, link, mtu }, context) => {
    context.route('').addIpvlan({
      name: link,
      parent,
      mode: mode as IpvlanMode,
      flag: flag as IpvlanFlag,
      netns,
      ...(mtu === 0 ? {} : { mtu }),
    });
    return () => context.route(netns).deleteLink(link);
  },

  'create-vlan': ({ link, parent, vlanId }, context) => {
    if (context.route('').link(link)) return undefined;
    context.route('').addVlan({ name: link, parent, vlanId });
    context.route('').setLink(link, { alias: context.mark });
    return () => context.route('').deleteLink(link);
  },

  'delete-link': ({ netns, link }, context) => {
    if (netns === '') {
      context.later(removeHostLink(context, link));
      return undefined;
    }
    try {
      context.route(netns).deleteLink(link);
    } catch (error) {
      if (!isKernelError(error, 'ENODEV', 'ENOENT')) throw error;
    }
    return undefined;
  },

  'delete-own-link': ({ link }, context) => {
    if (isOwn(context, context.route('').link(link))) context.later(context.reaper.delete(link));
    return undefined;
  },

  'raise-link': ({ netns, link }, context) => {
    context.route(netns).setLink(link, { up: true });
    return undefined;
  },

  'set-hairpin': ({ hostLink, on }, context) => {
    context.route('').setLink(hostLink, { hairpin: on });
    return undefined;
  },

  'add-address': ({ netns, link, address }, context) => {
    try {
      // The engine allocates the addresses: none can be in use elsewhere, so duplicate address detection would only
      // cost a second.
      context.route(netns).addAddress(link, address, { noDad: true, origin: OWN_ADDRESS });
    } catch (error) {
      if (!isKernelError(error, 'EEXIST')) throw error;
      return undefined;
    }
    return () => context.route(netns).deleteAddress(link, address);
  },

  'drop-earlier-addresses': ({ link, keep, earlier }, context) => {
    const route = context.route('');
    if (!isOwn(context, route.link(link))) return undefined;
    // The kernel has an IPv6 address once: one with another prefix length would keep its own from being set.
    const isInTheWay = (address: string) => address.includes(':') && keep.some((one) => one.split('/')[0] === address);
    for (const info of route.addresses(link)) {
      const address = `${info.address}/${info.prefix}`;
      const isOurs = info.origin === OWN_ADDRESS || earlier.includes(address) || isInTheWay(info.address);
      if (isOurs && !keep.includes(address)) route.deleteAddress(link, address);
    }
    return undefined;
  },

  'add-route': (step, context) => {
    const route = context.route(step.netns);
    route.replaceRoute(routeOf(step));
    return () => context.route(step.netns).deleteRoute(routeOf(step));
  },

  'delete-route': (step, context) => {
    try {
      context.route(step.netns).deleteRoute(routeOf(step));
    } catch (error) {
      if (!isKernelError(error, 'ESRCH', 'ENODEV', 'ENOENT')) throw error; // it went with its link
      return undefined;
    }
    return () => context.route(step.netns).replaceRoute(routeOf(step));
  },

  'redirect-resolver': ({ netns, port }) => {
    writeResolverRedirect(netns, { address: RESOLVER_ADDRESS, udpPort: port, tcpPort: port });
    return undefined; // goes with its namespace
  },

  'announce-address': (step, context) => {
    context.announcer.announce(step);
    return undefined;
  },

  'change-elements': ({ diff }, context) => {
    context.firewall.change(diff);
    // What it takes back is for the caller to say: by then others may have changed what these elements follow from.
    return undefined;
  },

  'forget-flows': ({ addresses }, context) => {
    context.staleFlows.add(addresses);
    return undefined;
  },

  'forget-pair-flows': ({ from, to }) => {
    deleteFlows({ source: from, destination: to });
    return undefined;
  },

  'forget-unled-flows': ({ protocol, hostIp, ports }, context) => {
    if (flowCount() === 0) return undefined;
    // Only what was sent to this host: port 53 of other hosts is left alone.
    const destinations =
      hostIp === ''
        ? context
            .route('')
            .addresses()
            .map((info) => info.address)
        : [hostIp];
    deleteFlows({
      protocol,
      destinationPorts: new Set(ports),
      destinations: new Set(destinations),
      // A connection that goes on is that of a server which has let go of the port but not of its clients.
      ...(protocol === 'tcp' ? { answered: false } : {}),
      where: ({ original, reply }) => reply.source === original.destination,
    });
    return undefined;
  },

  'forget-forwarded-flows': ({ protocol, address, ports }) => {
    deleteFlows({ protocol, destinationPorts: new Set(ports), replySource: address });
    return undefined;
  },
};

const isOwn = ({ id }: ApplyContext, link: LinkInfo | undefined): boolean => link !== undefined && isMarkedBy(link, id);

/** Throws where it fails now; it is retried in the background, since that name is never used again. */
function removeNetns(netns: string): void {
  try {
    deleteNetns(netns);
  } catch (error) {
    tryAgainLater(
      () => deleteNetns(netns),
      () => {},
    );
    throw error;
  }
}

/** The same for a container's interface on the host. */
async function removeHostLink({ reaper }: ApplyContext, link: string): Promise<void> {
  try {
    await reaper.delete(link);
  } catch (error) {
    tryAgainLater(
      () => reaper.delete(link),
      () => {},
    );
    throw error;
  }
}

/** In Docker's words, which name the file. */
function refusedSysctl(error: unknown, name: string, value: string): unknown {
  if (!isKernelError(error)) return error;
  const path = `/proc/sys/${name.includes('/') ? name : name.replaceAll('.', '/')}`;
  if (error.code === 'ENOENT') return invalid(`${path} is not a sysctl file`);
  return invalid(`unable to write '${value}' to '${path}': ${error.reason}`);
}

/**
 * Runs `create` while new interfaces begin with a setting. Set afterwards, the kernel's lock for all that is routing
 * would be needed (the defaults need none), and the kernel waits for it by trying over and over: 10 ms on a busy host.
 */
function withNamespaceDefault(netns: string, name: string, value: string, create: () => void): void {
  let before: string;
  try {
    before = readSysctl(name, netns);
    if (before !== value) writeSysctl(name, value, netns);
  } catch (error) {
    if (!isKernelError(error, 'ENOENT', 'EROFS', 'EACCES')) throw error;
    return create(); // as with all settings that are optional
  }
  try {
    create();
  } finally {
    if (before !== value) writeSysctl(name, before, netns);
  }
}

function pathOf(netns: string): string | undefined {
  return netns === '' ? undefined : netns;
}

function routeOf(step: StepOf<'add-route' | 'delete-route'>) {
  return {
    version: step.version,
    link: step.link,
    ...(step.destination === '' ? {} : { destination: step.destination }),
    ...(step.gateway === '' ? { scope: 'link' as const } : { gateway: step.gateway }),
  };
}
