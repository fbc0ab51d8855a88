/** `attach` */
import type { ContainerJson } from '../../wire/container-inspect.ts';
import { configuredDetachKeys } from '../api/registry-auth.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { AttachSession, requireTerminal } from '../container/attach-session.ts';
import { watchExit } from '../container/exit-status.ts';
import { proxySignals } from '../container/signal-proxy.ts';
import { followTerminalSize, terminalSize } from '../container/terminal-size.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';

export const attachCommand: Command = {
  use: 'attach [OPTIONS] CONTAINER',
  short: 'Attach local standard input, output, and error streams to a running container',
  aliases: ['container attach', 'attach'],
  args: [1, 1],
  flags: [
    { name: 'detach-keys', type: type.string, usage: 'Override the key sequence for detaching a container' },
    { name: 'no-stdin', type: type.bool, usage: 'Do not attach STDIN' },
    { name: 'sig-proxy', type: type.bool, preset: 'true', usage: 'Proxy all received signals to the process' },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  const keys = flags.string('detach-keys');
  if (keys !== '') parseDetachKeys(keys);
  const path = `/containers/${encodeURIComponent(args[0] ?? '')}`;
  const inspect = async () => {
    const container = await client.json<ContainerJson>('GET', `${path}/json`);
    if (!container.State.Running) throw new StatusError('You cannot attach to a stopped container, start it first');
    if (container.State.Paused) throw new StatusError('You cannot attach to a paused container, unpause it first');
    if (container.State.Restarting)
      throw new StatusError('You cannot attach to a restarting container, wait until it is running');
    return container;
  };
  const { Id, Config } = await inspect();
  const stdin = !flags.bool('no-stdin') && Config.OpenStdin;
  requireTerminal(!flags.bool('no-stdin'), Config.Tty);
  const watch = await watchExit(client, Id, 'not-running');
  if (flags.bool('sig-proxy') && !Config.Tty) proxySignals(client, Id);
  const detachKeys = keys || (Config.Tty ? configuredDetachKeys() : '');
  const connection = await client.hijack(`/containers/${Id}/attach`, {
    query: { stream: true, stdin, stdout: true, stderr: true, detachKeys: detachKeys || undefined },
  });
  const session = new AttachSession(connection, { stdin, stdout: true, stderr: true, tty: Config.Tty, detachKeys });
  const size = terminalSize();
  if (Config.Tty && size) {
    // A shell draws its prompt again only when the size changes: change it, and then set it right.
    await client
      .done('POST', `/containers/${Id}/resize`, { query: { h: size.rows + 1, w: size.columns + 1 } })
      .catch(() => {});
    followTerminalSize(client, `/containers/${Id}`);
  }
  if ((await session.ended) === 'detached') throw new StatusError('read escape sequence');
  const status = await watch.status;
  if (status !== 0) throw new StatusError('', status);
}
