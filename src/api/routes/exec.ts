/** Commands run in a running container. */
import { errorKind, errorMessage, invalid } from '../../base/errors.ts';
import { execCreateSchema, execStartSchema, type ExecInspectJson } from '../../wire/exec.ts';
import type { IdJson } from '../../wire/system.ts';
import { runSession } from '../attached-stream.ts';
import { endConnection } from '../end-connection.ts';
import type { AttachSession } from '../backend/stream.ts';
import { MAX_PROCESS_JSON_BYTES, type Call } from '../call.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { expectHijack, hijack } from '../hijack.ts';
import { HTTP_STATUS } from '../http-status.ts';
import type { RouteTable } from '../route-table.ts';
import { frame, writeFrame, writeRaw } from '../stdcopy.ts';
import { streamType } from './streams.ts';

export function addExecRoutes(routes: RouteTable): void {
  routes.add('POST', '/containers/:name/exec', createExec);
  routes.add('POST', '/exec/:id/start', startExec);
  routes.add('POST', '/exec/:id/resize', resizeExec);
  routes.add('GET', '/exec/:id/json', inspectExec);
}

async function createExec(call: Call): Promise<void> {
  const request = await call.json(execCreateSchema, 'container.ExecOptions', { maxBytes: MAX_PROCESS_JSON_BYTES });
  if (request.Cmd.length === 0) throw invalid('No exec command specified');
  parseDetachKeys(request.DetachKeys, 'escape');
  const id = await call.backend.streams.execCreate(call.name, {
    cmd: request.Cmd,
    env: request.Env,
    user: request.User,
    workingDir: request.WorkingDir,
    tty: request.Tty,
    privileged: request.Privileged,
    attachStdin: request.AttachStdin,
    attachStdout: request.AttachStdout,
    attachStderr: request.AttachStderr,
    detachKeys: request.DetachKeys,
    consoleSize: consoleSize(request.ConsoleSize),
  });
  call.reply(201, { Id: id } satisfies IdJson);
}

function consoleSize(size: readonly number[] | null): readonly [number, number] | null {
  if (!size) return null;
  return [size[0] ?? 0, size[1] ?? 0];
}

async function startExec(call: Call): Promise<void> {
  expectHijack(call);
  const request = await call.json(execStartSchema, 'container.ExecStartOptions');
  parseDetachKeys(request.DetachKeys, 'escape');
  const exec = await call.backend.streams.execClaim(call.name);
  const consoleSizeAsked = request.Tty ? consoleSize(request.ConsoleSize) : null;
  if (request.Detach) {
    await exec.start({ detach: true, consoleSize: consoleSizeAsked });
    return call.replyEmpty(200);
  }
  // The head goes out before there can be output: clients that read ahead for it would lose what comes with it.
  const connection = hijack(call, streamType(call, request.Tty));
  let session: AttachSession | null;
  try {
    session = await exec.start({ detach: false, consoleSize: consoleSizeAsked });
  } catch (error) {
    // A command that cannot run says so on the stream, as with Docker: the client then asks for its exit code.
    call.logFailure(error, HTTP_STATUS[errorKind(error)]);
    const sentence = Buffer.from(`${errorMessage(error)}\r\n`);
    return endConnection(connection, request.Tty ? sentence : frame('stdout', sentence));
  }
  if (!session) return endConnection(connection);
  const { attachStdin, attachStdout, attachStderr, detachKeys } = exec.spec;
  const options = {
    stdin: attachStdin,
    stdout: attachStdout,
    stderr: attachStderr,
    write: request.Tty ? writeRaw : writeFrame,
    detachKeys: parseDetachKeys(request.DetachKeys || detachKeys, 'escape'),
  };
  await runSession(connection, session, options, call.log);
}

async function resizeExec(call: Call): Promise<void> {
  const rows = call.query.terminalSize('h', 'height');
  const columns = call.query.terminalSize('w', 'width');
  await call.backend.streams.execResize(call.name, rows, columns);
  call.replyEmpty(200);
}

async function inspectExec(call: Call): Promise<void> {
  const view = await call.backend.streams.execInspect(call.name);
  const { spec } = view;
  call.reply(200, {
    ID: view.id,
    Running: view.running,
    ExitCode: view.exitCode,
    ProcessConfig: {
      tty: spec.tty,
      entrypoint: spec.cmd[0] ?? '',
      arguments: spec.cmd.slice(1),
      privileged: spec.privileged,
      ...(spec.user === '' ? {} : { user: spec.user }),
    },
    OpenStdin: view.openStdin,
    OpenStderr: spec.attachStderr,
    OpenStdout: spec.attachStdout,
    CanRemove: false,
    ContainerID: view.containerId,
    DetachKeys: spec.detachKeys === '' ? '' : parseDetachKeys(spec.detachKeys, 'escape').toString('base64'),
    Pid: view.pid,
  } satisfies ExecInspectJson);
}
