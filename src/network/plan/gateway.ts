/** Which connection gives a container its default routes and its published ports. Docker 28's rule. */
import type { Endpoint } from '../../model/endpoint.ts';

/** What the choice looks at; endpoints have it, and so do connections that are only planned. */
export interface GatewayCandidate {
  readonly networkName: string;
  readonly gateway4: string;
  readonly gateway6: string;
  readonly spec: { readonly gwPriority: number };
}

/** Networks that lead out before those that do not, then higher gateway priority, then the network's name. */
export function compareForGateway(a: GatewayCandidate, b: GatewayCandidate): number {
  const leadsOut = (candidate: GatewayCandidate) => (candidate.gateway4 || candidate.gateway6 ? 0 : 1);
  return (
    b.spec.gwPriority - a.spec.gwPriority ||
    leadsOut(a) - leadsOut(b) ||
    (a.networkName < b.networkName ? -1 : a.networkName > b.networkName ? 1 : 0)
  );
}

export interface GatewayChoice {
  readonly v4: Endpoint | undefined;
  readonly v6: Endpoint | undefined;
}

/** The first endpoint in order that has both families gives both; else each family takes its first. */
export function chooseGateways(endpoints: readonly Endpoint[]): GatewayChoice {
  const ordered = endpoints.toSorted(compareForGateway);
  let v4: Endpoint | undefined;
  let v6: Endpoint | undefined;
  for (const endpoint of ordered) {
    if (endpoint.gateway4 && endpoint.gateway6) return { v4: endpoint, v6: endpoint };
    if (endpoint.gateway4) v4 ??= endpoint;
    if (endpoint.gateway6) v6 ??= endpoint;
  }
  return { v4, v6 };
}
