/** What a connection to a network asks for, as far as it can be judged without the network. */
import { errorMessage, invalid } from '../base/errors.ts';
import { endpointFaults } from '../model/endpoint-check.ts';
import { joinFaults } from '../model/faults.ts';
import type { EndpointSettingsRequest } from '../wire/container-create.ts';
import { toEndpointSpec } from './map/endpoint-spec.ts';
import { isUserDefined } from './network-mode.ts';

/** `network` is the name or id as given. Throws Docker's "invalid endpoint settings" with every complaint. */
export function validateEndpoint(network: string, endpoint: EndpointSettingsRequest): void {
  const faults = endpointFaults(toEndpointSpec(endpoint), isUserDefined(network));
  if (faults.length > 0) throw invalid(`invalid endpoint settings:\n${joinFaults(faults)}`);
}

/** The same for every network of a create request. */
export function validateEndpoints(endpoints: Readonly<Record<string, EndpointSettingsRequest>>): void {
  const faults: string[] = [];
  for (const [network, endpoint] of Object.entries(endpoints)) {
    try {
      validateEndpoint(network, endpoint);
    } catch (error) {
      faults.push(`invalid config for network ${network}: ${errorMessage(error)}`);
    }
  }
  if (faults.length > 0) throw invalid(joinFaults(faults));
}
