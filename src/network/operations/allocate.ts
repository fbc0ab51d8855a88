/**
 * What a container is given before anything is built: addresses, interface names, host ports. All of it is on `undo`.
 */
import { CausewayError, errorKind, errorMessage, forbidden, invalid } from '../../base/errors.ts';
import type { UndoStack } from '../../base/undo.ts';
import type { Connection } from '../../model/container.ts';
import { endpointAddresses, type Endpoint } from '../../model/endpoint.ts';
import { newId } from '../../model/ids.ts';
import type { PublishedPort } from '../../model/port.ts';
import { networkOf, type NetworkCore } from './core.ts';
import { hasNames } from '../table/dns-names.ts';
import { driverNamed } from '../plan/drivers/registry.ts';
import { checkEndpointSpec } from '../ipam/endpoint-check.ts';
import { parseBridgeOptions, type BridgeOptions } from '../plan/bridge-options.ts';
import { interfaceHasIpv6 } from '../table/container-ipv6.ts';
import { buildEndpoint, claimedName, wantedName } from '../plan/endpoint.ts';
import { chooseGateways } from '../table/gateway.ts';
import { assignPublished } from '../table/published.ts';
import type { JoinRequest, SandboxRecord } from '../table/sandbox.ts';
import { wantedPorts, type WantedPort } from '../ports/port-request.ts';

/**
 * Of 127.0.0.11 in each container: outside the ports that the kernel chooses from, so no client of the container has
 * it.
 */
const RESOLVER_PORT = 61053;

type AllocationNeeds = Pick<NetworkCore, 'config' | 'facts' | 'ipam' | 'ports' | 'staleFlows' | 'table'>;

export class Allocation {
  readonly #needs: AllocationNeeds;

  constructor(needs: AllocationNeeds) {
    this.#needs = needs;
  }

  /** Refuses, in Docker's words, what can never be connected like that. Takes nothing. */
  checkConnection(connection: Connection): void {
    const network = networkOf(this.#needs, connection.networkId);
    if (network.configOnly) throw forbidden('cannot create endpoint on configuration-only network');
    checkEndpointSpec(network, connection.spec);
  }

  /** `kept`: what there is of the sandbox already, since others share its namespace. */
  sandbox(request: JoinRequest, undo: UndoStack, kept: SandboxRecord | undefined): SandboxRecord {
    const id = kept?.id ?? newId();
    const ordered = request.connections.toSorted(compareAsBefore);
    refuseSameNames(request);
    const endpoints: Endpoint[] = [];
    for (const connection of ordered) endpoints.push(this.endpoint(request, connection, endpoints, undo));
    const ports = this.ports({ sandboxId: id, request, endpoints, held: [] }, undo);
    const netns = request.mode === 'host' ? '' : `${this.#needs.config.execRoot}/netns/${id.slice(0, 12)}`;
    const bare: SandboxRecord = {
      id,
      request,
      sandbox: {
        id,
        containerId: request.containerId,
        netns,
        mode: request.mode,
        endpoints: [],
        gatewayEndpointId: '',
      },
      pid: 0,
      sharers: kept?.sharers ?? [],
      resolverPort: kept?.resolverPort ?? 0,
      written: kept?.written ?? { hosts: '', resolvConf: '' },
    };
    return this.withEndpoints(bare, assignPublished(endpoints, ports));
  }

  endpoint(request: JoinRequest, connection: Connection, others: readonly Endpoint[], undo: UndoStack): Endpoint {
    this.checkConnection(connection);
    const network = networkOf(this.#needs, connection.networkId);
    const { spec } = connection;
    const take = (version: 4 | 6, wanted: string): string => {
      if (network.pools.length === 0) return '';
      const address = this.#needs.ipam.take(network.id, version, wanted);
      if (address === '') return '';
      this.#needs.staleFlows.flushIfStale(address);
      undo.push(`address ${address}`, () => this.#needs.ipam.release(network.id, address));
      return address;
    };
    return buildEndpoint({
      id: newId(),
      network,
      driver: driverNamed(network.driver),
      connection,
      container: { id: request.containerId, name: request.containerName, hostname: request.hostname },
      ipv4: network.enableIpv4 ? take(4, spec.ipv4) : '',
      ipv6: network.enableIpv6 && interfaceHasIpv6(request, spec, this.#needs.facts) ? take(6, spec.ipv6) : '',
      // The address that was asked for the container as a whole is its first connection's.
      mac: spec.mac || (request.connections[0]?.networkId === network.id ? request.macAddress : ''),
      usedNames: others.map((endpoint) => endpoint.ifname),
      claimedNames: request.connections.filter((one) => one.networkId !== network.id).map(claimedName),
    });
  }

  /**
   * The ports that a sandbox has once one of its endpoints has external connectivity: those that it holds, or else new
   * ones.
   */
  ports(
    input: { sandboxId: string; request: JoinRequest; endpoints: readonly Endpoint[]; held: readonly PublishedPort[] },
    undo: UndoStack,
  ): readonly PublishedPort[] {
    const { sandboxId, request, endpoints, held } = input;
    if (held.length > 0 || request.mode !== 'networks') return held;
    const wanted = wantedPorts(request.exposedPorts, request.portBindings).filter(
      (port) => port.bindings.length > 0 || request.publishAllPorts,
    );
    return this.publish({ sandboxId, request, endpoints, wanted }, undo);
  }

  /** Takes host ports for `wanted`; [] where no endpoint has external connectivity. */
  publish(
    input: { sandboxId: string; request: JoinRequest; endpoints: readonly Endpoint[]; wanted: readonly WantedPort[] },
    undo: UndoStack,
  ): readonly PublishedPort[] {
    const { sandboxId, request, endpoints, wanted } = input;
    const { v4, v6 } = chooseGateways(endpoints);
    const gateway = v4 ?? v6;
    if (!gateway || !this.#publishes(gateway) || wanted.length === 0) return [];
    const mode4 = v4 && this.#publishes(v4) ? this.#optionsOf(v4).mode4 : undefined;
    // Without IPv6 of its own the container is reached over IPv6 all the same, through a relay to its IPv4 address,
    // unless its network routes IPv6.
    const gateway6 = v6 ?? v4;
    const mode6 = gateway6 && this.#publishes(gateway6) ? this.#optionsOf(gateway6).mode6 : undefined;
    const routed4 = mode4 === 'routed' ? openedPorts(wanted, 4) : [];
    const routed6 = mode6 === 'routed' && this.#needs.facts.ipv6 ? openedPorts(wanted, 6) : [];
    const mapped = wanted.map(({ port, bindings }) => ({
      port,
      bindings: bindings.filter(({ hostIp }) => hostIp === '' || (hostIp.includes(':') ? mode6 : mode4) !== 'routed'),
    }));
    const mapped4 = mode4 !== undefined && mode4 !== 'routed';
    const mapped6 = mode6 !== undefined && mode6 !== 'routed' && this.#needs.facts.ipv6;
    if (!mapped4 && !mapped6) return [...routed4, ...routed6];
    // Held for the sandbox, not the endpoint: they stay the same ones when another endpoint takes them over.
    const owner = {
      containerId: request.containerId,
      containerName: request.containerName,
      sandboxId,
      ipv4: gateway.ipv4,
      ipv6: v6?.ipv6 ?? '',
    };
    try {
      const published = this.#needs.ports.publish(
        owner,
        mapped.filter((port) => port.bindings.length > 0 || request.publishAllPorts),
        {
          publishAll: request.publishAllPorts,
          defaultHostIp: this.#optionsOf(gateway).hostBindingIp || this.#needs.config.hostBindingIp,
          ipv6: mapped6,
          ipv4: mapped4,
        },
      );
      undo.push('published ports', () => this.#needs.ports.release(sandboxId, published));
      return [...routed4, ...published, ...routed6];
    } catch (error) {
      const where = `endpoint ${request.containerName} (${gateway.id})`;
      throw new CausewayError(
        errorKind(error),
        `driver failed programming external connectivity on ${where}: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  }

  #publishes(endpoint: Endpoint): boolean {
    return driverNamed(networkOf(this.#needs, endpoint.networkId).driver).policy.publishes;
  }

  #optionsOf(endpoint: Endpoint): BridgeOptions {
    return parseBridgeOptions(networkOf(this.#needs, endpoint.networkId));
  }

  /** The record with these endpoints, its gateway, and a resolver from the first network with names on. */
  withEndpoints(record: SandboxRecord, endpoints: readonly Endpoint[]): SandboxRecord {
    const { v4, v6 } = chooseGateways(endpoints);
    const named = endpoints.some((endpoint) => hasNames(networkOf(this.#needs, endpoint.networkId)));
    return {
      ...record,
      sandbox: { ...record.sandbox, endpoints, gatewayEndpointId: (v4 ?? v6)?.id ?? '' },
      // Once there it stays: programs in the container know no other.
      resolverPort: named ? RESOLVER_PORT : record.resolverPort,
    };
  }

  releaseAddresses(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      for (const address of endpointAddresses(endpoint)) this.#needs.ipam.release(endpoint.networkId, address);
    }
  }
}

/**
 * Interfaces that there were in the last run come first, in the order that they had; then those of new connections, in
 * the order in which they were made.
 */
function compareAsBefore(a: Connection, b: Connection): number {
  const [first = '', second = ''] = [a.ifname, b.ifname];
  if (first === '' || second === '') return Number(first === '') - Number(second === '');
  return first.localeCompare(second, 'en', { numeric: true });
}

function refuseSameNames({ connections }: JoinRequest): void {
  const names = new Map<string, string>();
  for (const { networkName, spec } of connections) {
    const name = wantedName(spec);
    const other = names.get(name);
    if (name !== '' && other !== undefined)
      throw invalid(`networks ${other} and ${networkName} ask for the same interface name ${JSON.stringify(name)}`);
    names.set(name, networkName);
  }
}

/** A routed network maps nothing: the container's own port is opened to others. */
function openedPorts(wanted: readonly WantedPort[], version: 4 | 6): PublishedPort[] {
  const means = (hostIp: string) => hostIp === '' || hostIp.includes(':') === (version === 6);
  return wanted
    .filter(({ bindings }) => bindings.length === 0 || bindings.some(({ hostIp }) => means(hostIp)))
    .map(({ port }) => ({ ...port, hostIp: version === 4 ? '0.0.0.0' : '::', hostPort: 0 }));
}
