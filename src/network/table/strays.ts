/**
 * Containers that run with addresses which their network no longer has: its subnet was changed (`--bip`) while they
 * ran.
 */
import { parseSubnet, subnetContains } from '../../model/addresses.ts';
import { endpointAddresses, type Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { shellWord } from '../interfaces/link-name.ts';
import type { NetworkTable } from './table.ts';

/** For `info`: which, and what helps. */
export function strayWarnings(table: NetworkTable): string[] {
  return table.networks().flatMap((network) => {
    const names = table
      .endpoints(network.id)
      .filter((endpoint) => isStray(endpoint, network))
      .flatMap(({ containerId }) => table.sandbox(containerId)?.request.containerName ?? []);
    if (names.length === 0) return [];
    const [which, them] =
      names.length === 1
        ? [`container ${names[0]} still has an address`, 'it']
        : [`containers ${names.join(', ')} still have addresses`, 'them'];
    return [
      `${which} of an earlier subnet of network ${network.name}, which has ${network.pools.map(({ subnet }) => subnet).join(' and ')} now: nobody reaches ${them} there; restart ${them}: causeway restart ${names.map(shellWord).join(' ')}`,
    ];
  });
}

function isStray(endpoint: Endpoint, { pools }: NetworkRecord): boolean {
  const subnets = pools.flatMap(({ subnet }) => parseSubnet(subnet) ?? []);
  return (
    subnets.length > 0 &&
    endpointAddresses(endpoint).some((address) => !subnets.some((subnet) => subnetContains(subnet, address)))
  );
}
