/** Further processes in a running container: conmon in its exec mode, one for each, with a directory for its sockets. */
import { closeSync, mkdirSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { openPipe } from '../kernel/spawn.ts';
import type { RuntimeSession } from './attach-session.ts';
import { ReportPipe, startConmon } from './conmon.ts';
import { connectAttach, writeControl } from './attach-socket.ts';
import { WatchedProcess } from './container-process.ts';
import type { OciProcess } from './oci-spec.ts';
import { environment } from './quick-program.ts';
import { execError } from './runtime-errors.ts';
import type { RuntimeProgram } from './runtime-program.ts';
import { serializeSpec } from './spec.ts';
import { StdioConnection } from './stdio-connection.ts';

export interface ExecRequest {
  readonly process: OciProcess;
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Connect to its stdio before it starts. */
  readonly attach: boolean;
}

export interface ExecHandle {
  readonly pid: number;
  readonly session: RuntimeSession | null;
  /** The exit code; all output has been handed to the session's socket by then. 255 when conmon was killed. */
  readonly exited: Promise<number>;
  resize(rows: number, columns: number): void;
  /** Sends a signal; false when the process has ended. */
  kill(signal: number): boolean;
}

interface ExecStart extends ExecRequest {
  readonly containerId: string;
  readonly execId: string;
  readonly directory: string;
  readonly conmonPath: string;
  readonly program: RuntimeProgram;
}

/** Resolves when the process runs. StartError where the runtime refuses it; nothing is left behind then. */
export async function startExec(start: ExecStart): Promise<ExecHandle> {
  const { directory, tty, stdin, process: spec } = start;
  const cleanUp = () => rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const processFile = join(directory, 'process.json');
  const args = ['--api-version', '1', '--sync', '-e', '-c', start.containerId, '-u', start.execId, '-r', start.program.executable()];
  args.push('-b', directory, '-p', join(directory, 'pidfile'), '--exec-process-spec', processFile, '--full-attach', '-l', 'none');
  for (const arg of start.program.globalArgs) args.push('--runtime-arg', arg);
  if (tty) args.push('-t');
  if (stdin) args.push('-i');
  if (stdin && tty) args.push('--leave-stdin-open');
  const request = { conmonPath: start.conmonPath, args, cwd: directory, env: environment() };

  let session: RuntimeSession | null = null;
  let conmon: ReturnType<typeof startConmon>;
  try {
    writeFileSync(processFile, serializeSpec(spec), { mode: 0o600 });
    if (start.attach) ({ conmon, session } = await startAttached(request, directory, { tty, stdinEnds: stdin && !tty }));
    else conmon = startConmon(request);
  } catch (error) {
    cleanUp();
    throw error;
  }
  const watched = new WatchedProcess(conmon.pid);
  const report = await conmon.reports.next();
  if (report === undefined || report.data <= 0) {
    session?.detach();
    watched.signal(9);
    await watched.ended;
    conmon.reports.close();
    cleanUp();
    throw execError(report?.message || conmon.reports.rest || 'conmon ended without a word', spec.args[0] ?? '');
  }
  const program = new WatchedProcess(report.data);
  const exited = (async () => {
    const last = await conmon.reports.next();
    conmon.reports.close();
    await watched.ended;
    program.release();
    cleanUp();
    return last === undefined ? 255 : last.data & 0xff;
  })();
  return {
    pid: report.data,
    session,
    exited,
    resize: (rows, columns) => writeControl(directory, rows, columns),
    kill: (signal) => program.signal(signal),
  };
}

// conmon waits twice for a byte on its start pipe: before anything, and (having said on its attach pipe that the socket
// stands) before it starts the runtime. In between we connect, so that the first byte of output finds us.
async function startAttached(request: Parameters<typeof startConmon>[0], directory: string, stdio: { tty: boolean; stdinEnds: boolean }) {
  const start = openPipe();
  const attach = openPipe({ nonBlockingRead: true });
  const ready = new ReportPipe(attach.readFd);
  try {
    writeSync(start.writeFd, '\0');
    let conmon: ReturnType<typeof startConmon>;
    try {
      conmon = startConmon({ ...request, args: [...request.args, '--exec-attach'], pipes: { _OCI_STARTPIPE: start.readFd, _OCI_ATTACHPIPE: attach.writeFd } });
    } finally {
      closeSync(attach.writeFd);
    }
    if ((await ready.next()) === undefined) return { conmon, session: null }; // its sync pipe says why
    const session = new StdioConnection(connectAttach(directory), stdio).join({ stdin: true });
    writeSync(start.writeFd, '\0');
    return { conmon, session };
  } finally {
    ready.close();
    closeSync(start.readFd);
    closeSync(start.writeFd);
  }
}
