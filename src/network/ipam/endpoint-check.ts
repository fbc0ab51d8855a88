/** Refuses what a user asks of one connection to a network, in Docker's words, all faults in one error. */
import { invalid } from '../../base/errors.ts';
import { parseSubnet, subnetContains } from '../../model/addresses.ts';
import { endpointFaults } from '../../model/endpoint-check.ts';
import type { EndpointSpec } from '../../model/endpoint.ts';
import { joinFaults } from '../../model/faults.ts';
import type { NetworkRecord } from '../../model/network.ts';

/**
 * Throws `invalid`. Without `network`, which is not there yet, what it asks for is judged by itself. `network.ipam` is what the user asked for: an address can only be asked for in a subnet that the
 * user chose, as a chosen subnet may be another after the network is made again.
 */
export function checkEndpointSpec(
  network: Pick<NetworkRecord, 'predefined' | 'ipam'> | undefined,
  spec: EndpointSpec,
): void {
  const outside = network ? [spec.ipv4, spec.ipv6].flatMap((address) => rangeFaults(network, address)) : [];
  const faults = endpointFaults(spec, !network?.predefined, outside);
  const ifname = spec.driverOpts['com.docker.network.endpoint.ifname'] ?? '';
  if (ifname !== '' && !isInterfaceName(ifname)) {
    faults.push(
      `invalid interface name ${JSON.stringify(ifname)}: it has at most 15 bytes, no space, slash or colon, and is none that the kernel keeps for itself (lo, all, default)`,
    );
  }
  if (faults.length > 0) throw invalid(`invalid endpoint settings:\n${joinFaults(faults)}`);
}

function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) <= 15 && !/[\s/:%]/.test(name) && !['.', '..', 'lo', 'all', 'default'].includes(name);
}

function rangeFaults(network: Pick<NetworkRecord, 'ipam'>, address: string): string[] {
  if (address === '') return [];
  const version = address.includes(':') ? 6 : 4;
  const subnets = network.ipam.pools
    .map((pool) => parseSubnet(pool.subnet))
    .filter((subnet) => subnet?.version === version);
  if (subnets.length === 0) {
    return ['user specified IP address is supported only when connecting to networks with user configured subnets'];
  }
  if (subnets.some((subnet) => subnet && subnetContains(subnet, address))) return [];
  return [`no configured subnet or ip-range contain the IP address ${address}`];
}
