/** `system df`, `system prune` */
import type { ContainerSummaryJson } from '../../wire/container-summary.ts';
import type { VolumeJson } from '../../wire/volume.ts';
import type { DiskUsageJson } from '../../wire/system.ts';
import type { ApiClient } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import { filtersQuery, filterValues, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { containerRow, containerShape } from '../container/listing.ts';
import { formatList, type ListShape, type Row } from '../format/list-output.ts';
import { humanSize } from '../format/size.ts';
import { imageRows, imageShape } from '../image/listing.ts';
import { confirm } from '../terminal/confirm.ts';
import { print, printLine, printShown } from '../terminal/output.ts';
import { volumeRow, volumeShape } from './volumes.ts';

/** Of build caches only other engines tell. */
type DiskUsage = Omit<DiskUsageJson, 'BuildCache'> & {
  readonly BuildCache?: readonly { readonly Size: number; readonly InUse: boolean; readonly Shared: boolean }[] | null;
};

const shape: ListShape = {
  type: '*formatter.diskUsageImagesContext',
  headers: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
};

export const dfCommand: Command = {
  use: 'df [OPTIONS]',
  short: 'Show causeway disk usage',
  args: [0, 0],
  flags: [
    listFormat,
    { name: 'verbose', short: 'v', type: type.bool, usage: 'Show detailed information on space usage' },
  ],
  async run({ flags, client }: Call) {
    const usage = await client.json<DiskUsage>('GET', '/system/df');
    const wanted = flags.string('format');
    if (flags.bool('verbose')) {
      if (wanted !== '' && wanted !== 'table')
        throw new StatusError('--verbose shows a table of its own and takes no --format');
      return print(verboseText(usage));
    }
    const format =
      wanted === '' || wanted === 'table'
        ? 'table {{.Type}}\\t{{.TotalCount}}\\t{{.Active}}\\t{{.Size}}\\t{{.Reclaimable}}'
        : wanted;
    printShown(formatList(shape, format, usageRows(usage)));
  },
};

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function usageRows(usage: DiskUsage): Row[] {
  const images = usage.Images ?? [];
  const containers = usage.Containers ?? [];
  const volumes = usage.Volumes ?? [];
  const cache = usage.BuildCache ?? [];
  const usedImages = sum(
    images
      .filter(({ Containers }) => Containers !== 0)
      .map(({ Size, SharedSize }) => (Size === -1 || SharedSize === -1 ? 0 : Size - SharedSize)),
  );
  const layers = usage.LayersSize ?? 0;
  const isActive = ({ State }: ContainerSummaryJson) => /running|paused|restarting/.test(State);
  const containerSize = sum(containers.map(({ SizeRw }) => SizeRw ?? 0));
  const idle = sum(containers.filter((container) => !isActive(container)).map(({ SizeRw }) => SizeRw ?? 0));
  const volumeSize = (list: readonly VolumeJson[]) =>
    sum(list.map(({ UsageData }) => Math.max(0, UsageData?.Size ?? 0)));
  const unusedVolumes = volumes.filter(({ UsageData }) => UsageData?.RefCount === 0);
  const cacheSize = sum(cache.map(({ Size, Shared }) => (Shared ? 0 : Size)));
  const reclaimableCache = sum(cache.filter(({ InUse, Shared }) => !InUse && !Shared).map(({ Size }) => Size));
  const row = (
    name: string,
    total: number,
    active: number,
    size: number,
    reclaimable: number,
    percent = true,
  ): Row => ({
    Active: () => String(active),
    Reclaimable: () =>
      `${humanSize(reclaimable)}${percent && size > 0 ? ` (${Math.trunc((reclaimable * 100) / size)}%)` : ''}`,
    Size: () => humanSize(size),
    TotalCount: () => String(total),
    Type: () => name,
  });
  return [
    row('Images', images.length, images.filter(({ Containers }) => Containers > 0).length, layers, layers - usedImages),
    row('Containers', containers.length, containers.filter(isActive).length, containerSize, idle),
    row(
      'Local Volumes',
      volumes.length,
      volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0).length,
      volumeSize(volumes),
      volumeSize(unusedVolumes),
    ),
    row('Build Cache', cache.length, cache.filter(({ InUse }) => InUse).length, cacheSize, reclaimableCache, false),
  ];
}

function verboseText(usage: DiskUsage): string {
  const images = imageRows(
    (usage.Images ?? []).map((image) => ({ ...image, RepoTags: (image.RepoTags ?? []).slice(0, 1) })),
    { truncate: true, digests: false },
  );
  // The size of the image is not the container's.
  const containers = (usage.Containers ?? []).map((container) => containerRow({ ...container, SizeRootFs: 0 }, true));
  const cacheSize = sum((usage.BuildCache ?? []).map(({ Size, Shared }) => (Shared ? 0 : Size)));
  return (
    `Images space usage:\n\n${formatList(imageShape, 'table {{.Repository}}\\t{{.Tag}}\\t{{.ID}}\\t{{.CreatedSince}}\\t{{.Size}}\\t{{.SharedSize}}\\t{{.UniqueSize}}\\t{{.Containers}}', images)}` +
    `\nContainers space usage:\n\n${formatList(containerShape, 'table {{.ID}}\\t{{.Image}}\\t{{.Command}}\\t{{.LocalVolumes}}\\t{{.Size}}\\t{{.RunningFor}}\\t{{.Status}}\\t{{.Names}}', containers)}` +
    `\nLocal Volumes space usage:\n\n${formatList(volumeShape, 'table {{.Name}}\\t{{.Links}}\\t{{.Size}}', (usage.Volumes ?? []).map(volumeRow))}` +
    `\nBuild cache usage: ${humanSize(cacheSize)}\n\nCACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED\n`
  );
}

export const systemPruneCommand: Command = {
  use: 'prune [OPTIONS]',
  short: 'Remove unused data',
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Remove all unused images not just dangling ones' },
    filterValues('Provide filter values (e.g. "label=<key>=<value>")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
    { name: 'volumes', type: type.bool, usage: 'Prune anonymous volumes' },
  ],
  run: prune,
};

async function prune({ flags, client }: Call): Promise<void> {
  const filters = flags.filters('filter');
  const volumes = flags.bool('volumes');
  if (volumes && filters['until']) throw new StatusError('ERROR: The "until" filter is not supported with "--volumes"');
  if (!flags.bool('force')) {
    const warnings = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
      flags.bool('all') ? 'all images without at least one container associated to them' : 'all dangling images',
    ];
    const shown = Object.entries(filters)
      .flatMap(([name, values]) => Object.keys(values).map((value) => `${name}=${value}`))
      .toSorted();
    const filterText =
      shown.length > 0
        ? `\n  Items to be pruned will be filtered with:\n${shown.map((filter) => `  - ${filter}\n`).join('')}`
        : '';
    const question = `WARNING! This will remove:\n${warnings.map((warning) => `  - ${warning}\n`).join('')}${filterText}\nAre you sure you want to continue?`;
    if (!(await confirm(question))) return;
  }
  const dangling = { ...filters, dangling: { [String(!flags.bool('all'))]: true } };
  let reclaimed = await pruneKind(client, 'containers', 'Deleted Containers:', 'ContainersDeleted', filters);
  await pruneKind(client, 'networks', 'Deleted Networks:', 'NetworksDeleted', filters);
  if (volumes) reclaimed += await pruneKind(client, 'volumes', 'Deleted Volumes:', 'VolumesDeleted', filters);
  reclaimed += await pruneKind(client, 'images', 'Deleted Images:', 'ImagesDeleted', dangling);
  printLine(`Total reclaimed space: ${humanSize(reclaimed)}`);
}

type Deleted = string | { readonly Untagged?: string; readonly Deleted?: string };

/** Bytes reclaimed. */
async function pruneKind(
  client: ApiClient,
  kind: string,
  title: string,
  key: string,
  filters: Record<string, Record<string, boolean>>,
): Promise<number> {
  const report = await client.json<Record<string, Deleted[] | number | null>>('POST', `/${kind}/prune`, {
    query: { filters: filtersQuery(filters) },
  });
  const deleted = (report[key] ?? []) as Deleted[];
  const text = (item: Deleted) =>
    typeof item === 'string' ? item : item.Untagged ? `untagged: ${item.Untagged}` : `deleted: ${item.Deleted ?? ''}`;
  if (deleted.length > 0) print(`${title}\n${deleted.map((item) => `${text(item)}\n`).join('')}\n`);
  return typeof report['SpaceReclaimed'] === 'number' ? report['SpaceReclaimed'] : 0;
}
