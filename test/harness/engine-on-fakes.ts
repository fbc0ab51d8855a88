/**
 * The engine's use-cases with fakes where I/O begins: a network, a runtime, root file systems and a store that only
 * remember what is there. No root, no daemon. Each call of theirs is noted, and can be made to fail.
 */
import { NO_EDITS } from '../../src/oci/device-edits.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { AskedStops } from '../../src/engine/container/asked-stops.ts';
import { AttachHub } from '../../src/engine/container/attach-hub.ts';
import { handleExit, type RuntimeExit } from '../../src/engine/container/container-exit.ts';
import { makeDeletions, removeHeld } from '../../src/engine/container/container-remove.ts';
import { startHeld } from '../../src/engine/container/container-start.ts';
import { ContainerTable } from '../../src/engine/container/container-table.ts';
import { ExitWaits } from '../../src/engine/container/exit-waits.ts';
import type { Held } from '../../src/engine/container/held.ts';
import { RestartTimers } from '../../src/engine/container/restart-policy.ts';
import { RunningCopies } from '../../src/engine/container/running-copies.ts';
import { StartsUnderWay } from '../../src/engine/container/starts-under-way.ts';
import { Adoptions } from '../../src/engine/adoptions.ts';
import { ExecTable } from '../../src/engine/exec/exec-table.ts';
import type { RunNetwork } from '../../src/engine/ports.ts';
import { EventBus } from '../../src/engine/system/event-bus.ts';
import type { ContainerRecord } from '../../src/model/container.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../src/model/endpoint.ts';
import type { NetworkRecord } from '../../src/model/network.ts';
import type { Recovered } from '../../src/oci/runtime.ts';
import type { RuntimeSession } from '../../src/oci/attach-session.ts';
import { NO_DEFAULTS } from '../../src/oci/spec.ts';
import { PATIENCE, type Patience } from '../../src/oci/patience.ts';
import type { AsideRecord } from '../../src/store/aside.ts';
import type { Change, Store } from '../../src/store/store.ts';

type JoinRequest = Parameters<RunNetwork['join']>[0];
type Sandbox = Awaited<ReturnType<RunNetwork['join']>>;

const NETWORK = { id: 'n'.repeat(64), name: 'net', driver: 'bridge' } as NetworkRecord;

export class EngineOnFakes {
  readonly dir = mkdtempSync(join(tmpdir(), 'cwt-fakes-'));
  /** Each call of I/O, in order. */
  readonly calls: string[] = [];
  /** What the world is told. */
  readonly events: string[] = [];
  /** What a daemon that starts now would find. */
  readonly stored = new Map<string, ContainerRecord>();
  readonly sandboxes = new Map<string, { sandbox: Sandbox; request: JoinRequest }>();
  readonly mounted = new Set<string>();
  /** Containers that the runtime has: the number of the process. */
  readonly made = new Map<string, number>();
  /** Those whose process has ended, which the engine is not told yet. */
  readonly unnoticed = new Set<string>();
  /** What `recover` answers, by id. */
  readonly found = new Map<string, Recovered>();
  readonly removedRoots = new Set<string>();
  readonly parts = this.#makeParts();
  /** Told of each call of I/O as it begins. */
  onCall: (name: string) => void = () => {};
  /** What the runtime gives whoever attaches. */
  session: RuntimeSession | undefined;
  #failing = new Map<string, Error>();
  #meanwhile = new Map<string, () => Promise<void>>();
  #pid = 100;

  close(): void {
    this.parts.restarts.end();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** From now on, or until `mend`, that call fails. */
  fail(call: string, error = new Error(`${call} failed`)): void {
    this.#failing.set(call, error);
  }

  mend(): void {
    this.#failing = new Map();
  }

  /** Something that happens during the next such call. */
  during(call: string, happens: () => Promise<void>): void {
    this.#meanwhile.set(call, happens);
  }

  async add(record: ContainerRecord): Promise<ContainerRecord> {
    await this.parts.containers.add(record);
    this.parts.adoptions.close(record.id);
    this.calls.length = 0;
    return record;
  }

  /** A container that runs already. */
  async addRunning(record: ContainerRecord): Promise<ContainerRecord> {
    await this.add(record);
    await this.start(record.id);
    this.calls.length = 0;
    this.events.length = 0;
    return this.record(record.id);
  }

  start(id: string): Promise<void> {
    return this.parts.containers.locked(id, (held) => this.parts.start(held));
  }

  /** The process of a container ends, and the engine hears of it. */
  exit(id: string, code: number, { oomKilled }: { oomKilled: boolean } = { oomKilled: false }): Promise<void> {
    return this.parts.handleExit(id, { code, oomKilled, at: new Date().toISOString() });
  }

  record(id: string): ContainerRecord {
    return this.parts.containers.find(id);
  }

  /** Whatever is at work on the container, or waits for its turn, is done. */
  async idle(id: string): Promise<void> {
    await this.parts.containers.lockedEvenIfGone(id, async () => {});
  }

  /** What is there of a run of a container. */
  leftOf(id: string): string[] {
    const left = {
      network: this.sandboxes.has(id),
      'root file system': this.mounted.has(id),
      runtime: this.made.has(id),
    };
    return Object.entries(left)
      .filter(([, there]) => there)
      .map(([name]) => name);
  }

  /** The store's. */
  async commit(changes: readonly Change[]): Promise<void> {
    await this.#call('store');
    for (const { key, value } of changes) {
      if (value === undefined) this.stored.delete(key);
      else this.stored.set(key, value as ContainerRecord);
    }
  }

  async #call(name: string): Promise<void> {
    this.calls.push(name);
    this.onCall(name);
    const happens = this.#meanwhile.get(name);
    this.#meanwhile.delete(name);
    await happens?.();
    this.#failIfAsked(name);
  }

  #callNow(name: string): void {
    this.calls.push(name);
    this.onCall(name);
    this.#failIfAsked(name);
  }

  #failIfAsked(name: string): void {
    const error = this.#failing.get(name);
    if (error) throw error;
  }

  #makeParts() {
    const events = new EventBus(systemClock);
    events.listen(({ type, action }) => this.events.push(type === 'container' ? action : `${type} ${action}`));
    const base = {
      config: {
        dataRoot: join(this.dir, 'data'),
        execRoot: join(this.dir, 'exec'),
        cgroupParent: '/causeway',
        cgroupMode: 'v2' as const,
        defaultRuntime: 'crun',
        initPath: '',
        initByDefault: false,
        ipcMode: 'private',
        cgroupnsMode: 'private',
        confinement: NO_DEFAULTS,
        linksFollowNames: false,
        patience: PATIENCE as Patience,
      },
      clock: systemClock,
      log: silentLog,
      events,
      containers: new ContainerTable({
        values: () => [],
        commit: (changes: readonly Change[]) => this.commit(changes),
      } as unknown as Store),
      setAside: new Map<string, AsideRecord>(),
      network: this.#network(),
      runtime: this.#runtime(),
      rootfs: this.#rootfs(),
      volumes: {
        get: () => undefined,
        isUsed: () => false,
        givingUp: () => ({ changes: [], done: () => {} }),
        remove: async () => {},
        settle: async () => {},
      },
      files: {
        prepare: async () => {
          await this.#call('files.prepare');
          return { mounts: [], fileSources: new Set<string>() };
        },
        makePlaces: () => {},
        mountSubpaths: () => ({ mounts: [], fileSources: new Set<string>() }),
        unmountSubpaths: () => {},
        unmountLeft: () => new Map<string, unknown>(),
        shareMemory: () => null,
        unmountSharedMemory: () => this.#callNow('files.unmountSharedMemory'),
      },
      health: {
        initialState: () => null,
        watch: () => this.#callNow('health.watch'),
        forget: () => this.#callNow('health.forget'),
      },
      adoptions: new Adoptions([]),
      waits: new ExitWaits(),
      stops: new AskedStops(),
      logs: {
        begin: async () => ({ logPath: null }),
        ended: () => {},
        settled: async () => {},
        forget: async () => {},
        recover: async () => {},
        files: () => ({ path: '/nowhere', format: 'plain' as const }),
      },
      attaches: new AttachHub(),
      copies: new RunningCopies(),
      execs: new ExecTable(),
      devices: { editsFor: async () => NO_EDITS },
      restarts: new RestartTimers(),
      starts: new StartsUnderWay(),
      unstoredEnv: new Map<string, readonly string[]>(),
      deletions: makeDeletions(),
    };
    const starting = {
      ...base,
      remove: (held: Held, options: { volumes: boolean }) => removeHeld(base, held, options),
    };
    const exiting = { ...starting, start: (held: Held) => startHeld(starting, held) };
    return { ...exiting, handleExit: (id: string, exit: RuntimeExit) => handleExit(exiting, id, exit) };
  }

  #network() {
    const endpointsOf = (request: JoinRequest): Endpoint[] =>
      request.connections.map((connection, index) => ({
        id: `endpoint-${index}`, networkId: connection.networkId, networkName: connection.networkName, containerId: request.containerId, ifname: `eth${index}`, hostIfname: '', mac: '', ipv4: `10.0.0.${index + 2}`,
        prefix4: 24, ipv6: '', prefix6: 0, gateway4: '', gateway6: '', dnsNames: [], spec: EMPTY_ENDPOINT_SPEC, published: [],
      })); // prettier-ignore
    const join = async (name: string, request: JoinRequest): Promise<Sandbox> => {
      await this.#call(name);
      const { containerId, mode } = request;
      const sandbox: Sandbox = {
        id: `sandbox of ${containerId}`,
        containerId,
        netns: '/netns',
        mode,
        endpoints: endpointsOf(request),
        gatewayEndpointId: '',
      };
      this.sandboxes.set(containerId, { sandbox, request });
      return sandbox;
    };
    const leave = async (name: string, id: string): Promise<void> => {
      await this.#call(name);
      this.sandboxes.delete(id);
    };
    return {
      networks: () => [NETWORK],
      sandbox: (id: string) => this.sandboxes.get(id)?.sandbox,
      request: (id: string) => this.sandboxes.get(id)?.request,
      join: (request: JoinRequest) => join('network.join', request),
      rejoin: (request: JoinRequest) => join('network.rejoin', request),
      leave: (id: string) => leave('network.leave', id),
      park: (id: string) => leave('network.park', id),
      releaseParked: () => this.#call('network.releaseParked'),
      remember: () => this.#call('network.remember'),
      forget: () => this.#call('network.forget'),
      recall: () => {},
      restore: (live: ReadonlySet<string>) => this.#call(`network.restore ${live.size}`),
      rename: (_id: string, name: string) => this.#call(`network.rename ${name}`),
      setLinks: () => this.#call('network.setLinks'),
      statistics: () => ({}),
      setHealth: (_id: string, healthy: boolean) => this.#call(`network.setHealth ${healthy}`),
      containerStarted: () => this.#call('network.containerStarted'),
      filesShared: () => this.#call('network.filesShared'),
    };
  }

  #runtime() {
    return {
      create: async ({ id }: { id: string }) => {
        await this.#call('runtime.create');
        this.made.set(id, ++this.#pid);
        return { pid: this.#pid };
      },
      start: () => this.#call('runtime.start'),
      attach: async () => {
        await this.#call('runtime.attach');
        if (!this.session) throw new Error('nothing is attached here');
        return this.session;
      },
      kill: (_id: string, signal: number) => this.#call(`runtime.kill ${signal}`),
      pause: () => this.#call('runtime.pause'),
      resume: () => this.#call('runtime.resume'),
      thaw: () => this.#callNow('runtime.thaw'),
      interrupt: () => this.#callNow('runtime.interrupt'),
      delete: async (id: string) => {
        await this.#call('runtime.delete');
        this.made.delete(id);
      },
      forgetExit: () => this.#callNow('runtime.forgetExit'),
      runs: (id: string) => this.made.has(id) && !this.unnoticed.has(id),
      update: () => this.#call('runtime.update'),
      processes: (id: string) => {
        this.#callNow('runtime.processes');
        return this.unnoticed.has(id) ? [] : [this.made.get(id)!];
      },
      isPaused: () => false,
      knownIds: () => [...this.found.keys()],
      recover: async (id: string): Promise<Recovered> => {
        await this.#call('runtime.recover');
        return this.found.get(id) ?? { running: false, exitCode: 255, oomKilled: false, at: new Date().toISOString() };
      },
    };
  }

  #rootfs() {
    return {
      mount: (id: string) => {
        this.#callNow('rootfs.mount');
        this.mounted.add(id);
        return this.dir;
      },
      unmount: (id: string) => {
        this.#callNow('rootfs.unmount');
        this.mounted.delete(id);
      },
      remove: async (id: string) => {
        await this.#call('rootfs.remove');
        this.removedRoots.add(id);
      },
      relink: () => false,
      retain: () => this.#call('rootfs.retain'),
    };
  }
}

/** A connection to the network that there is. */
export const CONNECTED = {
  connections: [{ networkId: NETWORK.id, networkName: NETWORK.name, spec: EMPTY_ENDPOINT_SPEC }],
};
