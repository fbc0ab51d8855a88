/** `system df -v`: each image, container, volume and build cache, as four tables or as one object for a template. */
import { GoStruct, MethodSet } from '../../base/template/go-value.ts';
import { Template, TemplateError } from '../../base/template/template.ts';
import type { DiskUsageJson } from '../../wire/system.ts';
import { StatusError } from '../command/status-error.ts';
import { containerRow, containerShape } from '../container/listing.ts';
import { humanDuration } from '../format/duration.ts';
import { formatList, goTime, shortId, unescapeFormat, type ListShape, type Row } from '../format/list-output.ts';
import { humanSize } from '../format/size.ts';
import { imageRows, imageShape } from '../image/listing.ts';
import { printShown, shown } from '../terminal/output.ts';
import { volumeRow, volumeShape } from './volumes.ts';

/** Of build caches only other engines tell. */
interface BuildCache {
  readonly ID: string;
  readonly Parent?: string;
  readonly Type: string;
  readonly Description: string;
  readonly InUse: boolean;
  readonly Shared: boolean;
  readonly Size: number; // bytes
  readonly CreatedAt: string;
  readonly LastUsedAt?: string | null;
  readonly UsageCount: number;
}

export type DiskUsage = Omit<DiskUsageJson, 'BuildCache'> & { readonly BuildCache?: readonly BuildCache[] | null };

/** Bytes; what images have too is counted with them. */
export const cacheSize = (usage: DiskUsage): number =>
  (usage.BuildCache ?? []).reduce((total, { Size, Shared }) => total + (Shared ? 0 : Size), 0);

const cacheShape: ListShape = {
  type: '*formatter.buildCacheContext',
  headers: {
    ID: 'CACHE ID',
    Parent: 'PARENT',
    CacheType: 'CACHE TYPE',
    Size: 'SIZE',
    CreatedSince: 'CREATED',
    LastUsedSince: 'LAST USED',
    UsageCount: 'USAGE',
    InUse: 'IN USE',
    Shared: 'SHARED',
  },
};

const RAW = `{{range .Images}}type: Image
repository: {{.Repository}}
tag: {{.Tag}}
digest: {{.Digest}}
image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}

{{end -}}
{{range .Containers}}type: Container
container_id: {{.ID}}
image: {{.Image}}
command: {{.Command}}
created_at: {{.CreatedAt}}
state: {{- pad .State 1 0}}
status: {{- pad .Status 1 0}}
names: {{.Names}}
labels: {{- pad .Labels 1 0}}
ports: {{- pad .Ports 1 0}}
size: {{.Size}}

{{end -}}
{{range .Volumes}}type: Volume
name: {{.Name}}
driver: {{.Driver}}

{{end -}}
{{range .BuildCache}}type: Build Cache
build_cache_id: {{.ID}}
parent_id: {{.Parent}}
build_cache_type: {{.CacheType}}
description: {{.Description}}
created_at: {{.CreatedAt}}
created_since: {{.CreatedSince}}
last_used_at: {{.LastUsedAt}}
last_used_since: {{.LastUsedSince}}
usage_count: {{.UsageCount}}
in_use: {{.InUse}}
shared: {{.Shared}}

{{end -}}
`;

interface UsageRows {
  readonly images: readonly Row[];
  readonly containers: readonly Row[];
  readonly volumes: readonly Row[];
  readonly caches: readonly Row[];
}

/** `format`: that of `--format`; empty or "table" for the tables. @throws StatusError for a template that is none */
export function printVerboseUsage(usage: DiskUsage, format: string): void {
  const isTable = format === '' || format.startsWith('table');
  const rows = rowsOf(usage, isTable);
  if (format === '' || format === 'table') return printShown(tables(usage, rows));
  const template = parsed(
    format === 'raw' ? RAW : format === 'json' ? '{{json .}}' : unescapeFormat(format.replace(/^table/, '')),
  );
  try {
    printShown(template.execute(usageObject(rows), { show: shown }));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StatusError(error.message);
  }
}

function parsed(source: string): Template {
  try {
    return new Template(source);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new StatusError(`template parsing error: ${error.message}`);
  }
}

function rowsOf(usage: DiskUsage, truncate: boolean): UsageRows {
  return {
    images: (usage.Images ?? []).flatMap((image) =>
      imageRows([{ ...image, RepoTags: (image.RepoTags ?? []).slice(0, 1) }], { truncate, digests: false }),
    ),
    // The size of the image is not the container's.
    containers: (usage.Containers ?? []).map((container) => containerRow({ ...container, SizeRootFs: 0 }, truncate)),
    volumes: (usage.Volumes ?? []).map(volumeRow),
    caches: (usage.BuildCache ?? []).toSorted(byLastUse).map((cache) => cacheRow(cache, truncate)),
  };
}

function usageObject({ images, containers, volumes, caches }: UsageRows): GoStruct {
  const sets = (shape: ListShape, rows: readonly Row[]) => rows.map((row) => new MethodSet(shape.type, row));
  const fields = {
    Images: sets(
      imageShape,
      images.map((row) => ({ ...row, Digest: () => '' })),
    ),
    Containers: sets(containerShape, containers),
    Volumes: sets(volumeShape, volumes),
    BuildCache: sets(cacheShape, caches),
  };
  return new GoStruct('*formatter.diskUsageContext', new Map(Object.entries(fields)), fields);
}

/** What was used last comes last, what never was first. */
function byLastUse(a: BuildCache, b: BuildCache): number {
  const used = ({ LastUsedAt }: BuildCache) => (LastUsedAt ? new Date(LastUsedAt).getTime() : -Infinity);
  const [one, other] = [used(a), used(b)];
  return one === other ? (a.ID < b.ID ? -1 : 1) : one < other ? -1 : 1;
}

const ago = (time: string): string => `${humanDuration((Date.now() - new Date(time).getTime()) / 1000)} ago`;

function cacheRow(cache: BuildCache, truncate: boolean): Row {
  const id = truncate ? shortId(cache.ID) : cache.ID;
  return {
    CacheType: () => cache.Type,
    CreatedAt: () => goTime(new Date(cache.CreatedAt)),
    CreatedSince: () => ago(cache.CreatedAt),
    Description: () => cache.Description,
    ID: () => (cache.InUse ? `${id}*` : id),
    InUse: () => String(cache.InUse),
    LastUsedAt: () => (cache.LastUsedAt ? goTime(new Date(cache.LastUsedAt)) : ''),
    LastUsedSince: () => (cache.LastUsedAt ? ago(cache.LastUsedAt) : ''),
    Parent: () => cache.Parent ?? '',
    Shared: () => String(cache.Shared),
    Size: () => humanSize(cache.Size),
    UsageCount: () => String(cache.UsageCount),
  };
}

function tables(usage: DiskUsage, { images, containers, volumes, caches }: UsageRows): string {
  const columns = (...names: string[]) => `table ${names.map((name) => `{{.${name}}}`).join('\\t')}`;
  const ofImages = columns('Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers');
  const ofContainers = columns('ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names');
  const ofCaches = columns('ID', 'CacheType', 'Size', 'CreatedSince', 'LastUsedSince', 'UsageCount', 'Shared');
  return (
    `Images space usage:\n\n${formatList(imageShape, ofImages, images)}` +
    `\nContainers space usage:\n\n${formatList(containerShape, ofContainers, containers)}` +
    `\nLocal Volumes space usage:\n\n${formatList(volumeShape, columns('Name', 'Links', 'Size'), volumes)}` +
    `\nBuild cache usage: ${humanSize(cacheSize(usage))}\n\n${formatList(cacheShape, ofCaches, caches)}`
  );
}
