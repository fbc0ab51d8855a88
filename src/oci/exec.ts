/**
 * Further processes in a running container: conmon in its exec mode, one for each, with a directory for its sockets.
 */
import { closeSync, mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tryAgainLater } from '../base/again.ts';
import { conflict, errorCode, errorMessage } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { kill } from '../kernel/process.ts';
import { StartError } from '../model/start-error.ts';
import { killTreeOrRoot } from '../kernel/process-tree.ts';
import { childEnd, openPipe } from '../kernel/spawn.ts';
import type { RuntimeSession } from './attach-session.ts';
import { ReportPipe, startConmon } from './conmon.ts';
import { conmonPidFile } from './conmon-arguments.ts';
import { connectAttach, writeControl } from './attach-socket.ts';
import { joinContainer, joinContainerIfIn } from './container-cgroup.ts';
import { WatchedProcess } from './container-process.ts';
import type { Operation, Operations } from './operation.ts';
import type { Patience } from './patience.ts';
import { endSilentConmon } from './silent-conmon.ts';
import type { OciProcess } from './oci-spec.ts';
import { environment } from './quick-program.ts';
import { execError } from './runtime-errors.ts';
import type { RuntimeProgram } from './runtime-program.ts';
import { serializeSpec } from './spec.ts';
import { SIGKILL } from './signals.ts';
import { StdioConnection, type StdioOptions } from './stdio-connection.ts';
import { neverWaitForTerminal } from './terminal-input.ts';

export interface ExecRequest {
  readonly process: OciProcess;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Connect to its stdio before it starts. */
  readonly attach: boolean;
  /** How long the runtime may take to start it; the runtime's own patience is the most. */
  readonly startTimeoutMs?: number;
}

export interface ExecHandle {
  readonly pid: number;
  readonly session: RuntimeSession | null;
  /** The exit code; all output has been handed to the session's socket by then. 255 when conmon was killed. */
  readonly exited: Promise<number>;
  resize(rows: number, columns: number): void;
  /** After `exited`: nothing of it is left on the disk either. */
  readonly gone: Promise<void>;
  /** Sends a signal; false when the process has ended. */
  kill(signal: number): boolean;
}

interface ExecStart extends ExecRequest {
  readonly containerId: string;
  readonly execId: string;
  readonly directory: string;
  readonly conmonPath: string;
  readonly program: RuntimeProgram;
  readonly cgroupsPath: string;
  /** Whether the container's first process has not ended. */
  readonly runs: () => boolean;
  readonly operations: Operations;
  readonly patience: Patience;
  readonly log: Log;
}

/** Resolves when the process runs. StartError where the runtime refuses it; nothing is left behind then. */
export async function startExec(start: ExecStart): Promise<ExecHandle> {
  const { containerId, directory, patience, program } = start;
  const timeoutMs = Math.min(start.startTimeoutMs ?? Infinity, patience.runtimeMs);
  const begun: Begun = {};
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return await start.operations.run(
      { container: containerId, doing: 'exec', runtime: program.name, timeoutMs },
      (operation) => begin(start, operation, begun),
    );
  } catch (error) {
    await abandon(begun);
    await removeDirectory(start);
    // What the runtime met on the way while everything was taken away is no reason for anybody.
    if (!start.runs() && (error instanceof StartError || errorCode(error) !== undefined))
      throw conflict(`container ${containerId} is not running`, error);
    throw error;
  }
}

/** What has been started of an exec: it is ended if the rest fails. */
interface Begun {
  conmon?: ReturnType<typeof startConmon>;
  connection?: StdioConnection;
  pid?: number;
}

async function begin(start: ExecStart, operation: Operation, begun: Begun): Promise<ExecHandle> {
  const { directory, tty, stdin, process: spec } = start;
  const processFile = join(directory, 'process.json');
  writeFileSync(processFile, serializeSpec(spec), { mode: 0o600 });
  const request = {
    conmonPath: start.conmonPath,
    args: conmonArguments(start, processFile),
    cwd: directory,
    env: environment(),
  };
  const started = (conmon: ReturnType<typeof startConmon>) => {
    begun.conmon = conmon;
    joinContainer(start.cgroupsPath, conmon.pid); // before it starts the runtime, whose process then begins there
    operation.watch(conmon.pid, 'conmon');
    writeFileSync(conmonPidFile(directory), String(conmon.pid)); // for a daemon that finds it there when it is no longer needed
    return conmon;
  };
  const stdio = { tty, stdinEnds: stdin && !tty };
  const conmon = start.attach
    ? await startAttached(request, directory, stdio, started, begun)
    : startDetached(request, started);
  const connection = begun.connection;
  const session = connection?.join({ stdin: true }) ?? null;
  const watched = new WatchedProcess(conmon.pid);
  const report = await conmon.reports.next();
  if (report === undefined || report.data <= 0)
    throw execError(report?.message || conmon.reports.rest || 'conmon ended without a word', spec.args[0] ?? '');
  if (tty && stdin) neverWaitForTerminal(conmon.pid);
  begun.pid = report.data;
  const process = new WatchedProcess(report.data);
  await joinContainerIfIn(start.cgroupsPath, report.data);
  let lostCode: number | undefined;
  process.ended
    .then(async () => {
      connection?.takeRest();
      lostCode = await endSilentConmon(
        { container: start.containerId, process, conmon: watched, said: watched.ended },
        start.patience.conmonMs,
        start.log,
      );
    })
    .catch((error: unknown) =>
      start.log.error({ container: start.containerId, error: errorMessage(error) }, 'conmon of an exec that has ended'),
    );
  const exited = (async () => {
    const last = await conmon.reports.next().catch(() => undefined);
    conmon.reports.close();
    await watched.ended;
    process.release();
    return last === undefined ? (lostCode ?? 255) : last.data & 0xff;
  })();
  return {
    pid: report.data,
    session,
    exited,
    gone: exited.then(
      () => removeDirectory(start),
      () => removeDirectory(start),
    ),
    resize: (rows, columns) => writeControl(directory, rows, columns),
    kill: (signal) => process.signal(signal),
  };
}

async function abandon({ conmon, connection, pid }: Begun): Promise<void> {
  connection?.close();
  if (!conmon) return;
  killTreeOrRoot(conmon.pid);
  if (pid !== undefined) kill(pid, SIGKILL);
  await childEnd(conmon.pid);
  conmon.reports.close();
}

/** Not in the event loop: hundreds may end at once. */
async function removeDirectory({ directory, containerId, log }: ExecStart): Promise<void> {
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  await remove().catch(() =>
    tryAgainLater(remove, (error) =>
      log.warn({ id: containerId, error: errorMessage(error) }, 'files of an exec stay behind'),
    ),
  );
}

function conmonArguments(start: ExecStart, processFile: string): string[] {
  const { directory, program, tty, stdin } = start;
  const args = [
    '--api-version',
    '1',
    '--sync',
    '-e',
    '-c',
    start.containerId,
    '-u',
    start.execId,
    '-r',
    program.executable(),
  ];
  args.push(
    '-b',
    directory,
    '-p',
    join(directory, 'pidfile'),
    '--exec-process-spec',
    processFile,
    '--full-attach',
    '-l',
    'none',
  );
  for (const arg of program.globalArgs) args.push('--runtime-arg', arg);
  if (tty) args.push('-t');
  if (stdin) args.push('-i');
  if (stdin && tty) args.push('--leave-stdin-open');
  return args;
}

function startDetached(
  request: Parameters<typeof startConmon>[0],
  started: (conmon: ReturnType<typeof startConmon>) => ReturnType<typeof startConmon>,
): ReturnType<typeof startConmon> {
  const start = openPipe();
  try {
    const conmon = started(startConmon({ ...request, pipes: { _OCI_STARTPIPE: start.readFd } }));
    writeSync(start.writeFd, '\0');
    return conmon;
  } finally {
    closeSync(start.readFd);
    closeSync(start.writeFd);
  }
}

// conmon waits twice for a byte on its start pipe: before anything, and (having said on its attach pipe that the socket
// stands) before it starts the runtime. In between the daemon connects, so that it gets the first byte of output.
async function startAttached(
  request: Parameters<typeof startConmon>[0],
  directory: string,
  stdio: StdioOptions,
  started: (conmon: ReturnType<typeof startConmon>) => ReturnType<typeof startConmon>,
  begun: Begun,
): Promise<ReturnType<typeof startConmon>> {
  const start = openPipe();
  let attach: ReturnType<typeof openPipe> | undefined;
  let ready: ReportPipe | undefined;
  try {
    attach = openPipe({ nonBlockingRead: true });
    ready = new ReportPipe(attach.readFd);
    let conmon: ReturnType<typeof startConmon>;
    try {
      conmon = startConmon({
        ...request,
        args: [...request.args, '--exec-attach'],
        pipes: { _OCI_STARTPIPE: start.readFd, _OCI_ATTACHPIPE: attach.writeFd },
      });
    } finally {
      closeSync(attach.writeFd);
    }
    started(conmon);
    writeSync(start.writeFd, '\0'); // until then it neither forks nor starts anything: what is created elsewhere stays there
    if ((await ready.next()) === undefined) return conmon; // its sync pipe says why
    begun.connection = new StdioConnection(connectAttach(directory), stdio);
    writeSync(start.writeFd, '\0');
    return conmon;
  } finally {
    ready?.close();
    closeSync(start.readFd);
    closeSync(start.writeFd);
  }
}
