/** One command run inside a container, from its request to its exit code. */
import type { ExecCreateBody, ExecInspectJson } from '../../wire/exec.ts';
import type { IdJson } from '../../wire/system.ts';
import type { ApiClient } from '../api/client.ts';
import { StatusError } from '../command/status-error.ts';
import { AttachSession } from './attach-session.ts';
import { followTerminalSize, terminalSize } from './terminal-size.ts';

/** What the session looks at is there in any case. */
export interface ExecRequest extends ExecCreateBody {
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly Tty: boolean;
  readonly DetachKeys: string;
}

export async function createExec(client: ApiClient, container: string, request: ExecRequest): Promise<string> {
  const { Id } = await client.json<IdJson>('POST', `/containers/${encodeURIComponent(container)}/exec`, {
    body: { ...request, ConsoleSize: consoleSize(request.Tty) },
  });
  return Id;
}

function consoleSize(tty: boolean): [number, number] | undefined {
  const size = tty ? terminalSize() : undefined;
  return size && [size.rows, size.columns];
}

/** Rejects with the exit code of the command, if that is not 0. */
export async function runExec(client: ApiClient, execId: string, request: ExecRequest): Promise<void> {
  const connection = await client.hijack(`/exec/${execId}/start`, {
    body: { Detach: false, Tty: request.Tty, ConsoleSize: consoleSize(request.Tty) },
  });
  const session = new AttachSession(connection, {
    stdin: request.AttachStdin,
    stdout: request.AttachStdout,
    stderr: request.AttachStderr,
    tty: request.Tty,
    detachKeys: request.DetachKeys,
  });
  if (request.Tty && terminalSize()) followTerminalSize(client, `/exec/${execId}`);
  if ((await session.ended) === 'detached') throw new StatusError('read escape sequence');
  const { ExitCode } = await client.json<ExecInspectJson>('GET', `/exec/${execId}/json`);
  if (ExitCode) throw new StatusError('', ExitCode);
}
