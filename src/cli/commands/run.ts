/** `run`: create, attach, start, and stay until it ends. */
import type { ApiClient } from '../api/client.ts';
import { configuredDetachKeys } from '../api/registry-auth.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { StatusError } from '../command/status-error.ts';
import { AttachSession, requireTerminal } from '../container/attach-session.ts';
import { containerFlags, creationFlags } from '../container/create-flags.ts';
import { createRequest, type CreateRequest } from '../container/create-request.ts';
import { checkPullPolicy, createContainer, failure } from '../container/create.ts';
import { watchExit } from '../container/exit-status.ts';
import { proxySignals } from '../container/signal-proxy.ts';
import { followTerminalSize, terminalSize } from '../container/terminal-size.ts';
import { parseDetachKeys } from '../terminal/detach-keys.ts';
import { printLine } from '../terminal/output.ts';

export const runCommand: Command = {
  use: 'run [OPTIONS] IMAGE [COMMAND] [ARG...]',
  short: 'Create and run a new container from an image',
  aliases: ['container run', 'run'],
  args: [1, Infinity],
  interspersed: false,
  flags: [
    ...containerFlags,
    ...creationFlags('running'),
    { name: 'detach', short: 'd', type: type.bool, usage: 'Run container in background and print container ID' },
    { name: 'detach-keys', type: type.string, usage: 'Override the key sequence for detaching a container' },
    { name: 'sig-proxy', type: type.bool, preset: 'true', usage: 'Proxy received signals to the process' },
  ],
  run,
};

async function run({ flags, args, client }: Call): Promise<void> {
  let request: CreateRequest;
  try {
    checkPullPolicy(flags.string('pull'));
    request = createRequest(flags, args[0] ?? '', args.slice(1));
  } catch (error) {
    throw failure(error, 'run');
  }
  const { config, autoRemove } = request;
  if (flags.bool('detach')) {
    if (flags.list('attach').length > 0)
      throw new StatusError('conflicting options: cannot specify both --attach and --detach');
    config.AttachStdin = config.AttachStdout = config.AttachStderr = config.StdinOnce = false;
  } else requireTerminal(config.AttachStdin, config.Tty);
  const detachKeys = flags.string('detach-keys');
  if (detachKeys !== '') parseDetachKeys(detachKeys);

  const id = await createContainer(client, flags, request).catch((error: unknown) => {
    throw startFailure(error);
  });
  if (flags.bool('sig-proxy')) proxySignals(client, id);
  if (!config.AttachStdin && !config.AttachStdout && !config.AttachStderr) {
    // Printed first: a reader of it may have to feed the container before it starts.
    printLine(id);
    return startDetached(client, id, autoRemove);
  }
  await runAttached(client, id, request, detachKeys || (config.Tty ? configuredDetachKeys() : ''));
}

async function startDetached(client: ApiClient, id: string, autoRemove: boolean): Promise<void> {
  // Only a failed start of a --rm container has something to wait for.
  try {
    await client.done('POST', `/containers/${id}/start`);
  } catch (error) {
    if (autoRemove) await waitRemoved(client, id);
    throw startFailure(error);
  }
}

async function waitRemoved(client: ApiClient, id: string): Promise<void> {
  try {
    await (
      await watchExit(client, id, 'removed')
    ).status;
  } catch {
    // gone already
  }
}

async function runAttached(
  client: ApiClient,
  id: string,
  { config, autoRemove }: CreateRequest,
  detachKeys: string,
): Promise<void> {
  const streams = { stdin: config.AttachStdin, stdout: config.AttachStdout, stderr: config.AttachStderr };
  // Both are set up before the start, so that neither the first byte nor the exit is missed; neither needs the other.
  const attaching = client
    .hijack(`/containers/${id}/attach`, { query: { stream: true, ...streams, detachKeys: detachKeys || undefined } })
    .then((connection) => new AttachSession(connection, { ...streams, tty: config.Tty, detachKeys }));
  const watching = watchExit(client, id, autoRemove ? 'removed' : 'next-exit');
  const [session, watch] = await Promise.all([attaching, watching]);
  try {
    await client.done('POST', `/containers/${id}/start`);
  } catch (error) {
    session.close();
    if (autoRemove) await watch.status;
    throw startFailure(error);
  }
  if (config.Tty && terminalSize()) followTerminalSize(client, `/containers/${id}`);

  const showsOutput = streams.stdout || streams.stderr;
  const end = await (showsOutput
    ? session.ended
    : Promise.race([session.ended, watch.status.then(() => 'output-ended' as const)]));
  if (end === 'detached') return;
  const status = await watch.status;
  session.close();
  if (status !== 0) throw new StatusError('', status);
}

const startFailure = (error: unknown): StatusError =>
  failure(error, 'run', error instanceof StatusError ? error.runExitCode : 125);
