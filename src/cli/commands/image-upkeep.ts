/** `rmi`, `image prune`, `history` */
import type { ImageDeleteJson, ImageHistoryJson, ImagesPrunedJson } from '../../wire/image.ts';
import { isNotFound } from '../api/client.ts';
import { imagePath } from '../api/image-path.ts';
import { platformQuery } from '../api/platform.ts';
import type { Call, Command } from '../command/command.ts';
import { filtersQuery, filterValues, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { humanDuration } from '../format/duration.ts';
import { ellipsis, formatList, shortId, type ListShape, type Row } from '../format/list-output.ts';
import { rfc3339 } from '../format/timestamp.ts';
import { humanSize } from '../format/size.ts';
import { confirm } from '../terminal/confirm.ts';
import { complain, print, printLine, printShown } from '../terminal/output.ts';

export const rmiCommand: Command = {
  use: 'rmi [OPTIONS] IMAGE [IMAGE...]',
  short: 'Remove one or more images',
  aliases: ['image rm', 'image remove', 'rmi'],
  args: [1, Infinity],
  flags: [
    { name: 'force', short: 'f', type: type.bool, usage: 'Force removal of the image' },
    { name: 'no-prune', type: type.bool, usage: 'Do not delete untagged parents' },
    {
      name: 'platform',
      type: type.strings,
      usage: 'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
  ],
  async run({ flags, args, client }: Call) {
    const force = flags.bool('force');
    const query = {
      force: force || undefined,
      noprune: flags.bool('no-prune') || undefined,
      platforms: flags.list('platform').map((platform) => platformQuery(platform) ?? ''),
    };
    const failures: string[] = [];
    let fatal = false;
    for (const name of args) {
      try {
        for (const { Deleted, Untagged } of await client.json<ImageDeleteJson[]>('DELETE', imagePath(name), {
          query,
        })) {
          printLine(Deleted ? `Deleted: ${Deleted}` : `Untagged: ${Untagged ?? ''}`);
        }
      } catch (error) {
        fatal ||= !isNotFound(error);
        failures.push(errorText(error));
      }
    }
    if (failures.length === 0) return;
    if (!force || fatal) throw new StatusError(failures.join('\n'));
    complain(failures.join('\n'));
  },
};

export const imageRmCommand: Command = { ...rmiCommand, use: 'rm [OPTIONS] IMAGE [IMAGE...]' };

const ALL_WARNING =
  'WARNING! This will remove all images without at least one container associated to them.\nAre you sure you want to continue?';
const DANGLING_WARNING = 'WARNING! This will remove all dangling images.\nAre you sure you want to continue?';

export const imagePruneCommand: Command = {
  use: 'prune [OPTIONS]',
  short: 'Remove unused images',
  args: [0, 0],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Remove all unused images, not just dangling ones' },
    filterValues('Provide filter values (e.g. "until=<timestamp>")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
  ],
  async run({ flags, client }: Call) {
    const all = flags.bool('all');
    if (!flags.bool('force') && !(await confirm(all ? ALL_WARNING : DANGLING_WARNING))) return;
    const filters = { ...flags.filters('filter'), dangling: { [String(!all)]: true } };
    const { ImagesDeleted, SpaceReclaimed } = await client.json<ImagesPrunedJson>('POST', '/images/prune', {
      query: { filters: filtersQuery(filters) },
    });
    if (ImagesDeleted && ImagesDeleted.length > 0) {
      print(
        `Deleted Images:\n${ImagesDeleted.map(({ Untagged, Deleted }) => (Untagged ? `untagged: ${Untagged}\n` : `deleted: ${Deleted ?? ''}\n`)).join('')}\n`,
      );
    }
    printLine(`Total reclaimed space: ${humanSize(SpaceReclaimed)}`);
  },
};

const historyShape: ListShape = {
  type: '*image.historyContext',
  headers: {
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
  },
};

/** Images of reproducible builds carry a date before this, which is meaningless. */
const EPOCH_S = Date.UTC(2000, 0, 1) / 1000;

function historyRow(item: ImageHistoryJson, truncate: boolean, human: boolean): Row {
  const createdAt = () => rfc3339(item.Created);
  return {
    Comment: () => item.Comment,
    CreatedAt: createdAt,
    CreatedBy: () => {
      const by = item.CreatedBy.replaceAll('\t', ' ');
      return truncate ? ellipsis(by, 45) : by;
    },
    CreatedSince: () =>
      !human ? createdAt() : item.Created <= EPOCH_S ? 'N/A' : `${humanDuration(Date.now() / 1000 - item.Created)} ago`,
    ID: () => (truncate ? shortId(item.Id) : item.Id),
    Size: () => (human ? humanSize(item.Size, 3) : String(item.Size)),
  };
}

export const historyCommand: Command = {
  use: 'history [OPTIONS] IMAGE',
  short: 'Show the history of an image',
  aliases: ['image history', 'history'],
  args: [1, 1],
  flags: [
    listFormat,
    {
      name: 'human',
      short: 'H',
      type: type.bool,
      preset: 'true',
      usage: 'Print sizes and dates in human readable format',
    },
    { name: 'no-trunc', type: type.bool, usage: "Don't truncate output" },
    {
      name: 'platform',
      type: type.string,
      usage: 'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only show image IDs' },
  ],
  async run({ flags, args, client }: Call) {
    const human = flags.bool('human');
    const items = await client.json<ImageHistoryJson[]>('GET', `${imagePath(args[0] ?? '')}/history`, {
      query: { platform: platformQuery(flags.string('platform')) },
    });
    const wanted = flags.string('format');
    const columns = `table {{.ID}}\\t{{.${human ? 'CreatedSince' : 'CreatedAt'}}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}`;
    const format = wanted !== '' && wanted !== 'table' ? wanted : flags.bool('quiet') ? '{{.ID}}' : columns;
    printShown(
      formatList(
        historyShape,
        format,
        items.map((item) => historyRow(item, !flags.bool('no-trunc'), human)),
      ),
    );
  },
};
