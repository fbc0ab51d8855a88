/** `create`: decides everything, then makes the rootfs and the record; a failure leaves nothing behind. */
import { mkdir, rm } from 'node:fs/promises';
import { formatTimeNs, ZERO_TIME, type Clock } from '../../base/clock.ts';
import { errorMessage, invalid } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { withUndo, type UndoStack } from '../../base/undo.ts';
import type { ContainerRecord, ContainerSpec, ContainerState, Link } from '../../model/container.ts';
import { newId, shortId } from '../../model/ids.ts';
import { checkLogConfig } from '../../model/log-config.ts';
import type { Platform } from '../../model/platform.ts';
import { parseLink } from '../../network/links/parse-link.ts';
import type { MountSources } from '../../oci/mount-sources.ts';
import { possibleLimits } from '../../oci/possible-limits.ts';
import { checkConfinement, confinementWarnings } from '../../oci/spec-check.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { ContainerRootfs, Images, KnownContainers, Networks } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { resolveMounts, type MountContext } from '../volume/container-mounts.ts';
import type { VolumeService } from '../volume/volume-service.ts';
import { publishContainerEvent } from './container-events.ts';
import { logAttributes } from './container-logs.ts';
import type { NameReservations } from './container-name.ts';
import { containerPaths } from './container-paths.ts';
import type { ContainerTable } from './container-table.ts';
import { followName, type FollowNeeds } from './followed-links.ts';
import { furnish } from './furnish.ts';
import { foreignPlatformWarnings } from './foreign-platform.ts';
import { checkImageShare, commandOf, mergeImage, oddPortWarnings } from './image-defaults.ts';
import { rememberNames } from './known-names.ts';
import { cgroupnsModeOf } from './cgroupns-mode.ts';
import { checkEndpointConfigs } from '../network/endpoint-configs.ts';
import { connectionsOf, joinedContainerRef, networkModeKind } from './network-mode.ts';
import { checkRestartPolicy } from './restart-policy.ts';

type Volumes = Pick<VolumeService, 'create' | 'remove' | 'release' | 'keeping' | 'get'>;

export type CreateNeeds = FollowNeeds & {
  readonly config: Pick<
    EngineConfig,
    | 'dataRoot'
    | 'runtimeNames'
    | 'hostname'
    | 'shmSizeBytes'
    | 'ipcMode'
    | 'cgroupMode'
    | 'cgroupnsMode'
    | 'logDriver'
    | 'logOptions'
  >;
  readonly containers: Pick<ContainerTable, 'add' | 'tryFind'>;
  readonly names: Pick<NameReservations, 'reserve'>;
  readonly images: Pick<Images, 'get'>;
  readonly rootfs: Pick<
    ContainerRootfs,
    'create' | 'settle' | 'mount' | 'unmount' | 'remove' | 'certainlyHasDirectory'
  >;
  readonly network: KnownContainers & Pick<Networks, 'networks'>;
  readonly volumes: Volumes;
  readonly sources: Pick<MountSources, 'look' | 'lookThrough' | 'isThere' | 'make'>;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
};

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

export async function createContainer(
  needs: CreateNeeds,
  wantedName: string,
  asked: ContainerSpec,
  platform?: Platform,
): Promise<{ id: string; warnings: string[] }> {
  const { config, images, containers, names, network, rootfs } = needs;
  const image = images.get(asked.image, platform);
  checkImageShare(asked.image, image.config);
  const id = newId();
  checkRestartPolicy(asked.host.restartPolicy, asked.host.autoRemove);
  const { limits, warnings } = possibleLimits(asked.host.resources);
  const wanted = mergeImage(asked, image.config);
  const merged = completeSpec(needs, { ...wanted, host: { ...wanted.host, resources: limits } }, id);
  const { path, args } = commandOf(merged.process);
  // What a log driver would refuse the start for is refused now, and an invalid tag as soon as there is a name.
  checkLogConfig(merged.host.logConfig.type, merged.host.logConfig.config);
  checkConfinement(merged);
  const { runtime } = merged.host;
  if (runtime !== '' && runtime !== 'io.containerd.runc.v2' && !config.runtimeNames.includes(runtime)) {
    throw invalid(`unknown or invalid runtime name: ${runtime}`);
  }
  checkEndpointConfigs(merged.connection.networks, network);
  const { name, release } = names.reserve(wantedName, id);
  try {
    const createdAt = formatTimeNs(needs.clock.nowNs());
    await logAttributes({ id, name, imageId: image.id, path, args, createdAt, spec: merged }, config);
    const links = resolveLinks(needs, merged);
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
        const mounts = await resolveMounts(merged, {
          dataRoot: config.dataRoot,
          sources: needs.sources,
          images,
          volumes: volumesFor(needs.volumes, id, undo),
          findContainer: (ref) => findOther(needs, ref),
        });
        await furnish(needs, { id, mounts, workingDir: merged.process.workingDir });
        const record: ContainerRecord = {
          id,
          name,
          createdAt,
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
        await rememberNames(needs.network, record);
        undo.push('names', () => network.forget(id));
        await settled;
        const kept = needs.volumes.keeping(mounts.map((mount) => mount.name));
        await containers.add(record, kept.changes);
        kept.done();
        publishContainerEvent(needs.events, record, 'create');
        return record;
      },
      (failure) =>
        needs.log.warn({ container: id, step: failure.name, error: errorMessage(failure.error) }, 'undo failed'),
    );
    await followName(needs, created).catch((error: unknown) =>
      needs.log.warn({ container: id, error: errorMessage(error) }, 'links do not follow a new container'),
    );
    const foreign = platform ? [] : foreignPlatformWarnings(image);
    const mountsImage = merged.host.mounts.some(({ type }) => type === 'image');
    return {
      id,
      warnings: [
        ...warnings,
        ...confinementWarnings(merged),
        ...oddPortWarnings(image.config),
        ...foreign,
        ...(mountsImage ? ['Image mount is an experimental feature'] : []),
      ],
    };
  } finally {
    needs.volumes.release(id);
    release();
  }
}

/** Volumes that are made for the container go with it if it cannot be made, each from the moment it is there. */
function volumesFor(volumes: Volumes, id: string, undo: UndoStack): MountContext['volumes'] {
  return {
    create: async (spec) => {
      const volume = await volumes.create({ ...spec, madeFor: id });
      if (volume.madeFor === id) {
        undo.push(`volume ${volume.name}`, () => {
          volumes.release(id);
          return volumes.remove(volume.name, true);
        });
      }
      return volume;
    },
  };
}

/** Fills in what only the engine knows: hostname, the joined container's id, defaults of the daemon. */
function completeSpec(
  needs: Pick<CreateNeeds, 'config' | 'containers'>,
  spec: ContainerSpec,
  id: string,
): ContainerSpec {
  const { networkMode } = spec.connection;
  const kind = networkModeKind(networkMode);
  let mode = networkMode === '' ? 'default' : networkMode;
  let hostname = spec.process.hostname;
  if (kind === 'container') {
    // A missing one is refused at start, as Docker does it.
    const joined = needs.containers.tryFind(joinedContainerRef(networkMode));
    if (joined) mode = `container:${joined.id}`;
    hostname = joined?.spec.process.hostname ?? shortId(id);
  } else if (hostname === '') {
    hostname = kind === 'host' || spec.host.utsMode === 'host' ? needs.config.hostname : shortId(id);
  }
  const logType = spec.host.logConfig.type || needs.config.logDriver;
  return {
    ...spec,
    process: { ...spec.process, hostname },
    host: {
      ...spec.host,
      runtime: spec.host.runtime,
      shmSizeBytes: spec.host.shmSizeBytes || needs.config.shmSizeBytes,
      ipcMode: joinedById(needs, spec.host.ipcMode) || needs.config.ipcMode,
      pidMode: joinedById(needs, spec.host.pidMode),
      cgroupnsMode: cgroupnsModeOf(spec.host, needs.config),
      // The daemon's options are of its own driver.
      logConfig: {
        type: logType,
        config: {
          ...(logType === needs.config.logDriver ? needs.config.logOptions : {}),
          ...spec.host.logConfig.config,
        },
      },
    },
    connection: { ...spec.connection, networkMode: mode },
  };
}

/** A container whose namespace is joined is remembered by its id: it may be renamed. @throws invalid where it is missing */
function joinedById(needs: Pick<CreateNeeds, 'containers'>, mode: string): string {
  return mode.startsWith('container:') ? `container:${findOther(needs, joinedContainerRef(mode)).id}` : mode;
}

/** Another container that this one needs. Not `notFound`: clients would take that for a missing image and pull it. */
function findOther(needs: Pick<CreateNeeds, 'containers'>, ref: string, what = ''): ContainerRecord {
  if (ref === '') throw invalid(`${what}invalid name or ID supplied: ""`);
  const found = needs.containers.tryFind(ref);
  if (!found) throw invalid(`${what}No such container: ${ref}`);
  return found;
}

/** Whose network a container is on: it may have joined one that has joined another's. @throws invalid for a circle */
function networkOwner(needs: Pick<CreateNeeds, 'containers'>, container: ContainerRecord): ContainerRecord {
  const seen = new Set<string>();
  let owner = container;
  while (networkModeKind(owner.spec.connection.networkMode) === 'container') {
    if (seen.has(owner.id)) throw invalid(`container ${container.name} has joined its own network namespace`);
    seen.add(owner.id);
    owner = findOther(needs, joinedContainerRef(owner.spec.connection.networkMode));
  }
  return owner;
}

/** Links of a container on the default bridge; elsewhere HostConfig.Links has no effect. */
function resolveLinks(needs: Pick<CreateNeeds, 'containers'>, spec: ContainerSpec): Link[] {
  const kind = networkModeKind(spec.connection.networkMode);
  if (kind === 'user' || spec.connection.links.length === 0) return [];
  const links = spec.connection.links.map((text) => {
    const { source: ref, alias } = parseLink(text);
    const source = networkOwner(needs, findOther(needs, ref, `could not get container for ${ref}: `));
    if (networkModeKind(source.spec.connection.networkMode) === 'host') {
      throw invalid(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    }
    return { sourceId: source.id, sourceName: source.name, alias };
  });
  // Duplicates count once; one alias for two sources is two links; an empty one is none.
  return links.filter(
    (link, index) =>
      link.alias !== '' &&
      links.findIndex((one) => one.sourceId === link.sourceId && one.alias === link.alias) === index,
  );
}
