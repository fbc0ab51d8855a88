/** `create`: decides everything, then makes the rootfs and the record; a failure leaves nothing behind. */
import { mkdir, rm } from 'node:fs/promises';
import { formatTimeNs, ZERO_TIME } from '../../base/clock.ts';
import { errorMessage, invalid } from '../../base/errors.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';
import type { ContainerRecord, ContainerSpec, ContainerState, Link } from '../../model/container.ts';
import type { MountPoint } from '../../model/mount.ts';
import { newId, shortId } from '../../model/ids.ts';
import { copyUp } from '../../image/copy-up.ts';
import { parseLink } from '../../network/links/parse-link.ts';
import { possibleLimits } from '../../oci/possible-limits.ts';
import { checkConfinement } from '../../oci/spec-check.ts';
import type { EngineContext } from '../engine-context.ts';
import { resolveMounts, subpathOf, type MountContext } from '../volume/container-mounts.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { followName } from './followed-links.ts';
import { checkLogOptions } from './log-options.ts';
import { checkImageShare, commandOf, mergeImage, oddPortWarnings } from './image-defaults.ts';
import { rememberNames } from './known-names.ts';
import { connectionsOf, joinedContainerRef, networkModeKind } from './network-mode.ts';
import { checkRestartPolicy } from './restart-policy.ts';

const NEW_STATE: ContainerState = {
  status: 'created',
  pid: 0,
  exitCode: 0,
  error: '',
  oomKilled: false,
  startedAt: ZERO_TIME,
  finishedAt: ZERO_TIME,
  health: null,
};

export async function createContainer(context: EngineContext, wantedName: string, asked: ContainerSpec): Promise<{ id: string; warnings: string[] }> {
  const { config, images, containers, names, network, rootfs } = context;
  const image = images.get(asked.image);
  checkImageShare(asked.image, image.config);
  const id = newId();
  checkRestartPolicy(asked.host.restartPolicy, asked.host.autoRemove);
  const { limits, warnings } = possibleLimits(asked.host.resources);
  const wanted = mergeImage(asked, image.config);
  const merged = completeSpec(context, { ...wanted, host: { ...wanted.host, resources: limits } }, id);
  checkLogOptions(merged.host.logConfig.config);
  const { path, args } = commandOf(merged.process);
  checkConfinement(merged);
  const { runtime } = merged.host;
  if (runtime !== '' && runtime !== 'io.containerd.runc.v2' && !config.runtimeNames.includes(runtime)) {
    throw invalid(`unknown or invalid runtime name: ${runtime}`);
  }
  const { name, release } = names.reserve(wantedName, id);
  try {
    const links = resolveLinks(context, merged);
    const connections = connectionsOf(merged.connection, network);
    for (const connection of connections) {
      if (connection.networkId !== '') network.checkConnection(connection);
    }
    const created = await withUndo(
      async (undo) => {
        const paths = containerPaths(config.dataRoot, id);
        await mkdir(paths.dir, { recursive: true, mode: 0o710 });
        undo.push('container files', () => rm(paths.dir, { recursive: true, force: true }));
        await rootfs.create(id, image);
        undo.push('root filesystem', () => rootfs.remove(id));
        // The disk works while the rest is thought out.
        const settled = rootfs.settle(id);
        settled.catch(() => {});
        const mounts = await resolveMounts(merged, { sources: context.sources, volumes: volumesFor(context, id, undo), findContainer: (ref) => findOther(context, ref) });
        await fillVolumes(context, id, mounts);
        const record: ContainerRecord = {
          id,
          name,
          createdAt: formatTimeNs(context.clock.nowNs()),
          imageId: image.id,
          spec: merged,
          path,
          args,
          state: NEW_STATE,
          restartCount: 0,
          stoppedByUser: false,
          mounts,
          connections,
          links,
        };
        await rememberNames(context, record);
        undo.push('names', () => network.forget(id));
        await settled;
        const kept = context.volumes.keeping(mounts.map((mount) => mount.name));
        await containers.add(record, kept.changes);
        kept.done();
        publishContainerEvent(context.events, record, 'create');
        return record;
      },
      (failure) => context.log.warn({ container: id, step: failure.name, error: errorMessage(failure.error) }, 'undo failed'),
    );
    await followName(context, created).catch((error: unknown) => context.log.warn({ container: id, error: errorMessage(error) }, 'links do not follow a new container'));
    return { id, warnings: [...warnings, ...oddPortWarnings(image.config)] };
  } finally {
    release();
  }
}

/** Volumes that are made for the container go with it if it cannot be made, each from the moment it is there. */
function volumesFor({ volumes }: EngineContext, id: string, undo: UndoStack): MountContext['volumes'] {
  return {
    create: async (spec) => {
      const volume = await volumes.create({ ...spec, madeFor: id });
      if (volume.madeFor === id) undo.push(`volume ${volume.name}`, () => volumes.remove(volume.name, true));
      return volume;
    },
  };
}

/** Empty volumes get what the image has at their place. */
async function fillVolumes(context: EngineContext, id: string, mounts: readonly MountPoint[]): Promise<void> {
  const wanted = mounts.filter((mount) => mount.type === 'volume' && !mount.noCopy);
  if (wanted.length === 0) return;
  for (const mount of wanted) await context.sources.lookThrough(subpathOf(mount, context.volumes).source); // so that none is looked into that does not answer
  const root = context.rootfs.mount(id);
  try {
    for (const mount of wanted) await copyUp(root, { ...subpathOf(mount, context.volumes), destination: mount.destination, readonly: false });
  } finally {
    context.rootfs.unmount(id);
  }
}

/** Fills in what only the engine knows: hostname, the joined container's id, defaults of the daemon. */
function completeSpec(context: EngineContext, spec: ContainerSpec, id: string): ContainerSpec {
  const { networkMode } = spec.connection;
  const kind = networkModeKind(networkMode);
  let mode = networkMode === '' ? 'default' : networkMode;
  let hostname = spec.process.hostname;
  if (kind === 'container') {
    // One that is not there is refused at start, as Docker does it.
    const joined = context.containers.tryFind(joinedContainerRef(networkMode));
    if (joined) mode = `container:${joined.id}`;
    hostname = joined?.spec.process.hostname ?? shortId(id);
  } else if (hostname === '') {
    hostname = kind === 'host' || spec.host.utsMode === 'host' ? context.config.hostname : shortId(id);
  }
  const logType = spec.host.logConfig.type || context.config.logDriver;
  if (!['json-file', 'local', 'none', 'k8s-file'].includes(logType)) {
    throw invalid(`logger: no log driver named '${logType}' is registered`);
  }
  return {
    ...spec,
    process: { ...spec.process, hostname },
    host: {
      ...spec.host,
      runtime: spec.host.runtime,
      shmSizeBytes: spec.host.shmSizeBytes || context.config.shmSizeBytes,
      // The daemon's options are of its own driver.
      logConfig: { type: logType, config: { ...(logType === context.config.logDriver ? context.config.logOptions : {}), ...spec.host.logConfig.config } },
    },
    connection: { ...spec.connection, networkMode: mode },
  };
}

/** Another container that this one needs. Not `notFound`: clients would take that for a missing image and pull it. */
function findOther(context: EngineContext, ref: string, what = ''): ContainerRecord {
  const found = context.containers.tryFind(ref);
  if (!found) throw invalid(`${what}No such container: ${ref}`);
  return found;
}

/** Links of a container on the default bridge; elsewhere HostConfig.Links says nothing. */
function resolveLinks(context: EngineContext, spec: ContainerSpec): Link[] {
  const kind = networkModeKind(spec.connection.networkMode);
  if (kind === 'user' || spec.connection.links.length === 0) return [];
  const links = spec.connection.links.map((text) => {
    const { source: ref, alias } = parseLink(text);
    let source = findOther(context, ref, `could not get container for ${ref}: `);
    const through = source.spec.connection.networkMode;
    if (networkModeKind(through) === 'container') {
      source = findOther(context, joinedContainerRef(through));
    }
    if (networkModeKind(source.spec.connection.networkMode) === 'host') {
      throw invalid('conflicting options: host type networking can\'t be used with links. This would result in undefined behavior');
    }
    return { sourceId: source.id, sourceName: source.name, alias };
  });
  // Said twice is said once; one alias for two sources is two links.
  return links.filter((link, index) => links.findIndex((one) => one.sourceId === link.sourceId && one.alias === link.alias) === index);
}
