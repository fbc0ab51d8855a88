/** `ps`, `container ls` */
import type { Call, Command } from '../command/command.ts';
import { filterFlag, filtersQuery, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { containerFormat, containerRow, containerShape, type ContainerSummary } from '../container/listing.ts';
import { formatList } from '../format/list-output.ts';
import { print } from '../terminal/output.ts';

export const psCommand: Command = {
  use: 'ps [OPTIONS]',
  short: 'List containers',
  aliases: ['container ls', 'container list', 'container ps', 'ps'],
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Show all containers (default shows just running)' },
    filterFlag,
    listFormat,
    { name: 'last', short: 'n', type: type.int, preset: '-1', usage: 'Show n last created containers (includes all states)' },
    { name: 'latest', short: 'l', type: type.bool, usage: 'Show the latest created container (includes all states)' },
    { name: 'no-trunc', type: type.bool, usage: "Don't truncate output" },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only display container IDs' },
    { name: 'size', short: 's', type: type.bool, usage: 'Display total file sizes' },
  ],
  run,
};

export const containerLsCommand: Command = { ...psCommand, use: 'ls [OPTIONS]' };

async function run({ flags, client }: Call): Promise<void> {
  const size = flags.bool('size') || /\.Size\b/.test(flags.string('format'));
  const last = flags.number('last') === -1 && flags.bool('latest') ? 1 : flags.number('last');
  const query = {
    all: flags.bool('all') || undefined,
    limit: last > 0 ? last : undefined,
    size: size || undefined,
    filters: filtersQuery(flags.filters('filter')),
  };
  const containers = await client.json<ContainerSummary[]>('GET', '/containers/json', { query });
  const format = containerFormat(flags.string('format'), flags.bool('quiet'), flags.bool('size'));
  print(formatList(containerShape, format, containers.map((container) => containerRow(container, !flags.bool('no-trunc')))));
}
