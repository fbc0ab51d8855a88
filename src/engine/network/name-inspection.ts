/**
 * What the embedded DNS answers, asked of the resolver itself: not what it should answer by the daemon's own tables.
 */
import type { NetworkZone, SandboxView } from '../../base/dns-zone.ts';
import { conflict, invalid } from '../../base/errors.ts';
import type { NameQuery } from '../../base/name-query.ts';
import { isUp } from '../container/container-stop.ts';
import type { ContainerTable } from '../container/container-table.ts';
import type { ExitWaits } from '../container/exit-waits.ts';
import { networkOwnerId } from '../container/shared-network.ts';
import type { Networks, LiveNetwork } from '../ports.ts';
import { findNetwork } from './network-lookup.ts';

export interface NameNeeds {
  readonly containers: Pick<ContainerTable, 'all' | 'find' | 'tryFind'>;
  readonly network: Pick<LiveNetwork, 'sandbox'> & Pick<Networks, 'networks'>;
  readonly waits: Pick<ExitWaits, 'next'>;
}

/** The resolver, as far as it can be looked into. The daemon hands in the real thing. */
export interface NameInspector {
  dump(filter: { network?: string }): Promise<{
    readonly networks: readonly ResolverZone[];
    readonly sandboxes: readonly ResolverView[];
  }>;
  /** Returns how to stop. `ended`: the resolver went away; another one is there soon. */
  followQueries(sandboxId: string, listener: (query: NameQuery) => void, ended: () => void): Promise<() => void>;
}

type ResolverZone = Pick<NetworkZone, 'id' | 'ttlS' | 'names' | 'ptr'>;

interface ResolverView extends Pick<SandboxView, 'id' | 'networks' | 'forward' | 'upstreams'> {
  readonly answers: readonly {
    readonly name: string;
    readonly network: string;
    readonly addresses: readonly string[];
    readonly alias: boolean;
  }[];
}

export async function networkNames(needs: NameNeeds, names: NameInspector, ref: string) {
  const network = findNetwork(needs.network, ref);
  if (network.predefined || network.configOnly)
    throw invalid(`network ${network.name} has no DNS of its own: names on it are those of links, in /etc/hosts`);
  const { networks, sandboxes } = await names.dump({ network: network.id });
  const zone = networks.find((one) => one.id === network.id);
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  const nameOf = (id: string) => needs.network.networks().find((one) => one.id === id)?.name ?? id;
  const containers = needs.containers.all().flatMap((record) => {
    const view = sandboxes.find((one) => one.id === needs.network.sandbox(record.id)?.id);
    if (!view) return [];
    return {
      containerId: record.id,
      containerName: record.name,
      networks: view.networks.map(nameOf),
      aliases: view.answers
        .filter((answer) => answer.alias)
        .map((answer) => ({ alias: answer.name, network: answer.network, addresses: answer.addresses })),
      forward: view.forward,
      servers: view.upstreams,
    };
  });
  return {
    networkId: network.id,
    networkName: network.name,
    ttlS: zone?.ttlS ?? 0,
    names: Object.entries(zone?.names ?? {})
      .map(([name, { a, aaaa, services = [] }]) => ({ name, a, aaaa, services }))
      .sort(byName),
    reverse: Object.entries(zone?.ptr ?? {})
      .map(([address, name]) => ({ address, name }))
      .sort(byName),
    containers: containers.sort((a, b) => (a.containerName < b.containerName ? -1 : 1)),
  };
}

const MAX_UNREAD = 4096;
const RESOLVER_PAUSE_MS = 50;
const RESOLVER_PATIENCE = 100; // pauses

/**
 * A running container's questions (with those of all that share its network) until it ends or the signal aborts. A
 * reader that is too slow misses some.
 */
export async function followQueries(
  needs: NameNeeds,
  names: NameInspector,
  ref: string,
  signal: AbortSignal,
): Promise<AsyncIterable<NameQuery>> {
  const record = needs.containers.find(ref);
  const sandbox = needs.network.sandbox(networkOwnerId(needs.containers, record) ?? record.id);
  if (!isUp(record)) throw conflict(`container ${record.name} is not running`);
  if (!sandbox || !sandbox.endpoints.some((endpoint) => endpoint.dnsNames.length > 0)) {
    throw conflict(`container ${record.name} has no embedded DNS: it is on no network of the user's`);
  }
  const unread: NameQuery[] = [];
  const over = new AbortController();
  let wake: () => void = () => {};
  const end = (): void => {
    over.abort();
    wake();
  };
  const receive = (query: NameQuery): void => {
    if (unread.length < MAX_UNREAD) unread.push(query);
    wake();
  };
  let stop: () => void = () => {};
  const follow = async (): Promise<void> => {
    stop = await names.followQueries(sandbox.id, receive, () => again(RESOLVER_PATIENCE));
    if (over.signal.aborted) stop();
  };
  const again = (patience: number): void => {
    if (over.signal.aborted) return;
    if (patience === 0) return end();
    setTimeout(() => void follow().catch(() => again(patience - 1)), RESOLVER_PAUSE_MS);
  };
  // Before anything is waited for: it may end meanwhile.
  needs.waits.next(record.id, 'exit', over.signal).then(end, () => {});
  await follow().catch((error: unknown) => {
    end(); // the wait
    throw error;
  });
  if (signal.aborted) end();
  signal.addEventListener('abort', end, { once: true });
  return (async function* () {
    try {
      for (;;) {
        yield* unread.splice(0);
        if (unread.length > 0) continue;
        if (over.signal.aborted) return;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      end();
      stop();
      signal.removeEventListener('abort', end);
    }
  })();
}
