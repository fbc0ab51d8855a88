/** cp, export, diff, commit. */
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { notFound } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { exportRootfs, type ArchiveRoot, type PathStat, type RootMount } from '../../image/archive.ts';
import { resolveUser } from '../../oci/user.ts';
import type { EngineContext } from '../engine-context.ts';
import { subpathOf } from '../volume/container-mounts.ts';
import { publishContainerEvent } from './container-events.ts';
import { containerPaths } from './container-paths.ts';
import { pauseContainer, unpauseContainer, isUp } from './container-stop.ts';
import { withRootfs } from './container-views.ts';
import { networkOwnerId } from './shared-network.ts';

/** A container's files as it sees them: its root, and what is mounted in it. */
function viewOf(context: EngineContext, record: ContainerRecord, root: string): ArchiveRoot {
  const mounts = record.mounts.filter((mount) => mount.type !== 'tmpfs').map((mount) => ({ ...subpathOf(mount, context.volumes), destination: mount.destination, readonly: !mount.rw }));
  return { root, mounts: [...networkFiles(context, record), ...mounts], containerName: record.name };
}

/** What the engine itself mounts, from the first start on; where the user has mounted something, his is seen. */
function networkFiles(context: EngineContext, record: ContainerRecord): RootMount[] {
  const { hosts, hostname, resolvConf } = containerPaths(context.config.dataRoot, networkOwnerId(context, record) ?? record.id);
  const files = [[hosts, '/etc/hosts'], [hostname, '/etc/hostname'], [resolvConf, '/etc/resolv.conf']] as const;
  return files
    .filter(([source, destination]) => existsSync(source) && !record.mounts.some((mount) => mount.destination === destination))
    .map(([source, destination]) => ({ source, destination, readonly: record.spec.host.readonlyRootfs }));
}

export function statContainerPath(context: EngineContext, ref: string, path: string): Promise<PathStat> {
  const record = context.containers.find(ref);
  return withRootfs(context, record, (root) => context.archives.stat(viewOf(context, record, root), path));
}

export function getContainerArchive(context: EngineContext, ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
  const record = context.containers.find(ref);
  return streamFrom(context, record, (root) => context.archives.get(viewOf(context, record, root), path), (result) => result.tar);
}

export async function putContainerArchive(
  context: EngineContext,
  ref: string,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
): Promise<void> {
  const record = context.containers.find(ref);
  await withRootfs(context, record, async (root) => {
    context.copies.add(record.id, tar);
    const user = options.copyUidGid ? await resolveUser(root, { user: record.spec.process.user, groupAdd: [], container: record.name }) : null;
    const owner = user && { uid: user.uid, gid: user.gid };
    return context.archives.put(viewOf(context, record, root), path, tar, {
      noOverwriteDirNonDir: options.noOverwriteDirNonDir,
      owner,
      readonlyRootfs: record.spec.host.readonlyRootfs,
    });
  });
  publishContainerEvent(context.events, record, 'extract-to-dir');
}

export async function exportContainer(context: EngineContext, ref: string): Promise<Readable> {
  const record = context.containers.find(ref);
  const result = await streamFrom(context, record, async (root) => ({ tar: await exportRootfs(root, record.name) }), ({ tar }) => tar);
  publishContainerEvent(context.events, record, 'export');
  return result.tar;
}

/** The rootfs of a stopped container stays mounted until the stream has ended. */
function streamFrom<T>(context: EngineContext, record: ContainerRecord, open: (root: string) => Promise<T>, tarOf: (result: T) => Readable): Promise<T> {
  return new Promise((resolve, reject) => {
    withRootfs(context, record, async (root) => {
      const result = await open(root);
      resolve(result);
      context.copies.add(record.id, tarOf(result));
      await finished(tarOf(result)).catch(() => {}); // a client that left is no fault
    }).catch(reject);
  });
}

export async function containerChanges(context: EngineContext, ref: string): Promise<{ kind: 0 | 1 | 2; path: string }[]> {
  const record = context.containers.find(ref);
  const own = new Set(record.mounts.map((mount) => mount.destination));
  return (await context.rootfs.changes(record.id)).filter((change) => !own.has(change.path));
}

export async function commitContainer(
  context: EngineContext,
  ref: string,
  options: { repo: string; tag: string; comment: string; author: string; pause: boolean; changes: readonly string[] },
): Promise<string> {
  const record = context.containers.find(ref);
  const base = context.images.byId(record.imageId);
  if (!base) throw notFound(`No such image: ${record.imageId}`);
  const pause = options.pause && isUp(record) && record.state.status !== 'paused';
  if (pause) await pauseContainer(context, record.id);
  try {
    const { process, connection } = record.spec;
    const id = await context.images.commitLayer({
      base,
      upperDir: context.rootfs.upperDir(record.id),
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
      ref: options.repo === '' ? '' : `${options.repo}:${options.tag || 'latest'}`,
      comment: options.comment,
      author: options.author,
      changes: options.changes,
      createdBy: [record.path, ...record.args].join(' '),
    });
    publishContainerEvent(context.events, record, 'commit', { comment: options.comment, imageID: id, imageRef: options.repo });
    return id;
  } finally {
    if (pause) await unpauseContainer(context, record.id);
  }
}
