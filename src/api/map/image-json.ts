/** Images of the engine -> what the image routes show. */
import { ZERO_TIME } from '../../base/clock.ts';
import type { ImageConfig, ImageRecord } from '../../model/image.ts';
import type { ImageHistoryJson, ImageJson, ImageSummaryJson } from '../../wire/image.ts';
import { olderThan } from '../versions.ts';
import { toHealthcheckJson, toSet } from './container-json.ts';
import type { ImageView } from '../../model/views.ts';

export function toImageSummary(view: ImageView, version: number): ImageSummaryJson {
  const { record } = view;
  const older = (text: string) => olderThan(version, text);
  const unnamed = older('1.43') && record.repoTags.length === 0 && record.repoDigests.length === 0;
  return {
    Containers: older('1.51') ? -1 : view.containers,
    Created: unixSeconds(record.createdAt),
    Id: record.id,
    Labels: Object.keys(record.config.labels).length > 0 ? record.config.labels : null,
    ParentId: record.parent,
    RepoDigests: unnamed ? ['<none>@<none>'] : record.repoDigests,
    RepoTags: unnamed ? ['<none>:<none>'] : record.repoTags,
    SharedSize: view.sharedSizeBytes,
    Size: record.sizeBytes,
    VirtualSize: record.sizeBytes,
  };
}

export function toImageJson(view: ImageView, version: number, storageDriver: string): ImageJson {
  const { record } = view;
  return {
    Id: record.id,
    RepoTags: record.repoTags,
    RepoDigests: record.repoDigests,
    Parent: record.parent,
    Comment: record.comment || (record.history.at(-1)?.comment ?? ''),
    ...createdField(record, olderThan(version, '1.44')),
    ContainerConfig: toImageConfig(record.config),
    DockerVersion: '',
    Author: record.author,
    Config: toImageConfig(record.config),
    Architecture: record.architecture,
    ...(record.variant === '' ? {} : { Variant: record.variant }),
    Os: record.os,
    Size: record.sizeBytes,
    VirtualSize: record.sizeBytes,
    GraphDriver: { Data: Object.keys(view.graph).length > 0 ? view.graph : null, Name: storageDriver },
    RootFS: { Type: 'layers', ...(record.diffIds.length > 0 ? { Layers: record.diffIds } : {}) },
    Metadata: { LastTagTime: record.lastTaggedAt || ZERO_TIME },
  };
}

function createdField(record: ImageRecord, always: boolean): { Created?: string } {
  if (record.createdAt !== '') return { Created: record.createdAt };
  return always ? { Created: ZERO_TIME } : {};
}

/** With the fields of a container's Config that stood here before 1.50, which are always empty. */
function toImageConfig(config: ImageConfig): Record<string, unknown> {
  const image: Record<string, unknown> = {
    Hostname: '',
    Domainname: '',
    User: config.user,
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: config.env.length > 0 ? config.env : null,
    Cmd: config.cmd,
    Image: '',
    Volumes: config.volumes.length > 0 ? toSet(config.volumes) : null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint,
    OnBuild: config.onBuild,
    Labels: Object.keys(config.labels).length > 0 ? config.labels : null,
  };
  if (config.exposedPorts.length > 0) image['ExposedPorts'] = toSet(config.exposedPorts);
  if (config.healthcheck) image['Healthcheck'] = toHealthcheckJson(config.healthcheck);
  if (config.argsEscaped) image['ArgsEscaped'] = true;
  if (config.stopSignal !== '') image['StopSignal'] = config.stopSignal;
  if (config.shell && config.shell.length > 0) image['Shell'] = config.shell;
  return image;
}

/**
 * Newest first. The lines have the ids and tags of the image and of those that it was made from, one after the other, as
 * far as these are here.
 */
export function toHistoryJson([record, ...ancestors]: readonly ImageRecord[]): ImageHistoryJson[] {
  if (!record) return [];
  let layer = 0;
  const lines = record.history.map((line) => ({
    Comment: line.comment,
    Created: line.createdAt === '' ? 0 : unixSeconds(line.createdAt),
    CreatedBy: line.createdBy,
    Id: '<missing>',
    Size: line.emptyLayer ? 0 : (record.layerSizesBytes[layer++] ?? 0),
    Tags: null as readonly string[] | null,
  }));
  lines.reverse();
  for (const [index, { id, repoTags }] of [record, ...ancestors].entries()) {
    const line = lines[index];
    if (!line) break;
    line.Id = id;
    line.Tags = repoTags.length > 0 ? repoTags : null;
  }
  return lines;
}

function unixSeconds(time: string): number {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1000);
}
