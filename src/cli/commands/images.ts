/** `images`, `image ls` */
import type { Call, Command } from '../command/command.ts';
import type { ImageSummaryJson } from '../../wire/image.ts';
import { filterFlag, filtersQuery, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { formatList } from '../format/list-output.ts';
import { imageFormat, imageRows, imageShape } from '../image/listing.ts';
import { printShown } from '../terminal/output.ts';

export const imagesCommand: Command = {
  use: 'images [OPTIONS] [REPOSITORY[:TAG]]',
  short: 'List images',
  aliases: ['image ls', 'image list', 'images'],
  args: [0, 1],
  flags: [
    { name: 'all', short: 'a', type: type.bool, usage: 'Show all images (default hides intermediate images)' },
    { name: 'digests', type: type.bool, usage: 'Show digests' },
    filterFlag,
    listFormat,
    { name: 'no-trunc', type: type.bool, usage: "Don't truncate output" },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only show image IDs' },
  ],
  run,
};

export const imageLsCommand: Command = { ...imagesCommand, use: 'ls [OPTIONS] [REPOSITORY[:TAG]]' };

async function run({ flags, args, client }: Call): Promise<void> {
  const filters = { ...flags.filters('filter') };
  if (args[0] !== undefined) filters['reference'] = { ...filters['reference'], [args[0]]: true };
  const images = await client.json<ImageSummaryJson[]>('GET', '/images/json', {
    query: { all: flags.bool('all') || undefined, filters: filtersQuery(filters) },
  });
  const quiet = flags.bool('quiet');
  const digests = flags.bool('digests') || /\.Digest\b/.test(flags.string('format'));
  const rows = imageRows(images, { truncate: !flags.bool('no-trunc'), digests });
  printShown(formatList(imageShape, imageFormat(flags.string('format'), quiet, digests), rows));
}
