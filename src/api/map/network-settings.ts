/** The endpoint table, seen from one container: NetworkSettings of inspect and of the container list, and ports. */
import { ZERO_TIME } from '../../base/clock.ts';
import type { Connection } from '../../model/container.ts';
import type { Endpoint, EndpointSpec } from '../../model/endpoint.ts';
import { shortId } from '../../model/ids.ts';
import { comparePorts, formatPort, parsePort, tryParsePort, type PublishedPort } from '../../model/port.ts';
import type { EndpointSettingsJson, NetworkSettingsJson, PortMapJson } from '../../wire/container-inspect.ts';
import type { PortJson } from '../../wire/container-summary.ts';
import { isUserDefined } from '../network-mode.ts';
import { olderThan } from '../versions.ts';
import type { ContainerView, ListedContainer } from '../../model/views.ts';

export function toNetworkSettings(view: ContainerView, version: number): NetworkSettingsJson {
  const networks: Record<string, EndpointSettingsJson> = {};
  for (const connection of view.record.connections) {
    networks[connection.networkName] = toEndpointSettings(view, connection, version);
  }
  const bridge = networks['bridge'];
  return {
    Bridge: '',
    SandboxID: view.sandboxId,
    SandboxKey: view.sandboxKey,
    Ports: portMap(view),
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.EndpointID ?? '',
    Gateway: bridge?.Gateway ?? '',
    GlobalIPv6Address: bridge?.GlobalIPv6Address ?? '',
    GlobalIPv6PrefixLen: bridge?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: bridge?.IPAddress ?? '',
    IPPrefixLen: bridge?.IPPrefixLen ?? 0,
    IPv6Gateway: bridge?.IPv6Gateway ?? '',
    MacAddress: bridge?.MacAddress ?? '',
    Networks: networks,
  };
}

function toEndpointSettings(view: ListedContainer, connection: Connection, version: number): EndpointSettingsJson {
  const { spec, networkName } = connection;
  const userDefined = isUserDefined(networkName);
  const aliases = [...spec.aliases];
  if (userDefined && olderThan(version, '1.45')) {
    for (const name of [shortId(view.record.id), hostnameOf(view)]) if (!aliases.includes(name)) aliases.push(name);
  }
  return {
    IPAMConfig: toIpamConfig(spec),
    Links: spec.links.length > 0 ? spec.links : null,
    Aliases: aliases.length > 0 ? aliases : null,
    MacAddress: macAddress(view, connection),
    DriverOpts: Object.keys(spec.driverOpts).length > 0 ? spec.driverOpts : null,
    GwPriority: spec.gwPriority,
    ...toAddresses(view, connection),
    DNSNames: userDefined ? dnsNames(view, connection) : null,
  };
}

type Addresses = Pick<
  EndpointSettingsJson,
  | 'NetworkID'
  | 'EndpointID'
  | 'Gateway'
  | 'IPAddress'
  | 'IPPrefixLen'
  | 'IPv6Gateway'
  | 'GlobalIPv6Address'
  | 'GlobalIPv6PrefixLen'
>;

function toAddresses(view: ListedContainer, connection: Connection): Addresses {
  const endpoint = endpointOf(view, connection);
  return {
    // As Docker: not filled in before the first start.
    NetworkID: isUnstarted(view) && !endpoint ? '' : connection.networkId,
    EndpointID: endpoint?.id ?? '',
    Gateway: endpoint?.gateway4 ?? '',
    IPAddress: endpoint?.ipv4 ?? '',
    IPPrefixLen: endpoint?.prefix4 ?? 0,
    IPv6Gateway: endpoint?.gateway6 ?? '',
    GlobalIPv6Address: endpoint?.ipv6 ?? '',
    GlobalIPv6PrefixLen: endpoint?.prefix6 ?? 0,
  };
}

function macAddress(view: ListedContainer, connection: Connection): string {
  return endpointOf(view, connection)?.mac ?? (isUnstarted(view) ? connection.spec.mac : '');
}

/** The shorter form in the container list. */
export function toSummaryNetworks(view: ListedContainer): Record<string, EndpointSettingsJson> {
  const networks: Record<string, EndpointSettingsJson> = {};
  for (const connection of view.record.connections) {
    networks[connection.networkName] = {
      IPAMConfig: toIpamConfig(connection.spec),
      Links: null,
      Aliases: null,
      MacAddress: macAddress(view, connection),
      DriverOpts: null,
      GwPriority: connection.spec.gwPriority,
      ...toAddresses(view, connection),
      DNSNames: null,
    };
  }
  return networks;
}

function toIpamConfig(spec: EndpointSpec): EndpointSettingsJson['IPAMConfig'] {
  if (spec.ipv4 === '' && spec.ipv6 === '' && spec.linkLocalIps.length === 0) return null;
  return {
    ...(spec.ipv4 === '' ? {} : { IPv4Address: spec.ipv4 }),
    ...(spec.ipv6 === '' ? {} : { IPv6Address: spec.ipv6 }),
    ...(spec.linkLocalIps.length === 0 ? {} : { LinkLocalIPs: spec.linkLocalIps }),
  };
}

function endpointOf(view: ListedContainer, connection: Connection): Endpoint | undefined {
  return view.endpoints.find((endpoint) => endpoint.networkId === connection.networkId);
}

function isUnstarted({ record }: ListedContainer): boolean {
  return record.state.startedAt === ZERO_TIME;
}

/** A stopped container keeps the names that it had: container name, aliases, short id, hostname. */
function dnsNames(view: ListedContainer, connection: Connection): readonly string[] | null {
  const endpoint = endpointOf(view, connection);
  if (endpoint) return endpoint.dnsNames;
  if (isUnstarted(view)) return null;
  const names = [view.record.name, ...connection.spec.aliases, shortId(view.record.id), hostnameOf(view)];
  return [...new Set(names.filter((name) => name !== ''))];
}

export function hostnameOf({ record }: ListedContainer): string {
  return record.spec.process.hostname || shortId(record.id);
}

/** Ports of the live endpoints: published ones with their host sides, exposed ones with null. */
function portMap(view: ListedContainer): PortMapJson {
  const wired = view.endpoints.filter((endpoint) => endpoint.ifname !== '');
  if (wired.length === 0) return {};
  const ports: PortMapJson = {};
  for (const port of view.record.spec.connection.exposedPorts) ports[port] = null;
  return addPublished(
    ports,
    wired.flatMap(({ published }) => published),
  );
}

/** The host sides of published ports, put into a map by '80/tcp'. What is only opened has no port on the host. */
export function addPublished(ports: PortMapJson, published: readonly PublishedPort[]): PortMapJson {
  for (const port of published)
    (ports[formatPort(port)] ??= []).push({
      HostIp: port.hostIp,
      HostPort: port.hostPort === 0 ? '' : String(port.hostPort),
    });
  return ports;
}

/** The list's flat form, in the order the CLI shows. */
export function portList(view: ListedContainer): PortJson[] {
  // An image may declare something that is not a port.
  const known = Object.entries(portMap(view)).filter(([text]) => tryParsePort(text) !== undefined);
  const ports = known.sort(([a], [b]) => comparePorts(parsePort(a), parsePort(b)));
  return ports.flatMap(([text, bindings]): PortJson[] => {
    const { port, protocol } = parsePort(text);
    if (!bindings) return [{ PrivatePort: port, Type: protocol }];
    return bindings.map(({ HostIp, HostPort }) => ({
      ...(HostIp === '' ? {} : { IP: HostIp }),
      PrivatePort: port,
      PublicPort: Number(HostPort),
      Type: protocol,
    }));
  });
}
