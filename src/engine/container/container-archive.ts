/** cp, export, diff, commit. */
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { errorKind, notFound } from '../../base/errors.ts';
import { exportRootfs, type ArchiveRoot, type RootMount } from '../../image/archive.ts';
import type { Archives } from '../../image/archives.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { familiarReference, parseReference } from '../../model/image-reference.ts';
import { resolveUser } from '../../oci/user.ts';
import type { EngineConfig } from '../engine-config.ts';
import { publishImageEvent } from '../image/image-events.ts';
import type { Images, RootfsContents } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { subpathOf } from '../volume/container-mounts.ts';
import type { VolumeService } from '../volume/volume-service.ts';
import { publishContainerEvent, publishVolumeEvents } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { pauseContainer, unpauseContainer, isUp, type PauseNeeds } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import { withRootfs, type RootNeeds } from './container-views.ts';
import type { RunFiles } from './run-files.ts';
import type { RunningCopies } from './running-copies.ts';
import { networkOwnerId } from './shared-network.ts';
import type { PathStat } from '../../model/path-stat.ts';

export type FilesNeeds = RootNeeds & {
  readonly config: Pick<EngineConfig, 'dataRoot'>;
  readonly containers: Pick<ContainerTable, 'find' | 'tryFind'>;
  readonly volumes: Pick<VolumeService, 'get'>;
  readonly archives: Pick<Archives, 'stat' | 'get' | 'put'>;
  readonly files: Pick<RunFiles, 'lendMounts'>;
  readonly copies: Pick<RunningCopies, 'add'>;
  readonly events: EventBus;
};

export interface ChangesNeeds {
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly rootfs: Pick<RootfsContents, 'changes'>;
}

export type CommitNeeds = PauseNeeds & {
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly images: Pick<Images, 'byId' | 'commitLayer'>;
  readonly rootfs: Pick<RootfsContents, 'upperDir'>;
};

/** A container's files as it sees them: its root, and what is mounted in it. Errors call it what the caller calls it. */
function viewOf(
  needs: FilesNeeds,
  record: ContainerRecord,
  root: string,
  ref: string,
  lent: readonly RootMount[],
): ArchiveRoot {
  const mounts = record.mounts
    .filter((mount) => mount.type !== 'tmpfs' && mount.type !== 'image')
    .map((mount) => ({ ...subpathOf(mount, needs.volumes), destination: mount.destination, readonly: !mount.rw }));
  return { root, mounts: [...networkFiles(needs, record), ...mounts, ...lent], containerName: ref };
}

/**
 * What the engine itself mounts, from the first start on; where the user has mounted something, the user's mount is
 * seen.
 */
function networkFiles(needs: FilesNeeds, record: ContainerRecord): RootMount[] {
  const { hosts, hostname, resolvConf } = containerPaths(
    needs.config.dataRoot,
    networkOwnerId(needs.containers, record) ?? record.id,
  );
  const files = [
    [hosts, '/etc/hosts'],
    [hostname, '/etc/hostname'],
    [resolvConf, '/etc/resolv.conf'],
  ] as const;
  return files
    .filter(
      ([source, destination]) =>
        existsSync(source) && !record.mounts.some((mount) => mount.destination === destination),
    )
    .map(([source, destination]) => ({ source, destination, readonly: record.spec.host.readonlyRootfs }));
}

export function statContainerPath(needs: FilesNeeds, ref: string, path: string): Promise<PathStat> {
  const record = needs.containers.find(ref);
  return withRootfs(needs, record, (root) =>
    withVolumes(needs, record, (lent) => needs.archives.stat(viewOf(needs, record, root, ref, lent), path)),
  );
}

/**
 * Docker mounts a container's volumes anew for a look at its files, and says so. What the engine mounts itself is lent
 * to `work`.
 */
async function withVolumes<T>(
  needs: FilesNeeds,
  record: ContainerRecord,
  work: (lent: readonly RootMount[]) => Promise<T>,
): Promise<T> {
  const lent = await needs.files.lendMounts(record);
  publishVolumeEvents(needs.events, 'mount', record);
  try {
    return await work(lent.mounts);
  } finally {
    lent.giveBack();
    publishVolumeEvents(needs.events, 'unmount', record);
  }
}

export function getContainerArchive(
  needs: FilesNeeds,
  ref: string,
  path: string,
): Promise<{ stat: PathStat; tar: Readable }> {
  const record = needs.containers.find(ref);
  let mounted: readonly RootMount[] = [];
  return streamFrom(
    needs,
    record,
    async (root) => {
      const result = await needs.archives.get(viewOf(needs, record, root, ref, mounted), path);
      publishContainerEvent(needs.events, record, 'archive-path');
      return result;
    },
    (result) => result.tar,
    (work) =>
      withVolumes(needs, record, (lent) => {
        mounted = lent;
        return work();
      }),
  );
}

export async function putContainerArchive(
  needs: FilesNeeds,
  ref: string,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
): Promise<void> {
  const record = needs.containers.find(ref);
  await withRootfs(needs, record, (root) =>
    withVolumes(needs, record, async (lent) => {
      needs.copies.add(record.id, tar);
      // Of a container whose user nobody chose, the owners in the archive stay.
      const { user: wanted } = record.spec.process;
      const user =
        options.copyUidGid && wanted !== ''
          ? await resolveUser(root, { user: wanted, groupAdd: [], container: record.name })
          : null;
      const owner = user && { uid: user.uid, gid: user.gid };
      await needs.archives.put(viewOf(needs, record, root, ref, lent), path, tar, {
        noOverwriteDirNonDir: options.noOverwriteDirNonDir,
        owner,
        readonlyRootfs: record.spec.host.readonlyRootfs,
      });
      publishContainerEvent(needs.events, record, 'extract-to-dir');
    }),
  );
}

export async function exportContainer(needs: FilesNeeds, ref: string): Promise<Readable> {
  const record = needs.containers.find(ref);
  const result = await streamFrom(
    needs,
    record,
    async (root) => ({ tar: await exportRootfs(root, record.name) }),
    ({ tar }) => tar,
  );
  publishContainerEvent(needs.events, record, 'export');
  return result.tar;
}

/** The rootfs of a stopped container stays mounted until the stream has ended. */
function streamFrom<T>(
  needs: FilesNeeds,
  record: ContainerRecord,
  open: (root: string) => Promise<T>,
  tarOf: (result: T) => Readable,
  around: (work: () => Promise<void>) => Promise<void> = (work) => work(),
): Promise<T> {
  return new Promise((resolve, reject) => {
    withRootfs(needs, record, (root) =>
      around(async () => {
        const result = await open(root);
        resolve(result);
        needs.copies.add(record.id, tarOf(result));
        await finished(tarOf(result)).catch(() => {}); // a client that left is no fault
      }),
    ).catch(reject);
  });
}

export async function containerChanges(needs: ChangesNeeds, ref: string): Promise<{ kind: 0 | 1 | 2; path: string }[]> {
  const record = needs.containers.find(ref);
  const own = new Set(record.mounts.map((mount) => mount.destination));
  return (await needs.rootfs.changes(record.id)).filter((change) => !own.has(change.path));
}

export async function commitContainer(
  needs: CommitNeeds,
  ref: string,
  options: { repo: string; tag: string; comment: string; author: string; pause: boolean; changes: readonly string[] },
): Promise<string> {
  const record = needs.containers.find(ref);
  const base = needs.images.byId(record.imageId);
  if (!base) throw notFound(`No such image: ${record.imageId}`);
  const pause = options.pause && (await pausedForCopy(needs, record));
  try {
    const { process, connection } = record.spec;
    const ref = options.repo === '' ? '' : `${options.repo}:${options.tag || 'latest'}`;
    const id = await needs.images.commitLayer({
      base,
      upperDir: needs.rootfs.upperDir(record.id),
      config: {
        user: process.user,
        env: process.env,
        entrypoint: process.entrypoint,
        cmd: process.cmd,
        workingDir: process.workingDir,
        exposedPorts: connection.exposedPorts,
        volumes: record.spec.volumes,
        labels: record.spec.labels,
        stopSignal: process.stopSignal,
        healthcheck: process.healthcheck,
        shell: record.spec.shell,
        onBuild: record.spec.onBuild,
      },
      ref,
      comment: options.comment,
      author: options.author,
      changes: options.changes,
      createdBy: [record.path, ...record.args].join(' '),
    });
    const image = needs.images.byId(id);
    const imageRef = ref === '' ? '' : familiarReference(parseReference(ref));
    if (image) {
      publishImageEvent(needs.events, 'create', image);
      if (imageRef !== '') publishImageEvent(needs.events, 'tag', image, imageRef);
    }
    publishContainerEvent(needs.events, record, 'commit', { comment: options.comment, imageID: id, imageRef });
    return id;
  } finally {
    if (pause) await unpauseContainer(needs, record.id).catch(ignoreThatItEnded);
  }
}

/** Or was unpaused or removed by another client. */
function ignoreThatItEnded(error: unknown): void {
  if (errorKind(error) !== 'conflict' && errorKind(error) !== 'notFound') throw error;
}

/** False: it does not run, is paused already, or has ended before it could be: then nothing writes to its files. */
async function pausedForCopy(needs: CommitNeeds, record: ContainerRecord): Promise<boolean> {
  if (!isUp(record) || record.state.status === 'paused') return false;
  try {
    await pauseContainer(needs, record.id);
    return true;
  } catch (error) {
    ignoreThatItEnded(error);
    return false;
  }
}
