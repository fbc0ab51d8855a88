/** Volumes. */
import { notImplemented } from '../../base/errors.ts';
import { volumeCreateSchema, type VolumeJson, type VolumesJson, type VolumesPrunedJson } from '../../wire/volume.ts';
import type { VolumeView } from '../backend/volume.ts';
import { MAX_LABELS_JSON_BYTES, type Call } from '../call.ts';
import { readFilters } from '../filters.ts';
import { listEntries } from '../list-entries.ts';
import type { RouteTable } from '../route-table.ts';
import { validateLabels } from '../validate-labels.ts';

export function addVolumeRoutes(routes: RouteTable): void {
  routes.add('GET', '/volumes', listVolumes);
  routes.add('GET', '/volumes/:name', inspectVolume);
  routes.add('POST', '/volumes/create', createVolume);
  routes.add('POST', '/volumes/prune', pruneVolumes);
  routes.add('DELETE', '/volumes/:name', removeVolume);
}

export function toVolumeJson(view: VolumeView, withUsage: boolean): VolumeJson {
  const { record } = view;
  const usage = withUsage ? { UsageData: { RefCount: view.refCount, Size: view.sizeBytes } } : {};
  return {
    CreatedAt: record.createdAt.replace(/\.\d+/, ''),
    Driver: record.driver,
    Labels: Object.keys(record.labels).length > 0 ? record.labels : null,
    Mountpoint: record.mountpoint,
    Name: record.name,
    Options: Object.keys(record.options).length > 0 ? record.options : null,
    Scope: 'local',
    ...usage,
  };
}

async function listVolumes(call: Call): Promise<void> {
  const views = await call.backend.volumes.listVolumes(readFilters('volumes', call.query.text('filters')));
  call.reply(200, {
    Volumes: listEntries(call, views, (view) => toVolumeJson(view, false)),
    Warnings: null,
  } satisfies VolumesJson);
}

async function inspectVolume(call: Call): Promise<void> {
  call.reply(200, toVolumeJson(await call.backend.volumes.inspectVolume(call.name), false));
}

async function createVolume(call: Call): Promise<void> {
  const request = await call.json(volumeCreateSchema, 'volume.CreateOptions', { maxBytes: MAX_LABELS_JSON_BYTES });
  validateLabels(request.Labels);
  if (request.ClusterVolumeSpec !== null) throw notImplemented('This engine has no cluster volumes.');
  const view = await call.backend.volumes.createVolume({
    name: request.Name,
    driver: request.Driver,
    labels: request.Labels,
    options: request.DriverOpts,
  });
  call.reply(201, toVolumeJson(view, false));
}

async function removeVolume(call: Call): Promise<void> {
  await call.backend.volumes.removeVolume(call.name, call.query.flag('force'));
  call.replyEmpty(204);
}

async function pruneVolumes(call: Call): Promise<void> {
  const filters = { ...readFilters('volumesPrune', call.query.text('filters')) };
  // Named volumes have been spared since 1.42, unless all=true says otherwise.
  if (call.olderThan('1.42')) filters['all'] = ['true'];
  const report = await call.backend.volumes.pruneVolumes(filters);
  call.reply(200, {
    VolumesDeleted: report.deleted.length > 0 ? report.deleted : null,
    SpaceReclaimed: report.spaceReclaimedBytes,
  } satisfies VolumesPrunedJson);
}
