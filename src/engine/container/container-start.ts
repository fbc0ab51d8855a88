/**
 * `start`: rootfs, network, runtime, in that order, under the container's lock, with an undo for each. Whatever fails, the
 * container is as before and says why in its state.
 */
import { mkdir } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { formatTimeNs } from '../../base/clock.ts';
import { CausewayError, conflict, errorKind, errorMessage, invalid, notFound, notImplemented, notModified } from '../../base/errors.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';
import type { Connection, ContainerRecord } from '../../model/container.ts';
import type { MountPoint } from '../../model/mount.ts';
import { parsePort } from '../../model/port.ts';
import { StartError } from '../../model/start-error.ts';
import type { Sandbox } from '../../network/service.ts';
import { mountSharedMemory, unmountSharedMemory } from '../../oci/shared-memory.ts';
import { mountSubpath, unmountSubpaths } from '../../oci/subpath-mounts.ts';
import { buildSpec } from '../../oci/spec.ts';
import { resolveUser } from '../../oci/user.ts';
import type { EngineContext } from '../engine-context.ts';
import { subpathOf } from '../volume/container-mounts.ts';
import { findNetwork } from '../network/network-lookup.ts';
import { publishContainerEvent, publishNetworkEvent } from './container-events.ts';
import { bundleOf, cgroupsPathOf, containerPaths, sharedMemoryOf, subpathsOf } from './container-paths.ts';
import { removeHeld } from './container-remove.ts';
import type { Held } from './held.ts';
import { processEnvironment } from './image-defaults.ts';
import { rememberNames } from './known-names.ts';
import { linkEnvironment } from './link-environment.ts';
import { logMaxBytes } from './log-options.ts';
import { joinedContainerRef, networkModeKind, withInterface } from './network-mode.ts';
import { joinTargets } from './namespace-joins.ts';
import { networkOwnerId, publishNetworkBack, releaseNetwork } from './shared-network.ts';

/** The user's `start`. @throws notModified when it runs already */
export function startContainer(context: EngineContext, ref: string): Promise<void> {
  return context.containers.locked(ref, async (held) => {
    const { record } = held;
    if (record.state.status === 'running') throw notModified(`container ${record.name} is already running`);
    if (record.state.status === 'paused') throw conflict('cannot start a paused container, try unpause instead');
    if (record.state.status === 'removing' || record.state.status === 'dead') {
      throw conflict('container is marked for removal and cannot be started');
    }
    context.restarts.forget(held.id);
    held.update((now) => ({ ...now, stoppedByUser: false, restartCount: 0 }));
    await startHeld(context, held);
  });
}

export async function startHeld(context: EngineContext, held: Held): Promise<void> {
  const { id } = held;
  try {
    await withUndo(
      (undo) => bringUp(context, held, undo),
      (failure) => context.log.warn({ container: id, step: failure.name, error: errorMessage(failure.error) }, 'undo of a failed start'),
    );
  } catch (error) {
    context.attaches.abandon(id);
    const warn = (what: string) => (more: unknown) => context.log.warn({ container: id, error: errorMessage(more) }, what);
    // Left as it was over a restart that now has failed, before the network had its turn.
    if (context.network.sandbox(id)) await releaseNetwork(context, held.record).catch(warn('network of a failed start'));
    const failed = held.update((record) => withFailure(record, error));
    await held.save().catch(warn('storing that a start failed')); // the disk may be full, which is why it did
    if (failed.spec.host.autoRemove) await removeHeld(context, held, { volumes: true }).catch(warn('auto-remove failed'));
    throw error;
  }
}

function withFailure(record: ContainerRecord, error: unknown): ContainerRecord {
  const message = errorMessage(error);
  const exitCode = error instanceof StartError ? error.exitCode : 128;
  return { ...record, state: { ...record.state, status: record.state.status === 'restarting' ? 'exited' : record.state.status, pid: 0, exitCode, error: message } };
}

async function bringUp(context: EngineContext, held: Held, undo: UndoStack): Promise<void> {
  const { config, network, rootfs, runtime } = context;
  const asked = held.record;
  const joined = networkModeKind(asked.spec.connection.networkMode) === 'container' ? joinedContainer(context, asked) : undefined;
  const record = await settingUpNetworking(() => resolveNetworks(context, joined ? sharing(asked, joined) : asked));
  if (record !== asked) await rememberNames(context, record);
  const paths = containerPaths(config.dataRoot, record.id);
  await mkdir(paths.dir, { recursive: true, mode: 0o710 }); // a power cut may have taken it: `create` does not wait for the disk to have it
  const linked = checkLinks(context, record);
  const wanted = runtimeMounts(context, record);
  const fileSources = await answeringSources(context, record, wanted);

  const root = rootfs.mount(record.id, { volatile: record.spec.host.autoRemove });
  undo.push('root filesystem', () => rootfs.unmount(record.id));

  let sandbox: Sandbox | undefined;
  let joinedAnew: Sandbox['endpoints'] = [];
  if (!joined) {
    await network.setHealth(record.id, true); // what an earlier run was found to be says nothing about this one
    // A restart with others in its network left it as it was.
    const stayed = network.sandbox(record.id) !== undefined;
    const request = joinRequest(context, record, linked);
    sandbox = await settingUpNetworking(() => (stayed ? network.rejoin(request) : network.join(request)));
    undo.push('network', () => releaseNetwork(context, record));
    if (!stayed) joinedAnew = sandbox.endpoints;
  }
  const shared = joined ? containerPaths(config.dataRoot, joined.id) : paths;

  const { process, host } = record.spec;
  const spec = buildSpec({
    record,
    rootfs: root,
    user: await resolveUser(root, { user: process.user, groupAdd: host.groupAdd, container: record.name }),
    env: processEnvironment(process, linkEnvironment(context, record)),
    mounts: withSubpaths(context, record, wanted, fileSources, undo),
    fileSources,
    files: { hosts: shared.hosts, hostname: shared.hostname, resolvConf: shared.resolvConf },
    hostname: process.hostname,
    domainname: process.domainname,
    netns: joined ? joinedNetns(context, joined) : sandbox!.mode === 'host' ? null : sandbox!.netns,
    ...joinTargets(context, record),
    shmDir: shareMemory(context, record, undo),
    cgroupsPath: cgroupsPathOf(context, record),
    initPath: (host.init ?? config.initByDefault) ? requireInit(config.initPath) : undefined,
    cgroupMode: config.cgroupMode,
  });
  const { pid } = await runtime.create({
    id: record.id,
    bundle: bundleOf(context, record.id),
    spec,
    runtime: host.runtime || config.defaultRuntime,
    tty: process.tty,
    openStdin: process.openStdin,
    stdinOnce: process.stdinOnce,
    logPath: host.logConfig.type === 'none' ? null : paths.log,
    logMaxBytes: logMaxBytes(host.logConfig.config),
  });
  undo.push('runtime', () => runtime.delete(record.id, { force: true }));
  unmountSubpaths(subpathsOf(context, record.id)); // the container has them
  await context.attaches.connect(record.id, (wish) => runtime.attach(record.id, wish));
  if (sandbox) await network.containerStarted(record.id, pid);
  else if (joined) await network.filesShared(joined.id, pid);

  const startedAt = formatTimeNs(context.clock.nowNs());
  const connections = record.connections.map((one) => withInterface(one, sandbox?.endpoints.find(({ networkId }) => networkId === one.networkId)));
  const { spec: startedSpec, networkOwnerId: ownerId } = record;
  // Saved before the process runs: a daemon that dies between the two finds a container to adopt, not an orphan.
  const running = await held.save((now) => ({
    ...now,
    spec: startedSpec,
    ...(ownerId === undefined ? {} : { networkOwnerId: ownerId }),
    connections,
    state: { ...now.state, status: 'running', pid, exitCode: 0, error: '', oomKilled: false, startedAt, health: context.health.initialState(record) },
  }));
  undo.push('state', () => void held.update(() => asked));
  await runtime.start(record.id);
  for (const endpoint of joinedAnew) {
    publishNetworkEvent(context.events, 'connect', { id: endpoint.networkId, name: endpoint.networkName, driver: driverOf(context, endpoint.networkId) }, { container: record.id });
  }
  publishContainerEvent(context.events, running, 'start');
  if (joinedAnew.length > 0) publishNetworkBack(context, running);
  context.health.watch(running);
}

/** The directory that is to be /dev/shm; null: the runtime makes one of the container's own. */
function shareMemory(context: EngineContext, record: ContainerRecord, undo: UndoStack): string | null {
  const { ipcMode, shmSizeBytes } = record.spec.host;
  if (ipcMode.startsWith('container:')) return sharedMemoryOf(context, context.containers.find(ipcMode.slice('container:'.length)).id);
  if (ipcMode !== 'shareable') return null;
  const directory = sharedMemoryOf(context, record.id);
  mountSharedMemory(directory, shmSizeBytes);
  undo.push('shared memory', () => unmountSharedMemory(directory));
  return directory;
}

export function driverOf(context: EngineContext, networkId: string): string {
  return context.network.networks().find((network) => network.id === networkId)?.driver ?? 'bridge';
}

/** As Docker begins what it says of a start whose network is at fault. */
async function settingUpNetworking<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new CausewayError(errorKind(error), `failed to set up container networking: ${errorMessage(error)}`, { cause: error });
  }
}

/** Networks that did not exist at create must now. */
function resolveNetworks(context: EngineContext, record: ContainerRecord): ContainerRecord {
  const ids = new Set(context.network.networks().map((network) => network.id));
  if (record.connections.every((connection) => ids.has(connection.networkId))) return record;
  const connections = record.connections.map((connection): Connection => {
    if (ids.has(connection.networkId)) return connection;
    const found = findNetwork(context.network, connection.networkName);
    return { ...connection, networkId: found.id, networkName: found.name };
  });
  return { ...record, connections };
}

interface LinkedSource {
  readonly link: ContainerRecord['links'][number];
  readonly source: ContainerRecord;
}

/** Every source must run. One that is gone altogether is left out, as Docker does: its link leads nowhere. */
function checkLinks(context: EngineContext, record: ContainerRecord): LinkedSource[] {
  if (networkModeKind(record.spec.connection.networkMode) !== 'bridge') return [];
  const linked: LinkedSource[] = [];
  for (const link of record.links) {
    const source = context.containers.get(link.sourceId);
    if (!source) continue;
    if (source.state.status !== 'running' && source.state.status !== 'paused') {
      throw invalid(`Cannot link to a non running container: /${source.name} AS /${record.name}/${link.alias}`);
    }
    linked.push({ link, source });
  }
  return linked;
}

function joinRequest(context: EngineContext, record: ContainerRecord, linked: readonly LinkedSource[]): Parameters<EngineContext['network']['join']>[0] {
  const { connection, process, host } = record.spec;
  const paths = containerPaths(context.config.dataRoot, record.id);
  const kind = networkModeKind(connection.networkMode);
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: process.hostname,
    domainname: process.domainname,
    // Disconnected from the network that is none, it can be connected to others.
    mode: kind === 'host' ? 'host' : kind === 'none' && record.connections.some(({ networkName }) => networkName === 'none') ? 'none' : 'networks',
    connections: record.connections,
    exposedPorts: connection.exposedPorts.map(parsePort),
    portBindings: connection.portBindings,
    publishAllPorts: connection.publishAllPorts,
    dns: connection.dns,
    dnsSearch: connection.dnsSearch,
    dnsOptions: connection.dnsOptions,
    extraHosts: connection.extraHosts,
    links: linked.map(({ link, source }) => ({ ...link, sourceName: source.name, ports: source.spec.connection.exposedPorts.map(parsePort) })),
    macAddress: connection.macAddress,
    sysctls: Object.fromEntries(Object.entries(host.sysctls).filter(([name]) => name.startsWith('net.'))),
    files: { hosts: paths.hosts, resolvConf: paths.resolvConf, hostname: paths.hostname },
  };
}

/** Whose network it shares: the one that NetworkMode names, or whoever that one shares it from. Docker's refusals. */
function joinedContainer(context: EngineContext, record: ContainerRecord): ContainerRecord {
  const named = runningJoined(context, record, joinedContainerRef(record.spec.connection.networkMode));
  const owner = networkOwnerId(context, named);
  return owner === undefined ? named : runningJoined(context, record, owner);
}

/** As it shares now: whose network it is by id, as names go to others, and the hostname and domain of that one. */
function sharing(record: ContainerRecord, owner: ContainerRecord): ContainerRecord {
  const { process, connection } = record.spec;
  const { hostname, domainname } = owner.spec.process;
  const named = joinedContainerRef(connection.networkMode);
  const networkMode = owner.id.startsWith(named) || owner.name === named ? `container:${owner.id}` : connection.networkMode;
  return { ...record, networkOwnerId: owner.id, spec: { ...record.spec, process: { ...process, hostname, domainname }, connection: { ...connection, networkMode } } };
}

function runningJoined(context: EngineContext, record: ContainerRecord, ref: string): ContainerRecord {
  const joined = context.containers.tryFind(ref);
  if (!joined) throw notFound(`joining network namespace of container: No such container: ${ref}`);
  if (joined.id === record.id) throw invalid('cannot join own network namespace');
  if (joined.state.status === 'restarting') {
    throw conflict(`cannot join network namespace of container: Container ${ref} is restarting, wait until the container is running`);
  }
  if (joined.state.status !== 'running' && joined.state.status !== 'paused') {
    throw conflict(`cannot join network namespace of a non running container: container ${joined.name} is ${joined.state.status}`);
  }
  return joined;
}

/** The namespace of the joined container; null where that one is on the host's network. */
function joinedNetns(context: EngineContext, joined: ContainerRecord): string | null {
  const sandbox = context.network.sandbox(joined.id);
  if (!sandbox) throw conflict(`cannot join network namespace of a non running container: container ${joined.name} has none`);
  return sandbox.mode === 'host' ? null : sandbox.netns;
}

function requireInit(path: string): string {
  if (path === '') throw new CausewayError('system', 'docker-init is not installed: install tini (apt-get install tini) or start the container without --init');
  return path;
}

/** Volumes with type and device options are mounted by the runtime, for each container: nothing stays mounted between runs. */
function runtimeMounts(context: EngineContext, record: ContainerRecord): MountPoint[] {
  return record.mounts.map((mount) => {
    const options = mount.type === 'volume' ? context.volumes.get(mount.name)?.options : undefined;
    const device = options?.['device'];
    if (options === undefined || device === undefined) return mount;
    const type = options['type'] ?? 'none';
    if (type === 'tmpfs') return { ...mount, type: 'tmpfs', source: '', tmpfsOptions: options['o'] ?? '' };
    if (type === 'none' || type === 'bind') return { ...mount, type: 'bind', source: device };
    throw notImplemented(`error while mounting volume '${mount.name}': volumes of type ${type} are not supported: use type none with o=bind, or tmpfs`);
  });
}

/** All that is to be looked at of the host is there, or absent, before anything begins: where it does not answer, nobody waits for the runtime. Those that are files. */
async function answeringSources(context: EngineContext, record: ContainerRecord, mounts: readonly MountPoint[]): Promise<Set<string>> {
  const sources = mounts.filter(({ type }) => type !== 'tmpfs').map((mount) => subpathOf(mount, context.volumes).source);
  await Promise.all(mounts.map((mount) => subpathOf(mount, context.volumes)).filter(({ subpath }) => subpath !== '').map(({ source }) => context.sources.lookThrough(source)));
  const devices = record.spec.host.resources.devices.map(({ pathOnHost }) => pathOnHost).filter((path) => isAbsolute(path) && !path.startsWith('/dev/'));
  return new Set(await context.sources.filesAmong([...new Set([...sources, ...devices])]));
}

/** Of a volume of which only a path is wanted, that path as it is now, at a place of ours until the container has it. */
function withSubpaths(context: EngineContext, record: ContainerRecord, mounts: readonly MountPoint[], fileSources: Set<string>, undo: UndoStack): MountPoint[] {
  const directory = subpathsOf(context, record.id);
  unmountSubpaths(directory); // of a start that a crash cut off
  undo.push('subpaths', () => unmountSubpaths(directory));
  return mounts.map((mount) => {
    const { source, subpath } = subpathOf(mount, context.volumes);
    if (subpath === '') return mount;
    const { place, isFile } = mountSubpath(directory, source, subpath);
    if (isFile) fileSources.add(place);
    return { ...mount, source: place };
  });
}
