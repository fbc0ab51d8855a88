import type { EndpointSpec } from '../../model/endpoint.ts';
import type { EndpointSettingsRequest } from '../../wire/container-create.ts';

export function toEndpointSpec(endpoint: EndpointSettingsRequest): EndpointSpec {
  const ipam = endpoint.IPAMConfig;
  return {
    aliases: endpoint.Aliases,
    links: endpoint.Links,
    ipv4: ipam?.IPv4Address ?? '',
    ipv6: ipam?.IPv6Address ?? '',
    linkLocalIps: ipam?.LinkLocalIPs ?? [],
    mac: endpoint.MacAddress,
    driverOpts: endpoint.DriverOpts,
    gwPriority: endpoint.GwPriority,
  };
}
