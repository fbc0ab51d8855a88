/** `export`, `commit`: what a container's filesystem becomes. */
import { familiarName, parseReference } from '../../model/image-reference.ts';
import type { IdJson } from '../../wire/system.ts';
import type { Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { printLine } from '../terminal/output.ts';
import { checkOutput, saveStream } from '../terminal/stream-out.ts';

export const exportCommand: Command = {
  use: 'export [OPTIONS] CONTAINER',
  short: "Export a container's filesystem as a tar archive",
  aliases: ['container export', 'export'],
  args: [1, 1],
  flags: [{ name: 'output', short: 'o', type: type.string, usage: 'Write to a file, instead of STDOUT' }],
  async run({ flags, args, client }) {
    checkOutput(flags.string('output'), 'failed to export container');
    const response = await client.send('GET', `/containers/${encodeURIComponent(args[0] ?? '')}/export`);
    await saveStream(response, flags.string('output'));
  },
};

export const commitCommand: Command = {
  use: 'commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  short: "Create a new image from a container's changes",
  aliases: ['container commit', 'commit'],
  args: [1, 2],
  interspersed: false,
  flags: [
    {
      name: 'author',
      short: 'a',
      type: type.string,
      usage: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")',
    },
    { name: 'change', short: 'c', type: type.list, usage: 'Apply Dockerfile instruction to the created image' },
    { name: 'message', short: 'm', type: type.string, usage: 'Commit message' },
    { name: 'pause', short: 'p', type: type.bool, preset: 'true', usage: 'Pause container during commit' },
  ],
  async run({ flags, args, client }) {
    const [container = '', name = ''] = args;
    const reference = name === '' ? undefined : parseReference(name);
    const query = {
      container,
      repo: reference && familiarName(reference),
      tag: reference ? reference.tag || 'latest' : undefined,
      comment: flags.string('message') || undefined,
      author: flags.string('author') || undefined,
      changes: flags.list('change'),
      pause: flags.bool('pause') ? undefined : false,
    };
    const { Id } = await client.json<IdJson>('POST', '/commit', { query, body: null });
    printLine(Id);
  },
};
