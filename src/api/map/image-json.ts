/** Images of the engine -> what the image routes show. */
import { ZERO_TIME } from '../../base/clock.ts';
import type { ImageConfig, ImageRecord } from '../../model/image.ts';
import type { ImageHistoryJson, ImageJson, ImageSummaryJson } from '../../wire/image.ts';
import type { ImageView } from '../backend/image.ts';
import { olderThan } from '../versions.ts';
import { toHealthcheckJson, toSet } from './container-json.ts';

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
    ...(older('1.44') ? { VirtualSize: record.sizeBytes } : {}),
  };
}

/** `containerConfig`: with the fields from before 1.45, whatever the version. */
export function toImageJson(
  view: ImageView,
  version: number,
  { storageDriver, containerConfig }: { storageDriver: string; containerConfig: boolean },
): ImageJson {
  const { record } = view;
  const older = (text: string) => olderThan(version, text);
  return {
    Id: record.id,
    RepoTags: record.repoTags,
    RepoDigests: record.repoDigests,
    Parent: record.parent,
    Comment: record.comment || (record.history.at(-1)?.comment ?? ''),
    ...createdField(record, older('1.44')),
    ...(older('1.45') || containerConfig ? { Container: '', ContainerConfig: toImageConfig(record.config, true) } : {}),
    DockerVersion: '',
    Author: record.author,
    Config: toImageConfig(record.config, older('1.50')),
    Architecture: record.architecture,
    ...(record.variant === '' ? {} : { Variant: record.variant }),
    Os: record.os,
    Size: record.sizeBytes,
    ...(older('1.44') ? { VirtualSize: record.sizeBytes } : {}),
    GraphDriver: { Data: Object.keys(view.graph).length > 0 ? view.graph : null, Name: storageDriver },
    RootFS: { Type: 'layers', ...(record.diffIds.length > 0 ? { Layers: record.diffIds } : {}) },
    Metadata: { LastTagTime: record.lastTaggedAt || ZERO_TIME },
  };
}

function createdField(record: ImageRecord, always: boolean): { Created?: string } {
  if (record.createdAt !== '') return { Created: record.createdAt };
  return always ? { Created: ZERO_TIME } : {};
}

/** Before 1.50 the empty fields of a container's Config stood here too. */
function toImageConfig(config: ImageConfig, legacy: boolean): Record<string, unknown> {
  const image: Record<string, unknown> = {};
  if (legacy) {
    Object.assign(image, {
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
    });
  } else {
    if (config.user !== '') image['User'] = config.user;
    if (config.env.length > 0) image['Env'] = config.env;
    if (config.cmd && config.cmd.length > 0) image['Cmd'] = config.cmd;
    if (config.volumes.length > 0) image['Volumes'] = toSet(config.volumes);
    if (config.workingDir !== '') image['WorkingDir'] = config.workingDir;
    if (config.entrypoint && config.entrypoint.length > 0) image['Entrypoint'] = config.entrypoint;
    if (config.onBuild && config.onBuild.length > 0) image['OnBuild'] = config.onBuild;
    if (Object.keys(config.labels).length > 0) image['Labels'] = config.labels;
  }
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
