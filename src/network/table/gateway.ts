/**
 * Which connection gives a container its default routes and its published ports: Docker's order of endpoints. Docker 28
 * lets a network with both families win over a higher gw-priority, which it calls a fault itself; from 29 on it does as
 * is done here.
 */
import type { Endpoint } from '../../model/endpoint.ts';

/** What the choice looks at; endpoints have it, and so do connections that are only planned. */
export interface GatewayCandidate {
  readonly networkName: string;
  readonly gateway4: string;
  readonly gateway6: string;
  readonly spec: { readonly gwPriority: number };
}

/**
 * Higher gateway priority, then networks with external connectivity over both families, over one, over none, then the
 * network's name.
 */
export function compareForGateway(a: GatewayCandidate, b: GatewayCandidate): number {
  const families = ({ gateway4, gateway6 }: GatewayCandidate) => (gateway4 ? 1 : 0) + (gateway6 ? 1 : 0);
  return (
    b.spec.gwPriority - a.spec.gwPriority ||
    families(b) - families(a) ||
    (a.networkName < b.networkName ? -1 : a.networkName > b.networkName ? 1 : 0)
  );
}

export interface GatewayChoice {
  readonly v4: Endpoint | undefined;
  readonly v6: Endpoint | undefined;
}

/** Each family takes the first endpoint in order that has external connectivity over it. */
export function chooseGateways(endpoints: readonly Endpoint[]): GatewayChoice {
  const ordered = endpoints.toSorted(compareForGateway);
  let v4: Endpoint | undefined;
  let v6: Endpoint | undefined;
  for (const endpoint of ordered) {
    if (endpoint.gateway4) v4 ??= endpoint;
    if (endpoint.gateway6) v6 ??= endpoint;
  }
  return { v4, v6 };
}
