/** `builder prune` */
import type { BuildPrunedJson } from '../../wire/build.ts';
import type { Call, Command } from '../command/command.ts';
import { filterValues } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { humanSize } from '../format/size.ts';
import { confirm } from '../terminal/confirm.ts';
import { print, printLine } from '../terminal/output.ts';

export const builderPruneCommand: Command = {
  use: 'prune',
  short: 'Remove build cache',
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Remove all unused build cache, not just dangling ones' },
    filterValues('Provide filter values (e.g. "until=24h")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
    { name: 'keep-storage', type: type.bytes, usage: 'Amount of disk space to keep for cache' },
  ],
  async run({ flags, client }: Call) {
    const all = flags.bool('all');
    const warning = `WARNING! This will remove all ${all ? '' : 'dangling '}build cache. Are you sure you want to continue?`;
    if (!flags.bool('force') && !(await confirm(warning))) return;
    const { CachesDeleted, SpaceReclaimed } = await client.json<BuildPrunedJson>('POST', '/build/prune', {
      query: {
        all: all || undefined,
        'keep-storage': flags.number('keep-storage') || undefined,
        filters: JSON.stringify(flags.filters('filter')),
      },
    });
    if (CachesDeleted && CachesDeleted.length > 0)
      print(`Deleted build cache objects:\n${CachesDeleted.join('\n')}\n\n`);
    printLine(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`);
  },
};
