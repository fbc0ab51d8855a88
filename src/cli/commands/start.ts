/** `start` */
import type { ContainerJson } from '../../wire/container-inspect.ts';
import type { ApiClient } from '../api/client.ts';
import { configuredDetachKeys } from '../api/registry-auth.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { AttachSession, requireTerminal } from '../container/attach-session.ts';
import { watchExit } from '../container/exit-status.ts';
import { proxySignals } from '../container/signal-proxy.ts';
import { followTerminalSize, terminalSize } from '../container/terminal-size.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';
import { complain, printLine } from '../terminal/output.ts';

export const startCommand: Command = {
  use: 'start [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Start one or more stopped containers',
  aliases: ['container start', 'start'],
  args: [1, Infinity],
  flags: [
    { name: 'attach', short: 'a', type: type.bool, usage: 'Attach STDOUT/STDERR and forward signals' },
    { name: 'detach-keys', type: type.string, usage: 'Override the key sequence for detaching a container' },
    { name: 'interactive', short: 'i', type: type.bool, usage: "Attach container's STDIN" },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const keys = flags.string('detach-keys');
  if (keys !== '') parseDetachKeys(keys);
  if (!flags.bool('attach') && !flags.bool('interactive')) return startAll(client, args);
  if (args.length > 1) throw new StatusError('you cannot start and attach multiple containers at once');
  await startAttached(client, args[0] ?? '', flags.bool('interactive'), keys);
}

async function startAll(client: ApiClient, names: readonly string[]): Promise<void> {
  const failed: string[] = [];
  for (const name of names) {
    try {
      await client.done('POST', `/containers/${encodeURIComponent(name)}/start`);
      printLine(name);
    } catch (error) {
      complain(errorText(error));
      failed.push(name);
    }
  }
  if (failed.length > 0) throw new StatusError(`Error: failed to start containers: ${failed.join(', ')}`);
}

async function startAttached(client: ApiClient, name: string, interactive: boolean, keys: string): Promise<void> {
  const { Id, Config, HostConfig } = await client.json<ContainerJson>(
    'GET',
    `/containers/${encodeURIComponent(name)}/json`,
  );
  const stdin = interactive && Config.OpenStdin;
  requireTerminal(stdin, Config.Tty);
  if (!Config.Tty) proxySignals(client, Id);
  const detachKeys = keys || (Config.Tty ? configuredDetachKeys() : '');
  const [connection, watch] = await Promise.all([
    client
      .hijack(`/containers/${Id}/attach`, {
        query: { stream: true, stdin, stdout: true, stderr: true, detachKeys: detachKeys || undefined },
      })
      .then((answer) => new AttachSession(answer, { stdin, stdout: true, stderr: true, tty: Config.Tty, detachKeys })),
    watchExit(client, Id, HostConfig.AutoRemove ? 'removed' : 'next-exit'),
  ]);
  try {
    await client.done('POST', `/containers/${Id}/start`);
  } catch (error) {
    connection.close();
    if (HostConfig.AutoRemove) await watch.status;
    throw error;
  }
  if (Config.Tty && terminalSize()) followTerminalSize(client, `/containers/${Id}`);
  if ((await connection.ended) === 'detached') return;
  const status = await watch.status;
  if (status !== 0) throw new StatusError('', status);
}
