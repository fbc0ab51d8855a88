/** `logs` */
import type { ContainerJson } from '../../wire/container-inspect.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { Demultiplexer } from '../container/demultiplexer.ts';
import { parseTimestamp } from '../format/timestamp.ts';
import { StatusError } from '../command/status-error.ts';
import { writeAll } from '../terminal/output.ts';

const WHEN = '(e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)';

export const logsCommand: Command = {
  use: 'logs [OPTIONS] CONTAINER',
  short: 'Fetch the logs of a container',
  aliases: ['container logs', 'logs'],
  args: [1, 1],
  flags: [
    { name: 'details', type: type.bool, usage: 'Show extra details provided to logs' },
    { name: 'follow', short: 'f', type: type.bool, usage: 'Follow log output' },
    { name: 'since', type: type.string, usage: `Show logs since timestamp ${WHEN}` },
    {
      name: 'tail',
      short: 'n',
      type: type.string,
      preset: 'all',
      usage: 'Number of lines to show from the end of the logs',
    },
    { name: 'timestamps', short: 't', type: type.bool, usage: 'Show timestamps' },
    { name: 'until', type: type.string, usage: `Show logs before a timestamp ${WHEN}` },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const path = `/containers/${encodeURIComponent(args[0] ?? '')}`;
  const time = (name: 'since' | 'until') => {
    try {
      return parseTimestamp(flags.string(name)) || undefined;
    } catch (error) {
      throw new StatusError(`invalid value for ${JSON.stringify(name)}: ${(error as Error).message}`);
    }
  };
  const query = {
    stdout: true,
    stderr: true,
    follow: flags.bool('follow') || undefined,
    timestamps: flags.bool('timestamps') || undefined,
    details: flags.bool('details') || undefined,
    since: time('since'),
    until: time('until'),
    tail: flags.string('tail'),
  };
  const { Config } = await client.json<ContainerJson>('GET', `${path}/json`);
  const response = await client.send('GET', `${path}/logs`, { query });
  const frames = new Demultiplexer(writeAll);
  for await (const chunk of response) {
    if (Config.Tty) writeAll(1, chunk as Buffer);
    else frames.push(chunk as Buffer);
  }
}
