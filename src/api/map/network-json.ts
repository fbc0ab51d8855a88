/** Networks between Docker's JSON and the engine's model. */
import { invalid } from '../../base/errors.ts';
import { readGoBoolean } from '../../base/go-boolean.ts';
import { formatSubnet, parseSubnet } from '../../model/addresses.ts';
import type { NetworkSpec } from '../../model/network.ts';
import type {
  EndpointResourceJson,
  IpamPoolJson,
  NetworkCreateRequest,
  NetworkJson,
  NetworkStatusJson,
} from '../../wire/network.ts';
import type { NetworkView } from '../../model/views.ts';

export function toNetworkSpec(request: NetworkCreateRequest): NetworkSpec {
  const { IPAM: ipam } = request;
  const options = { ...request.Options };
  const given = ([4, 6] as const).filter(
    (version) => typeof (version === 4 ? request.EnableIPv4 : request.EnableIPv6) === 'boolean',
  );
  return {
    name: request.Name,
    driver: request.Driver,
    scope: request.Scope,
    internal: request.Internal,
    attachable: request.Attachable,
    ingress: request.Ingress,
    configOnly: request.ConfigOnly,
    ...(given.length > 0 ? { givenFamilies: given } : {}),
    configFrom: request.ConfigFrom?.Network ?? '',
    enableIpv4: readFamily(request.EnableIPv4, options, 'com.docker.network.enable_ipv4', true),
    enableIpv6: readFamily(request.EnableIPv6, options, 'com.docker.network.enable_ipv6', false),
    ipam: {
      driver: ipam?.Driver || 'default',
      options: ipam?.Options ?? null,
      pools: (ipam?.Config ?? []).map((pool) => ({
        subnet: pool.Subnet,
        ipRange: pool.IPRange,
        gateway: pool.Gateway,
        auxAddresses: pool.AuxiliaryAddresses,
      })),
    },
    options,
    labels: request.Labels,
  };
}

/** A family is turned on or off by a field, or else by an option, which then stays to be seen. */
function readFamily(
  field: boolean | null | undefined,
  options: Record<string, string>,
  option: string,
  fallback: boolean,
): boolean {
  if (typeof field === 'boolean') {
    delete options[option];
    return field;
  }
  const value = options[option];
  if (value === undefined) return fallback;
  const read = readGoBoolean(value);
  if (read !== undefined) return read;
  throw invalid(`driver-opt ${JSON.stringify(option)} is not a valid bool`);
}

/** `detailed`: with the containers, as inspect shows it and lists before 1.28 did. */
export function toNetworkJson(view: NetworkView, detailed: boolean): NetworkJson {
  const { record } = view;
  return {
    Name: record.name,
    Id: record.id,
    Created: record.createdAt,
    Scope: record.scope,
    Driver: record.driver || 'bridge',
    EnableIPv4: record.enableIpv4,
    EnableIPv6: record.enableIpv6,
    IPAM: { Driver: record.ipam.driver || 'default', Options: record.ipam.options, Config: toPools(view) },
    Internal: record.internal,
    Attachable: record.attachable,
    Ingress: record.ingress,
    ConfigFrom: { Network: record.configFrom },
    ConfigOnly: record.configOnly,
    Containers: detailed ? toAttachments(view) : {},
    Options: record.options,
    Labels: record.labels,
  };
}

const MOST = 2n ** 64n - 1n; // of an unsigned 64-bit number: what is more is shown as this

/** How full the subnets are, as Docker shows it since API 1.52. */
export function toNetworkStatus(view: NetworkView): NetworkStatusJson {
  const saturated = (count: bigint) => (count > MOST ? MOST : count);
  const subnets = view.pools.map(
    ({ subnet, ipsInUse, dynamicIpsAvailable }) =>
      [subnet, { IPsInUse: saturated(ipsInUse), DynamicIPsAvailable: saturated(dynamicIpsAvailable) }] as const,
  );
  return { IPAM: { Subnets: Object.fromEntries(subnets) } };
}

/** The pools as the user specified them, or else as allocated. */
function toPools({ record }: NetworkView): IpamPoolJson[] | null {
  const isV6 = (pool: { readonly subnet: string }) => pool.subnet.includes(':');
  const given = record.ipam.pools.filter((pool) => pool.subnet !== '');
  // Docker: what was asked for first, IPv4 before IPv6, then what was chosen.
  const asked = [...given.filter((pool) => !isV6(pool)), ...given.filter(isV6)];
  const chosen = record.pools.filter((pool) => !given.some((other) => isV6(other) === isV6(pool)));
  const pools = [...asked, ...chosen].map((pool) => {
    const subnet = parseSubnet(pool.subnet);
    const allocated = record.pools.find((other) => subnet && other.subnet === formatSubnet(subnet));
    const gateway = pool.gateway || allocated?.gateway || '';
    return {
      Subnet: allocated?.subnet ?? pool.subnet,
      ...(pool.ipRange === '' ? {} : { IPRange: pool.ipRange }),
      ...(gateway === '' ? {} : { Gateway: gateway }),
      ...(Object.keys(pool.auxAddresses).length > 0 ? { AuxiliaryAddresses: pool.auxAddresses } : {}),
    };
  });
  // Docker: host and none have no pools at all.
  return pools.length > 0 ? pools : null;
}

function toAttachments(view: NetworkView): Record<string, EndpointResourceJson> {
  return Object.fromEntries(
    view.endpoints.map((endpoint) => [
      endpoint.containerId,
      {
        Name: endpoint.containerName,
        EndpointID: endpoint.id,
        MacAddress: endpoint.mac,
        IPv4Address: endpoint.ipv4 === '' ? '' : `${endpoint.ipv4}/${endpoint.prefix4}`,
        IPv6Address: endpoint.ipv6 === '' ? '' : `${endpoint.ipv6}/${endpoint.prefix6}`,
      },
    ]),
  );
}
