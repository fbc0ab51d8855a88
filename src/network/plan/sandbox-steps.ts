/** The plans of a container's operations: what the drivers return for each endpoint, put together. Pure. */
import { endpointAddresses, type Endpoint } from '../../model/endpoint.ts';
import type { Protocol, PublishedPort } from '../../model/port.ts';
import { inWritingOrder } from './sysctl-order.ts';
import { driverNamed } from './drivers/registry.ts';
import type { HostFacts } from './driver.ts';
import type { FactDiff } from '../firewall/facts/diff.ts';
import { planRoutes } from './routes.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import type { Step } from './step.ts';
import type { NetworkTable } from '../table/table.ts';

/** A namespace with everything in it; `kept`: there it is already, and empty. */
export function joinSteps(
  record: SandboxRecord,
  kept: SandboxRecord | undefined,
  table: NetworkTable,
  facts: HostFacts,
): Step[] {
  const { sandbox, request } = record;
  const { netns } = sandbox;
  if (netns === '') return [];
  const steps: Step[] = kept
    ? []
    : [{ kind: 'create-netns', netns }, { kind: 'raise-link', netns, link: 'lo' }, ...unmovedSteps(netns, facts)];
  for (const [name, value] of inWritingOrder(request.sysctls))
    steps.push({ kind: 'write-sysctl', netns, name, value, optional: false });
  for (const endpoint of sandbox.endpoints) {
    const network = table.network(endpoint.networkId);
    if (network) steps.push(...driverNamed(network.driver).attach({ network, endpoint, netns }, facts));
  }
  steps.push(...planRoutes(netns, [], sandbox.endpoints));
  if (record.resolverPort > 0 && !kept?.resolverPort)
    steps.push({ kind: 'redirect-resolver', netns, port: record.resolverPort });
  return steps;
}

/**
 * No process is given another route by an ICMP redirect, which any neighbour can send in the name of the gateway. Set
 * before there are links, which are created with the default; and before the user's own sysctls, which may say
 * otherwise.
 */
function unmovedSteps(netns: string, facts: HostFacts): Step[] {
  const names = ['net/ipv4/conf/all', 'net/ipv4/conf/default', ...(facts.ipv6 ? ['net/ipv6/conf/default'] : [])];
  return names.map((name) => ({
    kind: 'write-sysctl',
    netns,
    name: `${name}/accept_redirects`,
    value: '0',
    optional: true,
  }));
}

export function connectSteps(
  before: SandboxRecord,
  after: SandboxRecord,
  endpoint: Endpoint,
  table: NetworkTable,
  facts: HostFacts,
): Step[] {
  const { netns } = before.sandbox;
  const network = table.network(endpoint.networkId);
  const steps: Step[] = network ? driverNamed(network.driver).attach({ network, endpoint, netns }, facts) : [];
  steps.push(...planRoutes(netns, before.sandbox.endpoints, after.sandbox.endpoints));
  steps.push(...hairpinSteps(before.sandbox.endpoints, after.sandbox.endpoints));
  if (after.resolverPort > 0 && before.resolverPort === 0)
    steps.push({ kind: 'redirect-resolver', netns, port: after.resolverPort });
  return steps;
}

/** What is done before the interface goes, while there is still a way back. */
export function beforeDisconnectSteps(before: SandboxRecord, after: SandboxRecord): Step[] {
  return [
    ...planRoutes(before.sandbox.netns, before.sandbox.endpoints, after.sandbox.endpoints, before.sandbox.endpoints),
    ...hairpinSteps(before.sandbox.endpoints, after.sandbox.endpoints),
  ];
}

export function detachSteps(record: SandboxRecord, endpoint: Endpoint, table: NetworkTable): Step[] {
  const network = table.network(endpoint.networkId);
  if (!network) return [];
  return driverNamed(network.driver).detach({ network, endpoint, netns: record.sandbox.netns });
}

export function leaveSteps(record: SandboxRecord, table: NetworkTable, { park = false } = {}): Step[] {
  const { netns, endpoints } = record.sandbox;
  if (netns === '') return [];
  const namespace: Step[] = park ? [] : [{ kind: 'delete-netns', netns }];
  return [
    ...endpoints.flatMap((endpoint) => detachSteps(record, endpoint, table)),
    ...namespace,
    ...forgetSteps(endpoints),
  ];
}

/** Flows of an address that is given back must not reach its next owner. */
export function forgetSteps(endpoints: readonly Endpoint[]): Step[] {
  const addresses = endpoints.flatMap(endpointAddresses);
  return addresses.length === 0 ? [] : [{ kind: 'forget-flows', addresses }];
}

/** For ports that a running container gets or gives back. */
export function publishSteps(before: readonly Endpoint[], after: readonly Endpoint[]): Step[] {
  return hairpinSteps(before, after);
}

/** A port that is closed, closes for what goes through it already. */
export function forgetPublishedSteps(endpoints: readonly Endpoint[], ports: readonly PublishedPort[]): Step[] {
  const addresses = endpoints.flatMap(endpointAddresses);
  return addresses.flatMap((address) =>
    (['tcp', 'udp', 'sctp'] as const).flatMap((protocol): Step[] => {
      const led = ports
        .filter((port) => port.protocol === protocol && port.hostPort !== 0)
        .map((port) => port.hostPort);
      return led.length === 0 ? [] : [{ kind: 'forget-forwarded-flows', protocol, address, ports: led }];
    }),
  );
}

/**
 * Flows that came to a port before the kernel forwarded it to the container, and would never be forwarded there: of a
 * client that does not stop sending datagrams, of one whose first packet met the port while it was only held. For when
 * the elements are in place.
 */
export function openedPortSteps(diff: FactDiff): Step[] {
  const steps = new Map<string, { kind: 'forget-unled-flows'; protocol: Protocol; hostIp: string; ports: number[] }>();
  for (const fact of diff.add) {
    if (fact.kind !== 'publish') continue;
    const { protocol, hostIp, hostPort } = fact;
    const step = steps.get(`${protocol} ${hostIp}`);
    if (step) step.ports.push(hostPort);
    else steps.set(`${protocol} ${hostIp}`, { kind: 'forget-unled-flows', protocol, hostIp, ports: [hostPort] });
  }
  return [...steps.values()];
}

/** A hole that closes, closes for what goes through it already. */
export function closedHoleSteps(diff: FactDiff): Step[] {
  const pairs = new Map<string, Step>();
  for (const fact of diff.remove)
    if (fact.kind === 'hole')
      pairs.set(`${fact.from} ${fact.to}`, { kind: 'forget-pair-flows', from: fact.from, to: fact.to });
  return [...pairs.values()];
}

/** Frames may leave where they came in only on bridge ports with something published. */
function hairpinSteps(before: readonly Endpoint[], after: readonly Endpoint[]): Step[] {
  return after.flatMap((endpoint): Step[] => {
    const old = before.find((candidate) => candidate.id === endpoint.id);
    const on = endpoint.published.length > 0;
    if (!old || endpoint.hostIfname === '' || on === old.published.length > 0) return [];
    return [{ kind: 'set-hairpin', hostLink: endpoint.hostIfname, on }];
  });
}
