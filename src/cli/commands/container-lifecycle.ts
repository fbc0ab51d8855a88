/** Commands that do one thing to each container named: stop, kill, rm, pause... */
import type { WaitResponseJson } from '../../wire/container-summary.ts';
import { isNotFound, type ApiClient, type Query } from '../api/client.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { complain, printLine } from '../terminal/output.ts';

const MAX_AT_ONCE = 50;

/**
 * Runs `work` for all names, at most 50 at a time; prints each name in the order given as it is done, complaints in the
 * same order, and ends with exit code 1 if there were any.
 */
export async function forEachContainer(
  names: readonly string[],
  work: (name: string, index: number) => Promise<string | void>,
): Promise<void> {
  const results: Promise<string | void>[] = [];
  const running = new Set<Promise<unknown>>();
  const start = async (name: string, index: number): Promise<string | void> => {
    while (running.size >= MAX_AT_ONCE) await Promise.race(running);
    const doing = work(name, index);
    const settled = doing.catch(() => {}).finally(() => running.delete(settled));
    running.add(settled);
    return doing;
  };
  for (const [index, name] of names.entries()) {
    const result = start(name, index);
    result.catch(() => {});
    results.push(result);
  }
  let failed = false;
  for (const [index, result] of results.entries()) {
    try {
      printLine((await result) ?? names[index] ?? '');
    } catch (error) {
      if (error instanceof Skip) continue;
      complain(errorText(error));
      failed = true;
    }
  }
  if (failed) throw new StatusError('', 1);
}

/** Done, with nothing to print. */
class Skip extends Error {}

const post = (client: ApiClient, name: string, action: string, query: Query = {}) =>
  client.done('POST', `/containers/${encodeURIComponent(name)}/${action}`, { query });

const timeoutFlags = [
  { name: 'signal', short: 's', type: type.string, usage: 'Signal to send to the container' },
  { name: 'timeout', short: 't', type: type.int, usage: 'Seconds to wait before killing the container' },
  {
    name: 'time',
    aliasOf: 'timeout',
    type: type.int,
    usage: 'Seconds to wait before killing the container',
    hidden: true,
  },
] as const;

const timeoutQuery = ({ flags }: Call): Query => ({
  signal: flags.string('signal') || undefined,
  t: flags.changed('timeout') ? flags.number('timeout') : undefined,
});

export const stopCommand: Command = {
  use: 'stop [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Stop one or more running containers',
  aliases: ['container stop', 'stop'],
  args: [1, Infinity],
  flags: timeoutFlags,
  run: (call) => forEachContainer(call.args, (name) => post(call.client, name, 'stop', timeoutQuery(call))),
};

export const restartCommand: Command = {
  use: 'restart [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Restart one or more containers',
  aliases: ['container restart', 'restart'],
  args: [1, Infinity],
  flags: timeoutFlags,
  run: (call) => forEachContainer(call.args, (name) => post(call.client, name, 'restart', timeoutQuery(call))),
};

export const killCommand: Command = {
  use: 'kill [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Kill one or more running containers',
  aliases: ['container kill', 'kill'],
  args: [1, Infinity],
  flags: [{ name: 'signal', short: 's', type: type.string, usage: 'Signal to send to the container' }],
  run: ({ flags, args, client }) =>
    forEachContainer(args, (name) => post(client, name, 'kill', { signal: flags.string('signal') || 'KILL' })),
};

export const pauseCommand: Command = {
  use: 'pause CONTAINER [CONTAINER...]',
  short: 'Pause all processes within one or more containers',
  aliases: ['container pause', 'pause'],
  args: [1, Infinity],
  flags: [],
  run: ({ args, client }) => forEachContainer(args, (name) => post(client, name, 'pause')),
};

export const unpauseCommand: Command = {
  use: 'unpause CONTAINER [CONTAINER...]',
  short: 'Unpause all processes within one or more containers',
  aliases: ['container unpause', 'unpause'],
  args: [1, Infinity],
  flags: [],
  run: ({ args, client }) => forEachContainer(args, (name) => post(client, name, 'unpause')),
};

export const rmCommand: Command = {
  use: 'rm [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Remove one or more containers',
  aliases: ['container rm', 'container remove', 'rm'],
  args: [1, Infinity],
  flags: [
    { name: 'force', short: 'f', type: type.bool, usage: 'Force the removal of a running container (uses SIGKILL)' },
    { name: 'link', short: 'l', type: type.bool, usage: 'Remove the specified link' },
    { name: 'volumes', short: 'v', type: type.bool, usage: 'Remove anonymous volumes associated with the container' },
  ],
  run: ({ flags, args, client }) => {
    const query = {
      force: flags.bool('force') || undefined,
      link: flags.bool('link') || undefined,
      v: flags.bool('volumes') || undefined,
    };
    return forEachContainer(args, async (name) => {
      const plain = name.replace(/^\/+|\/+$/g, '');
      if (plain === '') throw new StatusError('container name cannot be empty');
      try {
        await client.done('DELETE', `/containers/${encodeURIComponent(plain)}`, { query });
      } catch (error) {
        if (flags.bool('force') && isNotFound(error)) {
          complain(errorText(error));
          throw new Skip();
        }
        throw error;
      }
    });
  },
};

export const renameCommand: Command = {
  use: 'rename CONTAINER NEW_NAME',
  short: 'Rename a container',
  aliases: ['container rename', 'rename'],
  args: [2, 2],
  flags: [],
  async run({ args, client }) {
    const [from = '', to = ''] = args.map((name) => name.trim());
    if (from === '' || to === '') throw new StatusError('Error: Neither old nor new names may be empty');
    await client.done('POST', `/containers/${encodeURIComponent(from)}/rename`, { query: { name: to } });
  },
};

export const waitCommand: Command = {
  use: 'wait CONTAINER [CONTAINER...]',
  short: 'Block until one or more containers stop, then print their exit codes',
  aliases: ['container wait', 'wait'],
  args: [1, Infinity],
  flags: [],
  run: ({ args, client }) =>
    forEachContainer(args, async (name) => {
      const result = await client.json<WaitResponseJson>('POST', `/containers/${encodeURIComponent(name)}/wait`);
      if (result.Error) throw new StatusError(result.Error.Message);
      return String(result.StatusCode);
    }),
};
