/** cp, export, diff, commit. */
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { conflict, notFound } from '../../base/errors.ts';
import type { ContainerRecord } from '../../model/container.ts';
import { exportRootfs, getArchive, putArchive, statPath, type PathStat } from '../../image/archive.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { pauseContainer, unpauseContainer, isUp } from './container-stop.ts';
import { withRootfs } from './container-views.ts';

export function statContainerPath(context: EngineContext, ref: string, path: string): Promise<PathStat> {
  return withRootfs(context, context.table.find(ref), (root) => statPath(root, path));
}

export function getContainerArchive(context: EngineContext, ref: string, path: string): Promise<{ stat: PathStat; tar: Readable }> {
  return streamFrom(context, context.table.find(ref), (root) => getArchive(root, path), (result) => result.tar);
}

export async function putContainerArchive(
  context: EngineContext,
  ref: string,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
): Promise<void> {
  const record = context.table.find(ref);
  const target = record.mounts.find((mount) => !mount.rw && (path === mount.destination || path.startsWith(`${mount.destination}/`)));
  if (target || (record.spec.host.readonlyRootfs && !record.mounts.some((mount) => mount.rw && path.startsWith(mount.destination)))) {
    throw conflict('container rootfs is marked read-only');
  }
  await withRootfs(context, record, (root) => putArchive(root, path, tar, options));
  publishContainerEvent(context.events, record, 'extract-to-dir');
}

export async function exportContainer(context: EngineContext, ref: string): Promise<Readable> {
  const record = context.table.find(ref);
  const result = await streamFrom(context, record, async (root) => ({ tar: await exportRootfs(root) }), ({ tar }) => tar);
  publishContainerEvent(context.events, record, 'export');
  return result.tar;
}

/** The rootfs of a stopped container stays mounted until the stream has ended. */
function streamFrom<T>(context: EngineContext, record: ContainerRecord, open: (root: string) => Promise<T>, tarOf: (result: T) => Readable): Promise<T> {
  return new Promise((resolve, reject) => {
    withRootfs(context, record, async (root) => {
      const result = await open(root);
      resolve(result);
      await finished(tarOf(result)).catch(() => {}); // a client that left is no fault
    }).catch(reject);
  });
}

export async function containerChanges(context: EngineContext, ref: string): Promise<{ kind: 0 | 1 | 2; path: string }[]> {
  const record = context.table.find(ref);
  const own = new Set(record.mounts.map((mount) => mount.destination));
  return (await context.rootfs.changes(record.id)).filter((change) => !own.has(change.path));
}

export async function commitContainer(
  context: EngineContext,
  ref: string,
  options: { repo: string; tag: string; comment: string; author: string; pause: boolean; changes: readonly string[] },
): Promise<string> {
  const record = context.table.find(ref);
  const base = context.images.find(record.imageId);
  if (!base) throw notFound(`No such image: ${record.imageId}`);
  const pause = options.pause && isUp(record) && record.state.status !== 'paused';
  if (pause) await pauseContainer(context, record.id);
  try {
    const id = await context.images.commitContainer({
      base,
      record,
      upperDir: context.rootfs.upperDir(record.id),
      reference: options.repo === '' ? '' : `${options.repo}:${options.tag || 'latest'}`,
      comment: options.comment,
      author: options.author,
      changes: options.changes,
    });
    publishContainerEvent(context.events, record, 'commit', { comment: options.comment, imageID: id, imageRef: options.repo });
    return id;
  } finally {
    if (pause) await unpauseContainer(context, record.id);
  }
}
