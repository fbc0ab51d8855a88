import type { PublishedPort } from './port.ts';

/** What the user asked of one connection to one network. */
export interface EndpointSpec {
  readonly aliases: readonly string[];
  readonly links: readonly string[]; // 'container:alias', private to this container on this network
  readonly ipv4: string; // '' = choose
  readonly ipv6: string;
  readonly linkLocalIps: readonly string[];
  readonly mac: string;
  readonly driverOpts: Readonly<Record<string, string>>;
  readonly gwPriority: number;
}

export const EMPTY_ENDPOINT_SPEC: EndpointSpec = {
  aliases: [],
  links: [],
  ipv4: '',
  ipv6: '',
  linkLocalIps: [],
  mac: '',
  driverOpts: {},
  gwPriority: 0,
};

/** The addresses that there are, IPv4 first. */
export function endpointAddresses({ ipv4, ipv6 }: { readonly ipv4: string; readonly ipv6: string }): string[] {
  return [ipv4, ipv6].filter((address) => address !== '');
}

/**
 * A live connection of a container to a network: a row of THE endpoint table. Firewall elements, DNS answers, hosts
 * files, inspect, `docker port` and link variables are projections of these rows.
 */
export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly containerId: string;
  readonly ifname: string; // in the container: 'eth0'
  readonly hostIfname: string; // on the host: 'veth...'; '' for drivers without one
  readonly mac: string;
  readonly ipv4: string; // '172.17.0.2', '' without
  readonly prefix4: number;
  readonly ipv6: string;
  readonly prefix6: number;
  readonly gateway4: string; // '' on internal networks and where there is none
  readonly gateway6: string;
  /** Names that resolve to it on this network, in the order inspect shows them. */
  readonly dnsNames: readonly string[];
  readonly spec: EndpointSpec;
  /** Host ports that are forwarded here; only on the endpoint that has the default route. */
  readonly published: readonly PublishedPort[];
}
