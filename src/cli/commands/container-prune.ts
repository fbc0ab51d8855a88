/** `container prune` */
import type { ContainersPrunedJson } from '../../wire/container-summary.ts';
import type { Call, Command } from '../command/command.ts';
import { filtersQuery, filterValues } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { humanSize } from '../format/size.ts';
import { confirm } from '../terminal/confirm.ts';
import { print, printLine } from '../terminal/output.ts';

export const containerPruneCommand: Command = {
  use: 'prune [OPTIONS]',
  short: 'Remove all stopped containers',
  args: [0, 0],
  flags: [
    filterValues('Provide filter values (e.g. "until=<timestamp>")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
  ],
  async run({ flags, client }: Call) {
    const warning = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?';
    if (!flags.bool('force') && !(await confirm(warning))) return;
    const { ContainersDeleted, SpaceReclaimed } = await client.json<ContainersPrunedJson>('POST', '/containers/prune', {
      query: { filters: filtersQuery(flags.filters('filter')) },
    });
    const deleted = ContainersDeleted ?? [];
    if (deleted.length > 0) print(`Deleted Containers:\n${deleted.join('\n')}\n\n`);
    printLine(`Total reclaimed space: ${humanSize(deleted.length > 0 ? SpaceReclaimed : 0)}`);
  },
};
