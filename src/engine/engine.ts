/**
 * The engine: use-cases over containers, networks, images and volumes. It answers to interfaces that its consumers
 * declare. This file makes the parts, subscribes to what the rooms below report, and maps each method to a use-case in
 * a file of its own.
 */
import { existsSync, readdirSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { noteActivity } from '../base/activity.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Archives } from '../image/archives.ts';
import type { ImageStore } from '../image/image-store.ts';
import type { RootfsStore } from '../image/rootfs.ts';
import type { ContainerSpec, ContainerUpdate } from '../model/container.ts';
import type { EndpointSpec } from '../model/endpoint.ts';
import type { NetworkSpec } from '../model/network.ts';
import type { Filters } from '../model/filters.ts';
import type { Platform } from '../model/platform.ts';
import type { PortBindings } from '../model/port.ts';
import type { NetworkService } from '../network/service.ts';
import type { LogKeeper } from '../oci/logs/log-thread.ts';
import type { DeviceDrivers } from '../oci/device-drivers.ts';
import type { MountSources } from '../oci/mount-sources.ts';
import type { Runtime } from '../oci/runtime.ts';
import { mountSharedMemory, unmountSharedMemory } from '../oci/shared-memory.ts';
import { makeMountPlaces } from '../image/mount-places.ts';
import { makePlace, mountAlone, mountSubpath, unmountSubpaths, unmountSubpathsLeft } from '../oci/subpath-mounts.ts';
import type { Store } from '../store/store.ts';
import { Adoptions } from './adoptions.ts';
import { stepContainers } from './build/step-containers.ts';
import { AskedStops } from './container/asked-stops.ts';
import { AttachHub } from './container/attach-hub.ts';
import * as archive from './container/container-archive.ts';
import { createContainer } from './container/container-create.ts';
import { handleExit, noteOom, type RuntimeExit } from './container/container-exit.ts';
import { NameReservations } from './container/container-name.ts';
import { addPorts, removePorts } from './container/container-ports.ts';
import { ContainerLogs } from './container/container-logs.ts';
import { makeDeletions, removeContainer, removeHeld } from './container/container-remove.ts';
import { renameContainer } from './container/container-rename.ts';
import { restartContainer } from './container/container-restart.ts';
import { startContainer, startHeld } from './container/container-start.ts';
import { readStats } from './container/container-stats.ts';
import * as stop from './container/container-stop.ts';
import * as streams from './container/container-streams.ts';
import { ContainerTable } from './container/container-table.ts';
import { updateContainer } from './container/container-update.ts';
import * as views from './container/container-views.ts';
import { ExitWaits } from './container/exit-waits.ts';
import { HealthMonitor } from './container/health-monitor.ts';
import { healthProbes } from './container/health-probes.ts';
import type { Held } from './container/held.ts';
import { RestartTimers } from './container/restart-policy.ts';
import { RunFiles } from './container/run-files.ts';
import { RunningCopies } from './container/running-copies.ts';
import { StartsUnderWay } from './container/starts-under-way.ts';
import type { EngineConfig } from './engine-config.ts';
import { claimExec, createExec, resizeExec, runExec } from './exec/exec-service.ts';
import { ExecTable } from './exec/exec-table.ts';
import * as images from './image/image-use-cases.ts';
import { followQueries, networkNames, type NameInspector } from './network/name-inspection.ts';
import * as networks from './network/network-use-cases.ts';
import { lookForLife, restoreContainers, type Looked } from './restore.ts';
import { startAwaiting, startWithDaemon } from './start-with-daemon.ts';
import { EventBus } from './system/event-bus.ts';
import { eventPredicate } from './system/event-filter.ts';
import { countContainers } from './system/system-facts.ts';
import { VolumeService } from './volume/volume-service.ts';
import { volumeUsers } from './volume/volume-users.ts';
import type { ExecSpec } from '../model/exec.ts';
import type { HostSummary } from '../model/host-summary.ts';

export interface EngineDeps {
  readonly config: EngineConfig;
  readonly clock: Clock;
  readonly log: Log;
  readonly store: Store;
  readonly images: ImageStore;
  readonly rootfs: RootfsStore;
  readonly runtime: Runtime;
  readonly sources: MountSources;
  readonly devices: DeviceDrivers;
  readonly archives: Archives;
  readonly logs: LogKeeper;
  readonly network: NetworkService;
  readonly names: NameInspector;
  readonly hostFacts: () => Promise<HostSummary>;
}

type Auth = Parameters<ImageStore['pull']>[1];
type Report = Parameters<ImageStore['pull']>[3];

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

export type Engine = ReturnType<typeof createEngine>;

export function createEngine(deps: EngineDeps) {
  const events = new EventBus(deps.clock);
  const table = new ContainerTable(deps.store);
  if (!deps.store.knowsAll) {
    const there = [...deps.runtime.knownIds(), ...deps.rootfs.ids(), ...namesIn(`${deps.config.dataRoot}/containers`)];
    deps.store.setUnknownAside(
      [...new Set(there)].filter(
        (id) => /^[0-9a-f]{64}$/.test(id) && !table.get(id) && !deps.store.aside().some((one) => one.key === id),
      ),
    );
  }
  const setAside = new Map(
    deps.store
      .aside()
      .filter(({ table: name }) => name === 'containers')
      .map((one) => [one.key, one]),
  );
  const volumes = new VolumeService({
    store: deps.store,
    root: `${deps.config.dataRoot}/volumes`,
    users: volumeUsers(table, setAside),
    sources: deps.sources,
    events,
    clock: deps.clock,
  });
  const { config, clock, log, rootfs, runtime, network, sources, archives } = deps;
  const files = new RunFiles({
    config,
    containers: table,
    volumes,
    sources,
    rootfs,
    mounts: {
      mountSharedMemory,
      unmountSharedMemory,
      makeMountPlaces,
      makePlace,
      mountAlone,
      mountSubpath,
      unmountSubpaths,
      unmountSubpathsLeft,
    },
  });
  const probes = healthProbes({
    containers: table,
    network,
    events,
    clock,
    log,
    exec: (...of) => runExec({ config, containers: table, network, runtime }, ...of),
  });
  const base = {
    config,
    devices: deps.devices,
    clock,
    log,
    containers: table,
    setAside,
    names: new NameReservations(table),
    images: deps.images,
    rootfs,
    runtime,
    network,
    volumes,
    sources,
    files,
    archives,
    events,
    adoptions: new Adoptions(table.all().map(({ id }) => id)),
    waits: new ExitWaits(),
    stops: new AskedStops(),
    logs: new ContainerLogs(config, deps.logs),
    attaches: new AttachHub(),
    copies: new RunningCopies(),
    execs: new ExecTable(),
    restarts: new RestartTimers(),
    starts: new StartsUnderWay(),
    unstoredEnv: new Map<string, readonly string[]>(),
    health: new HealthMonitor(probes),
    deletions: makeDeletions(),
  };
  // Each use-case takes of these what it declares.
  const starting = { ...base, remove: (held: Held, options: { volumes: boolean }) => removeHeld(base, held, options) };
  const exiting = { ...starting, start: (held: Held) => startHeld(starting, held) };
  const parts = { ...exiting, handleExit: (id: string, exit: RuntimeExit) => handleExit(exiting, id, exit) };
  deps.network.onRepair(({ networkId, networkName, what }) => {
    events.publish({
      type: 'network',
      action: 'repair',
      actorId: networkId,
      attributes: { name: networkName, repaired: what },
    });
  });
  deps.network.onWarning(({ networkId, networkName, what }) => {
    events.publish({
      type: 'network',
      action: 'warning',
      actorId: networkId,
      attributes: { name: networkName, warning: what },
    });
  });
  deps.network.onHostAddress((address) => {
    startAwaiting(parts, address).catch((error: unknown) =>
      log.error({ address, error: String(error) }, 'containers that wait for an address could not be started'),
    );
  });
  deps.logs.onHold((id, isHeld) => deps.runtime.holdOutput(id, isHeld));
  // Before the network is restored nothing may be asked of it.
  deps.runtime.listen({
    exit: (id, exit) => {
      noteActivity(`exit of ${id}`);
      parts.adoptions
        .whenAdopted(id)
        .then(() => parts.handleExit(id, exit))
        .catch((error: unknown) => log.error({ container: id, error: String(error) }, 'an exit could not be settled'));
    },
    oom: (id) =>
      void parts.adoptions
        .whenAdopted(id)
        .then(() => noteOom(parts, id))
        .catch((error: unknown) =>
          log.error({ container: id, error: String(error) }, 'that memory was missing could not be stored'),
        ),
  });

  const steps = stepContainers(parts);
  let looked: Looked | undefined;
  const volumeView = (record: ReturnType<VolumeService['find']>) => ({
    record,
    refCount: table.all().filter((one) => one.mounts.some((mount) => mount.name === record.name)).length,
    sizeBytes: -1,
  });

  return {
    /** Finds what lives of an earlier daemon's: from then on clients can be served, by `afterAdoption`. */
    async look(): Promise<void> {
      looked = await lookForLife(parts);
    },
    /**
     * Adopts what lives, then starts what restart policies ask for: clients that want to work with it find it running,
     * and its names. With `endLeft` what lives is ended first, as a daemon ends it that is not killed.
     */
    async restore({ endLeft = false } = {}): Promise<void> {
      await parts.restarts.holdBackDuring(() => restoreContainers(parts, looked, { keepClosed: endLeft }));
      await steps.removeLeft(); // before there are any of this daemon's
      parts.adoptions.finish();
      if (endLeft) await parts.restarts.suspendDuring(() => stop.endAll(parts, {}, stop.isUp));
      await startWithDaemon(parts);
      parts.adoptions.openAll();
    },
    /** Whether all of an earlier daemon's is taken up. */
    get isRestored(): boolean {
      return parts.adoptions.isOver;
    },
    parts: { adoptions: parts.adoptions, containers: table as Pick<ContainerTable, 'tryFind'> },
    /** Stops acting; containers go on. */
    quiesce(): void {
      parts.restarts.end();
      parts.health.forgetAll();
    },
    /** Ends every container, as no user's wish: policies start them again with the next daemon. */
    async stopAll(timeoutS: number): Promise<void> {
      parts.restarts.end();
      await stop.endAll(parts, { timeoutS });
    },
    runningIds: (): string[] =>
      table
        .all()
        .filter(stop.isUp)
        .map((record) => record.id),

    containers: {
      create: (name: string, spec: ContainerSpec, platform?: Platform) => createContainer(parts, name, spec, platform),
      start: (ref: string) => startContainer(parts, ref),
      stop: (ref: string, options: stop.StopOptions) => stop.stopContainer(parts, ref, options),
      restart: (ref: string, options: stop.StopOptions) => restartContainer(parts, ref, options),
      kill: (ref: string, signal: string) => stop.killContainer(parts, ref, signal),
      pause: (ref: string) => stop.pauseContainer(parts, ref),
      unpause: (ref: string) => stop.unpauseContainer(parts, ref),
      remove: (ref: string, options: { force: boolean; volumes: boolean; link: boolean }) =>
        removeContainer(parts, ref, options),
      rename: (ref: string, name: string) => renameContainer(parts, ref, name),
      update: (ref: string, changes: ContainerUpdate) => updateContainer(parts, ref, changes),
      inspect: (ref: string, options: { size: boolean }) => views.inspectContainer(parts, ref, options),
      list: (options: Parameters<typeof views.listContainers>[1]) => views.listContainers(parts, options),
      wait: (ref: string, condition: Parameters<typeof views.waitContainer>[2], signal: AbortSignal) =>
        views.waitContainer(parts, ref, condition, signal),
      top: (ref: string, psArgs: string) => views.topContainer(parts, ref, psArgs),
      stats: (ref: string) => readStats(parts, ref),
      changes: (ref: string) => archive.containerChanges(parts, ref),
      prune: (filters: Filters) => views.pruneContainers(parts, filters),
      addPorts: (ref: string, bindings: PortBindings) => addPorts(parts, ref, bindings),
      removePorts: (ref: string, bindings: PortBindings) => removePorts(parts, ref, bindings),
    },
    streams: {
      attach: (ref: string, options: Parameters<typeof streams.attachContainer>[2]) =>
        streams.attachContainer(parts, ref, options),
      logs: (ref: string, options: Parameters<typeof streams.readContainerLogs>[2], signal: AbortSignal) =>
        streams.readContainerLogs(parts, ref, options, signal),
      resize: (ref: string, rows: number, columns: number) => streams.resizeContainer(parts, ref, rows, columns),
      execCreate: async (ref: string, spec: ExecSpec) => createExec(parts, ref, spec),
      execClaim: async (id: string) => claimExec(parts, id),
      execInspect: async (id: string) => {
        const entry = parts.execs.find(id);
        return { ...entry, running: entry.handle !== null, openStdin: entry.spec.attachStdin };
      },
      execResize: (id: string, rows: number, columns: number) => resizeExec(parts, id, rows, columns),
    },
    archives: {
      statPath: (ref: string, path: string) => archive.statContainerPath(parts, ref, path),
      getArchive: (ref: string, path: string) => archive.getContainerArchive(parts, ref, path),
      putArchive: (
        ref: string,
        path: string,
        tar: Readable,
        options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
      ) => archive.putContainerArchive(parts, ref, path, tar, options),
      exportRootfs: (ref: string) => archive.exportContainer(parts, ref),
      commit: (ref: string, options: Parameters<typeof archive.commitContainer>[2]) =>
        archive.commitContainer(parts, ref, options),
    },
    networks: {
      createNetwork: (spec: NetworkSpec) => networks.createNetwork(parts, spec),
      removeNetwork: (ref: string) => networks.removeNetwork(parts, ref),
      inspectNetwork: async (ref: string) => networks.inspectNetwork(parts, ref),
      listNetworks: async (filters: Filters, options?: { readonly usesHidden?: boolean }) =>
        networks.listNetworks(parts, filters, options),
      connect: (ref: string, container: string, spec: EndpointSpec) =>
        networks.connectContainer(parts, ref, container, spec),
      disconnect: (ref: string, container: string, force: boolean) =>
        networks.disconnectContainer(parts, ref, container, force),
      pruneNetworks: (filters: Filters) => networks.pruneNetworks(parts, filters),
    },
    names: {
      networkNames: (ref: string) => networkNames(parts, deps.names, ref),
      followQueries: (ref: string, signal: AbortSignal) => followQueries(parts, deps.names, ref, signal),
    },
    images: {
      listImages: (options: images.ImageListOptions) => images.listImages(parts, options),
      inspectImage: async (ref: string, platform?: Platform) => images.viewImage(parts, deps.images.get(ref, platform)),
      imageHistory: async (ref: string, platform?: Platform) => images.imageHistory(parts, ref, platform),
      pull: async (ref: string, auth: Auth, platform: string, report: Report, signal: AbortSignal) => {
        await deps.images.pull(ref, auth, platform, report, signal);
        images.publishTransfer(parts, 'pull', ref);
      },
      push: async (ref: string, auth: Auth, platform: Platform | undefined, report: Report, signal: AbortSignal) => {
        if (platform) deps.images.get(ref, platform);
        await deps.images.push(ref, auth, report, signal);
        images.publishTransfer(parts, 'push', ref);
      },
      distribution: async (ref: string, auth: Auth, signal: AbortSignal) => deps.images.distribution(ref, auth, signal),
      tag: async (ref: string, target: string) => {
        deps.images.tag(ref, target);
        images.publishTag(parts, target);
      },
      removeImage: (ref: string, options: Parameters<typeof images.removeImage>[2]) =>
        images.removeImage(parts, ref, options),
      importImage: (source: Readable, options: Parameters<typeof images.importImage>[2], signal?: AbortSignal) =>
        images.importImage(parts, source, options, signal),
      loadImages: (source: Readable, report: Report, signal?: AbortSignal, platform?: Platform) =>
        images.loadImages(parts, source, report, signal, platform),
      saveImages: (refs: readonly string[], platforms?: readonly Platform[]) =>
        images.saveImages(parts, refs, platforms),
      pruneImages: (filters: Filters) => images.pruneImages(parts, filters),
    },
    /** What the builder needs. */
    steps: {
      ...steps,
      findImage: (ref: string) => deps.images.find(ref),
      pullImage: async (ref: string, auth: Auth, platform: string, report: Report, signal: AbortSignal) => {
        await deps.images.pull(ref, auth, platform, report, signal);
        images.publishTransfer(parts, 'pull', ref);
      },
      announceImage: (id: string, tags: readonly string[]) => images.publishBuilt(parts, id, tags),
    },
    volumes: {
      createVolume: async (spec: Parameters<VolumeService['create']>[0]) => volumeView(await volumes.create(spec)),
      inspectVolume: async (name: string) => volumeView(volumes.find(name)),
      listVolumes: (filters: Filters, { size }: { size: boolean } = { size: false }) =>
        Promise.all(
          volumes.list(filters).map(async (record) => ({
            ...volumeView(record),
            ...(size ? { sizeBytes: await volumes.sizeBytes(record) } : {}),
          })),
        ),
      removeVolume: (name: string, force: boolean) => volumes.remove(name, force),
      pruneVolumes: (filters: Filters) => volumes.prune(filters),
    },
    system: {
      facts: async () => ({
        ...(await deps.hostFacts()),
        counts: countContainers(table, deps.images),
        eventListeners: events.counts().subscribers,
      }),
      events: (
        options: { sinceNs: bigint | undefined; untilNs: bigint | undefined; filters: Filters },
        signal: AbortSignal,
      ) =>
        events.stream(
          { sinceNs: options.sinceNs, untilNs: options.untilNs, matches: eventPredicate(options.filters) },
          signal,
        ),
      /** What costs nothing to count. */
      measures: () => ({ counts: countContainers(table, deps.images), events: events.counts() }),
      /** The daemon's own event, of its id. */
      publishReload: (actorId: string, attributes: Readonly<Record<string, string>>) =>
        events.publish({ type: 'daemon', action: 'reload', actorId, attributes }),
      diskUsage: async () => ({ imageBytes: deps.images.layersSizeBytes() }),
      login: (auth: { username: string; password: string; serverAddress: string }) => deps.images.checkLogin(auth),
    },
  };
}
