/** What a macvlan or ipvlan network cannot be, in Docker's words, and what its options mean. */
import { invalid, notImplemented } from '../../../../base/errors.ts';
import type { NetworkRecord, NetworkSpec } from '../../../../model/network.ts';
import {
  BRIDGE_OPTION,
  checkMtu,
  checkOptions,
  parseBridgeOptions,
  unknownOptionWarnings,
} from '../../bridge-options.ts';
import type { HostFacts } from '../../driver.ts';
import { linkNameComplaint } from '../../../interfaces/link-name.ts';

export interface ParentKind {
  readonly name: 'macvlan' | 'ipvlan';
  readonly modes: readonly string[]; // the first is the default
  readonly flags: readonly string[];
}

export const MACVLAN: ParentKind = { name: 'macvlan', modes: ['bridge', 'private', 'vepa', 'passthru'], flags: [] };
export const IPVLAN: ParentKind = { name: 'ipvlan', modes: ['l2', 'l3', 'l3s'], flags: ['bridge', 'private', 'vepa'] };

type Options = Pick<NetworkSpec, 'options'>;

export const parentOf = (network: Options): string => network.options['parent'] ?? '';
export const modeOf = (kind: ParentKind, network: Options): string =>
  network.options[`${kind.name}_mode`] || kind.modes[0]!;
export const flagOf = (kind: ParentKind, network: Options): string =>
  network.options[`${kind.name}_flag`] || (kind.flags[0] ?? '');

/** Without a parent it has no external connectivity, whatever else is set: Docker's rule. */
export const leadsOut = (network: Pick<NetworkSpec, 'options' | 'internal'>): boolean =>
  !network.internal && parentOf(network) !== '';

/** A mode in which the kernel routes by itself: no gateway, only the interface. */
export const isRouted = (kind: ParentKind, network: Options): boolean => /^l3s?$/.test(modeOf(kind, network));

/**
 * 'eth0.10' as the parent and the number of a VLAN, undefined for a name without a dot. Throws `invalid` for one that
 * Docker could not read.
 */
export function vlanOf(name: string): { parent: string; id: number } | undefined {
  if (!name.includes('.')) return undefined;
  const [parent = '', text = '', ...rest] = name.split('.');
  if (rest.length > 0)
    throw invalid(`required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`);
  if (!/^[+-]?\d+$/.test(text))
    throw invalid(`unable to parse a valid vlan id from: ${text} (ex. eth0.10 for vlan 10)`);
  const id = Number(text);
  if (id < 1 || id > 4094) throw invalid(`vlan id must be between 1-4094, received: ${id}`);
  return { parent, id };
}

const COMMON_READ = new Set<string>([
  BRIDGE_OPTION.announcements,
  BRIDGE_OPTION.announceEveryMs,
  BRIDGE_OPTION.mtu,
  BRIDGE_OPTION.ifnamePrefix,
  BRIDGE_OPTION.dnsTtlS,
  BRIDGE_OPTION.dnsHealthyOnly,
  BRIDGE_OPTION.ipv4,
  BRIDGE_OPTION.ipv6,
]);

/** Throws in Docker's words, `notImplemented` for what this kernel lacks. `others`: the networks that are there. */
export function checkParentSpec(
  kind: ParentKind,
  spec: NetworkSpec,
  facts: HostFacts,
  others: readonly NetworkRecord[],
): string[] {
  checkOptions(spec);
  checkMtu(spec, parseBridgeOptions(spec).mtu);
  const [mode, flag, parent] = [modeOf(kind, spec), flagOf(kind, spec), parentOf(spec)];
  if (!kind.modes.includes(mode))
    throw invalid(
      `requested ${kind.name} mode '${mode}' is not valid, '${kind.modes[0]}' mode is the ${kind.name} driver default`,
    );
  if (kind.flags.length > 0 && !kind.flags.includes(flag)) {
    throw invalid(
      `requested ${kind.name} flag '${flag}' is not valid, '${kind.flags[0]}' is the ${kind.name} driver default`,
    );
  }
  const complaint = parent === '' ? undefined : linkNameComplaint(parent);
  if (complaint !== undefined) throw invalid(`invalid parent interface name ${JSON.stringify(parent)}: ${complaint}`);
  if (parent === 'lo') throw invalid(`loopback interface is not a valid ${kind.name} parent link`);
  if (spec.ipam.driver === 'null' && spec.ipam.pools.length === 0) {
    if (spec.enableIpv4) throw invalid('ipv4 pool is empty');
    if (spec.enableIpv6) throw invalid('ipv6 pool is empty');
  }
  if (!facts.knowsLinkKind(kind.name))
    throw notImplemented(
      `failed to create the ${kind.name} network: this kernel has no ${kind.name} (its module cannot be loaded)`,
    );
  if (parent !== '') {
    refuseOtherUsers(kind, mode, parent, others);
    checkParent(kind, parent, facts);
  }
  const warnings = unknownOptionWarnings(spec, (name) => COMMON_READ.has(name));
  if (parent === '' && !spec.internal) {
    warnings.push(
      `without -o parent, an interface of the host to use, the ${kind.name} network leads nowhere: its containers reach each other only`,
    );
  }
  return warnings;
}

/** Passthru takes the parent for one network alone; an ipvlan parent has one mode, so one network. */
function refuseOtherUsers(kind: ParentKind, mode: string, parent: string, others: readonly NetworkRecord[]): void {
  for (const other of others) {
    if (other.driver !== kind.name || parentOf(other) !== parent) continue;
    if (kind === IPVLAN)
      throw invalid(`network dm-${other.id.slice(0, 12)} is already using parent interface ${parent}`);
    if (mode === 'passthru')
      throw invalid(
        `cannot use mode passthru, macvlan network ${other.id} is already using parent interface ${parent}`,
      );
    if (modeOf(kind, other) === 'passthru')
      throw invalid(`macvlan network ${other.id} is already using parent interface ${parent} in mode passthru`);
  }
}

function checkParent(kind: ParentKind, parent: string, facts: HostFacts): void {
  if (facts.hasLink(parent)) return;
  const vlan = vlanOf(parent);
  if (!vlan)
    throw invalid(
      `invalid subinterface vlan name ${parent}, example formatting is eth0.10: this host has no interface ${parent}, and only a VLAN is made for a network`,
    );
  if (!facts.hasLink(vlan.parent)) throw invalid(`-o parent interface was not found on the host: ${vlan.parent}`);
  if (!facts.knowsLinkKind('vlan')) {
    throw notImplemented(
      `failed to create ${parent} vlan link: this kernel has no VLANs (module 8021q cannot be loaded); make ${parent} by other means and name it as the parent of the ${kind.name} network`,
    );
  }
}
