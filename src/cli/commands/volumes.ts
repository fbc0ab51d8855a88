/** `volume create`, `ls`, `rm`, `prune` */
import type { VolumeJson, VolumesJson, VolumesPrunedJson } from '../../wire/volume.ts';
import type { Call, Command } from '../command/command.ts';
import { filterFlag, filtersQuery, filterValues, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { pairs } from '../container/create-request.ts';
import { checkLabel } from '../container/flag-checks.ts';
import { formatList, joinLabels, type ListShape, type Row } from '../format/list-output.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { humanSize } from '../format/size.ts';
import { confirm } from '../terminal/confirm.ts';
import { print, printLine, printShown } from '../terminal/output.ts';

export const volumeShape: ListShape = {
  type: '*formatter.volumeContext',
  headers: {
    ID: 'ID',
    Name: 'VOLUME NAME',
    Group: 'GROUP',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    Availability: 'AVAILABILITY',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Status: 'STATUS',
  },
};

export function volumeRow(volume: VolumeJson): Row {
  const usage = volume.UsageData;
  return {
    Availability: () => 'N/A',
    Driver: () => volume.Driver,
    Group: () => 'N/A',
    Labels: () => joinLabels(volume.Labels),
    Links: () => (usage ? String(usage.RefCount) : 'N/A'),
    Mountpoint: () => volume.Mountpoint,
    Name: () => volume.Name,
    Scope: () => volume.Scope,
    Size: () => (usage ? humanSize(usage.Size) : 'N/A'),
    Status: () => 'N/A',
    Label: (name: string) => volume.Labels?.[name] ?? '',
  };
}

export const volumeCreateCommand: Command = {
  use: 'create [OPTIONS] [VOLUME]',
  short: 'Create a volume',
  args: [0, 1],
  flags: [
    { name: 'driver', short: 'd', type: type.string, preset: 'local', usage: 'Specify volume driver name' },
    { name: 'label', type: type.list, check: checkLabel, usage: 'Set metadata for a volume' },
    { name: 'name', type: type.string, usage: 'Specify volume name', hidden: true },
    { name: 'opt', short: 'o', type: type.map, usage: 'Set driver specific options' },
  ],
  async run({ flags, args, client }: Call) {
    if (args[0] !== undefined && flags.string('name') !== '')
      throw new StatusError(
        'conflicting options: cannot specify a volume-name through both --name and as a positional arg',
      );
    const { Name } = await client.json<VolumeJson>('POST', '/volumes/create', {
      body: {
        Name: args[0] ?? flags.string('name'),
        Driver: flags.string('driver'),
        DriverOpts: flags.map('opt'),
        Labels: pairs(flags.list('label')),
      },
    });
    printLine(Name);
  },
};

export const volumeLsCommand: Command = {
  use: 'ls [OPTIONS]',
  short: 'List volumes',
  aliases: ['volume ls', 'volume list'],
  args: [0, 0],
  flags: [
    { ...filterFlag, usage: 'Provide filter values (e.g. "dangling=true")' },
    listFormat,
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only display volume names' },
  ],
  async run({ flags, client }: Call) {
    const { Volumes } = await client.json<VolumesJson>('GET', '/volumes', {
      query: { filters: filtersQuery(flags.filters('filter')) },
    });
    const wanted = flags.string('format');
    const format =
      wanted !== '' && wanted !== 'table'
        ? wanted
        : flags.bool('quiet')
          ? '{{.Name}}'
          : 'table {{.Driver}}\\t{{.Name}}';
    const sorted = (Volumes ?? []).toSorted((a, b) => naturalOrder(a.Name, b.Name));
    printShown(formatList(volumeShape, format, sorted.map(volumeRow)));
  },
};

export const volumeRmCommand: Command = {
  use: 'rm [OPTIONS] VOLUME [VOLUME...]',
  short: 'Remove one or more volumes',
  long: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  aliases: ['volume rm', 'volume remove'],
  args: [1, Infinity],
  flags: [{ name: 'force', short: 'f', type: type.bool, usage: 'Force the removal of one or more volumes' }],
  async run({ flags, args, client }: Call) {
    const failures: string[] = [];
    for (const name of args) {
      try {
        await client.done('DELETE', `/volumes/${encodeURIComponent(name)}`, {
          query: { force: flags.bool('force') || undefined },
        });
        printLine(name);
      } catch (error) {
        failures.push(errorText(error));
      }
    }
    if (failures.length > 0) throw new StatusError(failures.join('\n'));
  },
};

const ANONYMOUS_WARNING =
  'WARNING! This will remove anonymous local volumes not used by at least one container.\nAre you sure you want to continue?';
const ALL_WARNING =
  'WARNING! This will remove all local volumes not used by at least one container.\nAre you sure you want to continue?';

export const volumePruneCommand: Command = {
  use: 'prune [OPTIONS]',
  short: 'Remove unused local volumes',
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Remove all unused volumes, not just anonymous ones' },
    filterValues('Provide filter values (e.g. "label=<label>")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
  ],
  async run({ flags, client }: Call) {
    const filters = { ...flags.filters('filter') };
    if (flags.bool('all')) {
      if (filters['all']) throw new StatusError('conflicting options: cannot specify both --all and --filter all=1');
      filters['all'] = { true: true };
    }
    if (!flags.bool('force') && !(await confirm(flags.bool('all') ? ALL_WARNING : ANONYMOUS_WARNING))) return;
    const { VolumesDeleted, SpaceReclaimed } = await client.json<VolumesPrunedJson>('POST', '/volumes/prune', {
      query: { filters: filtersQuery(filters) },
    });
    const deleted = VolumesDeleted ?? [];
    if (deleted.length > 0) print(`Deleted Volumes:\n${deleted.join('\n')}\n\n`);
    printLine(`Total reclaimed space: ${humanSize(deleted.length > 0 ? SpaceReclaimed : 0)}`);
  },
};
