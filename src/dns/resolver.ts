/**
 * The whole state of the resolver: zones, and a server for each sandbox. Changes are applied in their order, each at
 * once: when `apply` returns, every answer is a new one, and the namespaces of removed sandboxes are let go.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../base/errors.ts';
import type { LineLog } from './log.ts';
import { compileZone, listAnswers, patchCompiledZone, type CompiledZone } from './lookup.ts';
import { QueryLog, type QueryListener } from './query-log.ts';
import { SandboxServer, type OpenSockets, type SandboxServerParts } from './sandbox-server.ts';
import type { ResolverSockets } from './sockets.ts';
import { Turns } from './turns.ts';
import type { NetworkZone, ResolverChange, SandboxView } from '../base/dns-zone.ts';

/** A change that could not be made; the others were. */
export interface ChangeFailure {
  readonly op: ResolverChange['op'];
  readonly id: string;
  readonly message: string;
}

/** What the resolver would answer, and to which client. */
export interface ResolverDump {
  readonly networks: readonly NetworkZone[];
  readonly sandboxes: readonly (SandboxView & {
    readonly answers: readonly { name: string; network: string; addresses: string[]; alias: boolean }[];
  })[];
}

/** A whole resolver, to be gone on with by another process. Descriptors are those of process `pid`. */
export interface HandOver {
  readonly pid: number;
  readonly networks: readonly NetworkZone[];
  readonly sandboxes: readonly { readonly view: SandboxView; readonly sockets: OpenSockets }[];
}

export class Resolver {
  readonly #sockets: ResolverSockets;
  readonly #log: LineLog;
  readonly #queries: QueryLog;
  readonly #zones = new Map<string, CompiledZone>();
  readonly #servers = new Map<string, SandboxServer>();
  readonly #turns = new Turns();
  readonly #load = { inFlight: 0 };
  readonly #upstreamTimeoutMs: number | undefined;

  constructor(sockets: ResolverSockets, log: LineLog, options: { upstreamTimeoutMs?: number } = {}) {
    this.#upstreamTimeoutMs = options.upstreamTimeoutMs;
    this.#sockets = sockets;
    this.#log = log;
    this.#queries = new QueryLog((event) => log.info('query', event));
  }

  get networkCount(): number {
    return this.#zones.size;
  }

  get sandboxCount(): number {
    return this.#servers.size;
  }

  apply(changes: readonly ResolverChange[]): ChangeFailure[] {
    const failures: ChangeFailure[] = [];
    const changed = new Set<string>();
    for (const change of changes) {
      try {
        this.#applyOne(change, changed);
      } catch (error) {
        failures.push({ op: change.op, id: idOf(change), message: errorMessage(error) });
      }
    }
    if (changed.size > 0) this.#forget(changed);
    return failures;
  }

  /** Like `apply`, and whatever the changes do not name is removed. */
  replaceAll(changes: readonly ResolverChange[]): ChangeFailure[] {
    const networks = new Set<string>();
    const sandboxes = new Set<string>();
    for (const change of changes) {
      if (change.op === 'put-network') networks.add(change.zone.id);
      if (change.op === 'put-sandbox') sandboxes.add(change.view.id);
    }
    const removals: ResolverChange[] = [];
    for (const id of this.#servers.keys()) if (!sandboxes.has(id)) removals.push({ op: 'remove-sandbox', id });
    for (const id of this.#zones.keys()) if (!networks.has(id)) removals.push({ op: 'remove-network', id });
    return this.apply([...removals, ...changes]);
  }

  #applyOne(change: ResolverChange, changed: Set<string>): void {
    switch (change.op) {
      case 'put-network': {
        const { zone } = change;
        this.#zones.set(
          zone.id,
          compileZone(zone, (problem) => this.#log.warn(problem, { network: zone.id })),
        );
        changed.add(zone.id);
        return;
      }
      case 'patch-network': {
        const { patch } = change;
        const zone = this.#zones.get(patch.id);
        if (!zone) throw new Error('unknown network');
        patchCompiledZone(zone, patch, (problem) => this.#log.warn(problem, { network: patch.id }));
        changed.add(patch.id);
        return;
      }
      case 'remove-network':
        if (this.#zones.delete(change.id)) changed.add(change.id);
        return;
      case 'put-sandbox':
        this.#putSandbox(change.view);
        return;
      case 'remove-sandbox':
        this.#removeSandbox(change.id);
    }
  }

  #putSandbox(view: SandboxView): void {
    const server = this.#servers.get(view.id);
    if (server && server.view.port === view.port && this.#sameNetns(server, view)) {
      server.responder.replace(view);
    } else {
      this.#removeSandbox(view.id);
      this.#servers.set(view.id, new SandboxServer(view, this.#parts()));
    }
    this.#queries.setLogged(view.id, view.queryLog === true);
  }

  #parts(): SandboxServerParts {
    return {
      zones: this.#zones,
      sockets: this.#sockets,
      queries: this.#queries,
      log: this.#log,
      turns: this.#turns,
      load: this.#load,
      upstreamTimeoutMs: this.#upstreamTimeoutMs,
    };
  }

  /** Sockets stay in the namespace they were made in, whatever its file is called now. */
  #sameNetns(server: SandboxServer, view: SandboxView): boolean {
    try {
      return this.#sockets.netnsIdentity(view.netns) === server.netnsIdentity;
    } catch {
      return false;
    }
  }

  #removeSandbox(id: string): void {
    this.#servers.get(id)?.close();
    this.#servers.delete(id);
    this.#queries.setLogged(id, false);
  }

  #forget(zones: ReadonlySet<string>): void {
    for (const { responder } of this.#servers.values()) {
      const { networks, aliases } = responder.view;
      if (
        networks.some((id) => zones.has(id)) ||
        Object.values(aliases).some((targets) => targets.some(({ network }) => zones.has(network)))
      ) {
        responder.forget();
      }
    }
  }

  /** Drops sandboxes whose namespace no longer exists at its path. For when no daemon is there to remove them. */
  removeVanished(): void {
    for (const [id, server] of this.#servers) {
      if (this.#sameNetns(server, server.view)) continue;
      this.#log.info('the namespace of a container is gone', { sandbox: id });
      this.#removeSandbox(id);
    }
  }

  /** `network` (id or name) and `sandbox` (id or its beginning) narrow it down. */
  dump(filter: { network?: string | undefined; sandbox?: string | undefined } = {}): ResolverDump {
    const networks = [...this.#zones.values()]
      .map(({ source }) => source)
      .filter(({ id, name }) => filter.network === undefined || id === filter.network || name === filter.network);
    const ids = new Set(networks.map(({ id }) => id));
    const sandboxes = [...this.#servers.values()]
      .map(({ view }) => view)
      .filter((view) => filter.network === undefined || view.networks.some((id) => ids.has(id)))
      .filter((view) => filter.sandbox === undefined || view.id.startsWith(filter.sandbox))
      .map((view) => ({ ...view, answers: listAnswers(view, this.#zones) }));
    return { networks, sandboxes };
  }

  followQueries(sandbox: string, listener: QueryListener): () => void {
    return this.#queries.follow(sandbox, listener);
  }

  /** The sockets of these sandboxes, so that the daemon can keep copies of them. */
  socketsOf(ids: Iterable<string>): Record<string, OpenSockets> {
    const sockets: Record<string, OpenSockets> = {};
    for (const id of ids) {
      const server = this.#servers.get(id);
      if (server) sockets[id] = server.openSockets;
    }
    return sockets;
  }

  /** Stops reading and lists everything; until `resume` or `drain` the questions wait in the sockets. */
  handOver(): HandOver {
    const sandboxes = [...this.#servers.values()].map((server) => {
      server.pause();
      return { view: server.view, sockets: server.openSockets };
    });
    return { pid: process.pid, networks: [...this.#zones.values()].map(({ source }) => source), sandboxes };
  }

  resume(): void {
    for (const server of this.#servers.values()) server.resume();
  }

  /**
   * Answers what it has read and nothing more; the sockets are closed when this resolves, after `limitMs` in any case.
   */
  async drain(limitMs: number): Promise<void> {
    const late = sleep(limitMs, undefined, { ref: false });
    await Promise.race([Promise.all([...this.#servers.values()].map((server) => server.drain())), late]);
    this.close();
  }

  /** Continues where another resolver stopped; `copyOf` returns this process's copy of one of its descriptors. */
  takeOver(state: HandOver, copyOf: (fd: number) => number): void {
    this.apply(state.networks.map((zone) => ({ op: 'put-network', zone })));
    for (const { view, sockets } of state.sandboxes) {
      const inherited = { ...sockets, udpFd: copyOf(sockets.udpFd), tcpFd: copyOf(sockets.tcpFd) };
      this.#servers.set(view.id, new SandboxServer(view, this.#parts(), inherited));
      this.#queries.setLogged(view.id, view.queryLog === true);
    }
  }

  close(): void {
    for (const id of this.#servers.keys()) this.#removeSandbox(id);
    this.#zones.clear();
  }
}

function idOf(change: ResolverChange): string {
  if (change.op === 'put-network') return change.zone.id;
  if (change.op === 'patch-network') return change.patch.id;
  return change.op === 'put-sandbox' ? change.view.id : change.id;
}
