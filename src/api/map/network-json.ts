/** Networks between Docker's JSON and the engine's model. */
import type { NetworkSpec } from '../../model/network.ts';
import type { EndpointResourceJson, IpamPoolJson, NetworkCreateRequest, NetworkJson } from '../../wire/network.ts';
import type { NetworkView } from '../backend/network.ts';

export function toNetworkSpec(request: NetworkCreateRequest): NetworkSpec {
  const { IPAM: ipam } = request;
  return {
    name: request.Name,
    driver: request.Driver,
    scope: request.Scope,
    internal: request.Internal,
    attachable: request.Attachable,
    ingress: request.Ingress,
    configOnly: request.ConfigOnly,
    configFrom: request.ConfigFrom?.Network ?? '',
    enableIpv4: request.EnableIPv4 ?? true,
    enableIpv6: request.EnableIPv6 ?? false,
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
    options: request.Options,
    labels: request.Labels,
  };
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

/** The pools as the user gave them where he did, as allocated where he left the choice. */
function toPools({ record }: NetworkView): IpamPoolJson[] | null {
  const asked = record.ipam.pools.filter((pool) => pool.subnet !== '');
  const askedVersions = new Set(asked.map((pool) => pool.subnet.includes(':')));
  const chosen = record.pools.filter((pool) => !askedVersions.has(pool.subnet.includes(':')));
  const pools = [...asked, ...chosen].map((pool) => {
    const allocated = record.pools.find((other) => other.subnet === pool.subnet);
    const gateway = pool.gateway || allocated?.gateway || '';
    return {
      Subnet: pool.subnet,
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
