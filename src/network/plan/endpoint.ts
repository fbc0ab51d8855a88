/** An endpoint from what was asked for and what was allocated. */
import { parseSubnet, subnetContains } from '../../model/addresses.ts';
import type { Connection } from '../../model/container.ts';
import type { Endpoint, EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { parseMac } from '../../model/mac.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import { parseBridgeOptions } from './bridge-options.ts';
import type { NetworkDriver } from './driver.ts';
import { nextInterfaceName } from '../interfaces/interface-name.ts';
import { endpointMac } from '../interfaces/mac.ts';

export interface EndpointInput {
  readonly id: string;
  readonly network: NetworkRecord;
  readonly driver: NetworkDriver;
  readonly connection: Connection;
  readonly container: { readonly id: string; readonly name: string; readonly hostname: string };
  readonly ipv4: string; // '' without
  readonly ipv6: string;
  readonly mac: string; // '' = choose
  readonly usedNames: readonly string[]; // of interfaces in the namespace
  readonly claimedNames: readonly string[]; // that other connections of the container ask for, or had; '' for none
}

export function buildEndpoint(input: EndpointInput): Endpoint {
  const { id, network, driver, connection, container, ipv4, ipv6 } = input;
  const { spec } = connection;
  const gateways = driver.gateways(network, { ipv4, ipv6 });
  const hasInterface = driver.policy.connectable;
  return {
    id,
    networkId: network.id,
    networkName: network.name,
    containerId: container.id,
    ifname: hasInterface ? interfaceName(input) : '',
    hostIfname: driver.endpointHostLink(id),
    mac: hasInterface ? (input.mac === '' ? endpointMac(id) : (parseMac(input.mac) ?? input.mac)) : '',
    ipv4,
    prefix4: prefixOf(network, ipv4),
    ipv6,
    prefix6: prefixOf(network, ipv6),
    gateway4: ipv4 === '' ? '' : gateways.v4,
    gateway6: ipv6 === '' ? '' : gateways.v6,
    dnsNames: dnsNamesFor(container, connection, network),
    spec,
    published: [],
  };
}

/**
 * What the user asked for, what it was in the last run if no other endpoint asks for that, or the lowest free number.
 */
function interfaceName({ network, connection, usedNames, claimedNames }: EndpointInput): string {
  const wanted = wantedName(connection.spec);
  if (wanted !== '') return wanted;
  const taken = new Set([...usedNames, ...claimedNames]);
  const before = connection.ifname ?? '';
  return before !== '' && !taken.has(before)
    ? before
    : nextInterfaceName(taken, parseBridgeOptions(network).ifnamePrefix);
}

export function wantedName(spec: EndpointSpec): string {
  return spec.driverOpts['com.docker.network.endpoint.ifname'] ?? '';
}

export function claimedName(connection: Connection): string {
  return wantedName(connection.spec) || (connection.ifname ?? '');
}

function prefixOf(network: NetworkRecord, address: string): number {
  if (address === '') return 0;
  for (const pool of network.pools) {
    const subnet = parseSubnet(pool.subnet);
    if (subnet && subnetContains(subnet, address)) return subnet.prefix;
  }
  return address.includes(':') ? 128 : 32;
}
