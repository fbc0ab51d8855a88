/** Refuses what a user asks of one connection to a network, in Docker's words, all faults in one error. */
import { invalid } from '../../base/errors.ts';
import { ipVersion, parseSubnet, subnetContains } from '../../model/addresses.ts';
import type { EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { joinFaults } from './config-check.ts';

const SYSCTL_FORM = "represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'";

/**
 * Throws `invalid`. `network.ipam` is what the user asked for: an address can only be asked for in a subnet that the
 * user chose, as a chosen subnet may be another after the network is made again.
 */
export function checkEndpointSpec(network: Pick<NetworkRecord, 'predefined' | 'ipam'>, spec: EndpointSpec): void {
  if (spec.mac !== '' && !/^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(spec.mac)) throw invalid(`invalid MAC address ${spec.mac}`);
  const faults: string[] = [];
  if (network.predefined) {
    if (spec.ipv4 !== '' || spec.ipv6 !== '') faults.push('user specified IP address is supported on user defined networks only');
    if (spec.aliases.length > 0) faults.push('network-scoped alias is supported only for containers in user defined networks');
  }
  const valid4 = spec.ipv4 === '' || (ipVersion(spec.ipv4) === 4 && spec.ipv4 !== '0.0.0.0');
  const valid6 = spec.ipv6 === '' || (ipVersion(spec.ipv6) === 6 && !/^[0:]+$/.test(spec.ipv6));
  if (!valid4) faults.push(`invalid IPv4 address: ${spec.ipv4}`);
  if (!valid6) faults.push(`invalid IPv6 address: ${spec.ipv6}`);
  for (const address of spec.linkLocalIps) {
    if (ipVersion(address) === 0 || /^[0:.]+$/.test(address)) faults.push(`invalid link-local IP address: ${address}`);
  }
  for (const address of [spec.ipv4, spec.ipv6]) faults.push(...rangeFaults(network, address));
  for (const sysctl of spec.driverOpts['com.docker.network.endpoint.sysctls']?.split(',') ?? []) {
    if (!/^[^.]*\.(ipv4|ipv6|mpls)\.[^.]*\.(IFNAME|ifname)\../.test(sysctl)) {
      faults.push(`unrecognised network interface sysctl '${sysctl}'; ${SYSCTL_FORM}`);
    } else if (!sysctl.includes('=')) {
      faults.push(`expected sysctl '${sysctl}' to have format name=value`);
    } else if (!/^[^.=]*(\.[^.=]+){4}=/.test(sysctl)) {
      faults.push(`expected sysctl '${sysctl.slice(0, sysctl.indexOf('='))}' to have format net.X.Y.IFNAME.Z`);
    }
  }
  const ifname = spec.driverOpts['com.docker.network.endpoint.ifname'] ?? '';
  if (ifname !== '' && !isInterfaceName(ifname)) {
    faults.push(`invalid interface name ${JSON.stringify(ifname)}: it has at most 15 bytes, no space, slash or colon, and is none that the kernel keeps for itself (lo, all, default)`);
  }
  if (faults.length > 0) throw invalid(`invalid endpoint settings:\n${joinFaults(faults)}`);
}

function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= 15 && !/[\s/:%]/.test(name) && !['.', '..', 'lo', 'all', 'default'].includes(name);
}

function rangeFaults(network: Pick<NetworkRecord, 'ipam'>, address: string): string[] {
  if (address === '') return [];
  const version = address.includes(':') ? 6 : 4;
  const subnets = network.ipam.pools.map((pool) => parseSubnet(pool.subnet)).filter((subnet) => subnet?.version === version);
  if (subnets.length === 0) {
    return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
  }
  if (subnets.some((subnet) => subnet && subnetContains(subnet, address))) return [];
  return [`no configured subnet or ip-range contain the IP address ${address}`];
}
