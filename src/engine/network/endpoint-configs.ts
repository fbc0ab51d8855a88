/** The settings for the networks of a create request, judged before anything of the container exists. */
import { errorMessage, invalid } from '../../base/errors.ts';
import type { ConnectionSpec } from '../../model/container.ts';
import { joinFaults } from '../../model/faults.ts';
import { checkEndpointSpec } from '../../network/ipam/endpoint-check.ts';
import { tryFindNetwork, type NetworkSource } from './network-lookup.ts';

/** Throws `invalid` with every complaint about every network, as Docker does; one may not be there yet. */
export function checkEndpointConfigs(networks: ConnectionSpec['networks'], source: NetworkSource): void {
  const faults: string[] = [];
  for (const [ref, spec] of Object.entries(networks)) {
    try {
      checkEndpointSpec(tryFindNetwork(source, ref), spec);
    } catch (error) {
      faults.push(`invalid config for network ${ref}: ${errorMessage(error)}`);
    }
  }
  if (faults.length > 0) throw invalid(joinFaults(faults));
}
