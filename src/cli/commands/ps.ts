/** `ps`, `container ls` */
import type { Call, Command } from '../command/command.ts';
import type { ContainerSummaryJson } from '../../wire/container-summary.ts';
import { filterFlag, filtersQuery, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { containerFormat, containerRow, containerShape } from '../container/listing.ts';
import { mergeFamilies, paintStatus, widest } from '../container/terminal-list.ts';
import { formatList } from '../format/list-output.ts';
import { MethodSet } from '../../base/template/go-value.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { Template } from '../../base/template/template.ts';
import { printShown } from '../terminal/output.ts';
import { hasColor, screenWidth } from '../terminal/screen.ts';

export const psCommand: Command = {
  use: 'ps [OPTIONS]',
  short: 'List containers',
  aliases: ['container ls', 'container list', 'container ps', 'ps'],
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Show all containers (default shows just running)' },
    filterFlag,
    listFormat,
    {
      name: 'last',
      short: 'n',
      type: type.int,
      preset: '-1',
      usage: 'Show n last created containers (includes all states)',
    },
    { name: 'latest', short: 'l', type: type.bool, usage: 'Show the latest created container (includes all states)' },
    { name: 'no-trunc', type: type.bool, usage: "Don't truncate output" },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only display container IDs' },
    { name: 'size', short: 's', type: type.bool, usage: 'Display total file sizes' },
  ],
  run,
};

export const containerLsCommand: Command = { ...psCommand, use: 'ls [OPTIONS]' };

async function run({ flags, client }: Call): Promise<void> {
  tryFormat(flags.string('format'));
  const size = flags.bool('size') || /\.Size\b/.test(flags.string('format'));
  const last = flags.number('last') === -1 && flags.bool('latest') ? 1 : flags.number('last');
  const query = {
    all: flags.bool('all') || undefined,
    limit: last > 0 ? last : undefined,
    size: size || undefined,
    filters: filtersQuery(flags.filters('filter')),
  };
  const containers = await client.json<ContainerSummaryJson[]>('GET', '/containers/json', { query });
  const format = containerFormat(flags.string('format'), flags.bool('quiet'), flags.bool('size'));
  const render = (list: readonly ContainerSummaryJson[]) =>
    formatList(
      containerShape,
      format,
      list.map((container) => containerRow(container, !flags.bool('no-trunc'))),
    );
  const text = render(containers);
  const width = screenWidth();
  if (width === undefined || flags.bool('quiet') || !['', 'table'].includes(flags.string('format')))
    return printShown(text);
  const fits = widest(text) <= width || flags.bool('no-trunc');
  const fitting = fits ? text : render(containers.map((one) => ({ ...one, Ports: mergeFamilies(one.Ports ?? []) })));
  printShown(hasColor(process.env) ? paintStatus(fitting) : fitting);
}

const NOTHING: ContainerSummaryJson = {
  Id: '',
  Names: [],
  Image: '',
  ImageID: '',
  Command: '',
  Created: 0,
  Ports: [],
  Labels: {},
  State: '',
  Status: '',
  HostConfig: {},
  NetworkSettings: { Networks: {} },
  Mounts: [],
};

/** A wrong format is refused before anything is asked, even where there is no container to show. */
function tryFormat(format: string): void {
  if (['', 'table', 'json', 'raw'].includes(format)) return;
  let template: Template;
  try {
    template = new Template(format.replace(/^table/, ''));
  } catch (error) {
    throw new StatusError(`failed to parse template: ${errorText(error)}`);
  }
  try {
    template.execute(new MethodSet(containerShape.type, containerRow(NOTHING, true)));
  } catch (error) {
    throw new StatusError(`failed to execute template: ${errorText(error)}`);
  }
}
