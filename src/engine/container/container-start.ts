/**
 * `start`: rootfs, network, runtime, in that order, under the container's lock, with an undo for each. Whatever fails,
 * the container is as before and says why in its state.
 */
import { mkdir } from 'node:fs/promises';
import { formatTimeNs, type Clock } from '../../base/clock.ts';
import { CausewayError, conflict, errorKind, errorMessage, notModified } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { StartError } from '../../model/start-error.ts';
import type { Sandbox } from '../../network/service.ts';
import type { DeviceDrivers } from '../../oci/device-drivers.ts';
import type { DeviceEdits } from '../../oci/device-edits.ts';
import { checkDevicePaths } from '../../oci/device-paths.ts';
import type { CreateRequest } from '../../oci/runtime.ts';
import { buildSpec } from '../../oci/spec.ts';
import { resolveUser } from '../../oci/user.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { ContainerRootfs, KnownContainers, Networks, RunNetwork, RunRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import type { AttachHub } from './attach-hub.ts';
import { publishContainerEvent, publishEndpointEvents, publishVolumeEvents } from './container-events.ts';
import type { ContainerLogs } from './container-logs.ts';
import { bundleOf, cgroupsPathOf, containerPaths } from './container-paths.ts';
import type { RemoveHeld } from './container-remove.ts';
import type { ContainerTable } from './container-table.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { Held } from './held.ts';
import { processEnvironment } from './image-defaults.ts';
import { rememberNames } from './known-names.ts';
import { linkEnvironment } from './link-environment.ts';
import { joinTargets } from './namespace-joins.ts';
import { networkModeKind, withInterface } from './network-mode.ts';
import type { RestartTimers } from './restart-policy.ts';
import type { PreparedMounts, RunFiles } from './run-files.ts';
import { publishNetworkBack, releaseNetwork } from './shared-network.ts';
import { checkLinks, joinedContainer, joinedNetns, joinRequest, resolveNetworks, sharing } from './start-network.ts';
import type { StartsUnderWay } from './starts-under-way.ts';

export interface StartNeeds {
  readonly config: Pick<
    EngineConfig,
    | 'dataRoot'
    | 'execRoot'
    | 'cgroupParent'
    | 'cgroupMode'
    | 'defaultRuntime'
    | 'initPath'
    | 'initByDefault'
    | 'confinement'
  >;
  readonly containers: Pick<ContainerTable, 'all' | 'find' | 'get' | 'tryFind'>;
  readonly network: RunNetwork & Pick<Networks, 'networks'> & Pick<KnownContainers, 'remember'>;
  readonly rootfs: Pick<ContainerRootfs, 'mount' | 'unmount'>;
  readonly devices: Pick<DeviceDrivers, 'editsFor'>;
  readonly files: Pick<RunFiles, 'prepare' | 'makePlaces' | 'mountSubpaths' | 'unmountSubpaths' | 'shareMemory'>;
  readonly runtime: Pick<RunRuntime, 'create' | 'start' | 'attach' | 'delete'>;
  readonly logs: Pick<ContainerLogs, 'begin' | 'ended'>;
  readonly attaches: Pick<AttachHub, 'connect' | 'abandon'>;
  readonly starts: Pick<StartsUnderWay, 'during'>;
  readonly unstoredEnv: Pick<UnstoredEnvironment, 'get'>;
  readonly health: Pick<HealthMonitor, 'initialState' | 'watch'>;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
  /** With --rm, a container that cannot be started goes. */
  readonly remove: RemoveHeld;
}

/** Variables of containers, by their ids, that no record may have: secrets of builds. They reach the runtime alone. */
export type UnstoredEnvironment = Map<string, readonly string[]>;

/** How a container is started whose lock is held. */
export type StartHeld = (held: Held) => Promise<void>;

export interface UserStartNeeds {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly restarts: Pick<RestartTimers, 'forget'>;
  readonly start: StartHeld;
}

/** The user's `start`. @throws notModified when it runs already, or waits to be restarted */
export function startContainer(needs: UserStartNeeds, ref: string): Promise<void> {
  return needs.containers.locked(ref, async (held) => {
    const { record } = held;
    // One that waits to be restarted counts as running: its turn comes, and its back-off is not cut short.
    if (record.state.status === 'running' || record.state.status === 'restarting')
      throw notModified(`container ${record.name} is already running`);
    if (record.state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
    if (record.state.status === 'removing' || record.state.status === 'dead') {
      throw conflict('container is marked for removal and cannot be started');
    }
    needs.restarts.forget(held.id);
    held.update((now) => ({ ...now, stoppedByUser: false, restartCount: 0 }));
    await needs.start(held);
  });
}

export function startHeld(needs: StartNeeds, held: Held): Promise<void> {
  return needs.starts.during(held.id, () => startOrUndo(needs, held));
}

async function startOrUndo(needs: StartNeeds, held: Held): Promise<void> {
  const { id } = held;
  try {
    await withUndo(
      (undo) => bringUp(needs, held, undo),
      (failure) =>
        needs.log.warn(
          { container: id, step: failure.name, error: errorMessage(failure.error) },
          'undo of a failed start',
        ),
    );
  } catch (error) {
    needs.attaches.abandon(id);
    const warn = (what: string) => (more: unknown) =>
      needs.log.warn({ container: id, error: errorMessage(more) }, what);
    // Left as it was over a restart that now has failed, before the network had its turn.
    if (needs.network.sandbox(id)) await releaseNetwork(needs, held.record).catch(warn('network of a failed start'));
    const failed = held.update((record) => withFailure(record, error));
    await held.save().catch(warn('storing that a start failed')); // the disk may be full, which is why it did
    if (failed.spec.host.autoRemove) await needs.remove(held, { volumes: true }).catch(warn('auto-remove failed'));
    throw error;
  }
}

function withFailure(record: ContainerRecord, error: unknown): ContainerRecord {
  const message = errorMessage(error);
  const exitCode = error instanceof StartError ? error.exitCode : 128;
  return {
    ...record,
    state: {
      ...record.state,
      status: record.state.status === 'restarting' ? 'exited' : record.state.status,
      pid: 0,
      exitCode,
      error: message,
    },
  };
}

async function bringUp(needs: StartNeeds, held: Held, undo: UndoStack): Promise<void> {
  const { config, containers, files, network, rootfs, runtime } = needs;
  const asked = held.record;
  const joined =
    networkModeKind(asked.spec.connection.networkMode) === 'container' ? joinedContainer(containers, asked) : undefined;
  const record = await settingUpNetworking(() => resolveNetworks(network, joined ? sharing(asked, joined) : asked));
  if (record !== asked) await rememberNames(network, record);
  const linked = checkLinks(containers, record);
  const [prepared, edits] = await Promise.all([
    files.prepare(record),
    needs.devices.editsFor(record.spec.host.resources.deviceRequests ?? []),
    // A power cut may have taken it: `create` does not wait for the disk to have it.
    mkdir(containerPaths(config.dataRoot, record.id).dir, { recursive: true, mode: 0o710 }),
  ]);

  const root = rootfs.mount(record.id, { volatile: record.spec.host.autoRemove });
  undo.push('root filesystem', () => rootfs.unmount(record.id));
  publishVolumeEvents(needs.events, 'mount', record);
  undo.push('events of volumes', () => publishVolumeEvents(needs.events, 'unmount', record));

  let sandbox: Sandbox | undefined;
  let joinedAnew: Sandbox['endpoints'] = [];
  if (!joined) {
    await network.setHealth(record.id, true); // the health of an earlier run does not apply to this one
    // A restart with others in its network left it as it was.
    const stayed = network.sandbox(record.id) !== undefined;
    const request = joinRequest(config, record, linked);
    sandbox = await settingUpNetworking(() => (stayed ? network.rejoin(request) : network.join(request)));
    if (!stayed) joinedAnew = sandbox.endpoints;
    undo.push('network', async () => {
      await releaseNetwork(needs, record);
      publishEndpointEvents(needs, 'disconnect', joinedAnew, record.id);
    });
  }
  const netns = joined ? joinedNetns(network, joined) : sandbox!.mode === 'host' ? null : sandbox!.netns;

  undo.push('log', () => needs.logs.ended(record.id));
  const { pid } = await runtime.create(
    await createRequest(needs, record, { root, netns, filesOf: joined?.id ?? record.id, prepared, edits }, undo),
  );
  undo.push('runtime', () => runtime.delete(record.id, { force: true }));
  files.unmountSubpaths(record.id); // the container has them
  await needs.attaches.connect(record.id, (wish) => runtime.attach(record.id, wish));
  if (sandbox) await network.containerStarted(record.id, pid);
  else if (joined) await network.filesShared(joined.id, pid);

  const startedAt = formatTimeNs(needs.clock.nowNs());
  const connections = record.connections.map((one) =>
    withInterface(
      one,
      sandbox?.endpoints.find(({ networkId }) => networkId === one.networkId),
    ),
  );
  const { spec, networkOwnerId } = record;
  // Saved before the process runs: a daemon that dies between the two finds a container to adopt, not an orphan.
  const running = await held.save((now) => ({
    ...now,
    spec,
    ...(networkOwnerId === undefined ? {} : { networkOwnerId }),
    connections,
    state: {
      ...now.state,
      status: 'running',
      pid,
      exitCode: 0,
      error: '',
      oomKilled: false,
      startedAt,
      health: needs.health.initialState(record),
    },
  }));
  undo.push('state', () => void held.update(() => asked));
  await runtime.start(record.id);
  publishEndpointEvents(needs, 'connect', joinedAnew, record.id);
  publishContainerEvent(needs.events, running, 'start');
  if (joinedAnew.length > 0) publishNetworkBack(needs, running);
  needs.health.watch(running);
}

interface RunPlace {
  readonly root: string;
  readonly netns: string | null;
  /** Whose hosts, hostname and resolv.conf it has. */
  readonly filesOf: string;
  readonly prepared: PreparedMounts;
  readonly edits: DeviceEdits;
}

/** What is passed to the runtime. */
async function createRequest(
  needs: StartNeeds,
  record: ContainerRecord,
  { root, netns, filesOf, prepared, edits }: RunPlace,
  undo: UndoStack,
): Promise<CreateRequest> {
  const { config, files } = needs;
  const { process, host } = record.spec;
  const { hosts, hostname, resolvConf } = containerPaths(config.dataRoot, filesOf);
  checkDevicePaths(host.resources);
  const user = await resolveUser(root, { user: process.user, groupAdd: host.groupAdd, container: record.name });
  const unstored = needs.unstoredEnv.get(record.id) ?? [];
  const env = processEnvironment({ ...process, env: [...process.env, ...unstored] }, linkEnvironment(needs, record));
  const log = await needs.logs.begin(record);
  const mounted = files.mountSubpaths(record, prepared, undo);
  files.makePlaces(root, record, mounted);
  const spec = buildSpec({
    record,
    rootfs: root,
    user,
    env,
    ...mounted,
    files: { hosts, hostname, resolvConf },
    hostname: process.hostname,
    domainname: process.domainname,
    netns,
    ...joinTargets(needs.containers, record),
    edits,
    shmDir: files.shareMemory(record, undo),
    cgroupsPath: cgroupsPathOf(config, record),
    initPath: (host.init ?? config.initByDefault) ? requireInit(config.initPath) : undefined,
    cgroupMode: config.cgroupMode,
    defaults: config.confinement,
  });
  return {
    id: record.id,
    bundle: bundleOf(config, record.id),
    spec,
    runtime: host.runtime || config.defaultRuntime,
    tty: process.tty,
    openStdin: process.openStdin,
    stdinOnce: process.stdinOnce,
    ...log,
  };
}

/** Docker's prefix for a start that failed because of its network. */
async function settingUpNetworking<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new CausewayError(errorKind(error), `failed to set up container networking: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function requireInit(path: string): string {
  if (path === '')
    throw new CausewayError(
      'system',
      'docker-init is not installed: install tini (apt-get install tini) or start the container without --init',
    );
  return path;
}
