/** conmon's command line for a container. */
import { join, relative } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { OciSpec } from './oci-spec.ts';
import type { RuntimeProgram } from './runtime-program.ts';

export interface CreateRequest {
  readonly id: string;
  /** A directory of its own; config.json and conmon's sockets are put there. */
  readonly bundle: string;
  readonly spec: OciSpec;
  readonly runtime: string; // '' = the default
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly logPath: string | null; // null = no log
  /** conmon starts a new file when it would grow beyond this; what was in it is lost. */
  readonly logMaxBytes?: number;
}

export function conmonArguments(request: CreateRequest, program: RuntimeProgram, exitDirectory: string): string[] {
  const { id, bundle, tty, openStdin, stdinOnce } = request;
  const args = ['--api-version', '1', '-c', id, '-u', id, '-r', program.executable(), '-b', bundle];
  args.push(
    '-p',
    join(bundle, 'pidfile'),
    '--conmon-pidfile',
    conmonPidFile(bundle),
    '--exit-dir',
    exitDirectory,
    '--full-attach',
    '--no-sync-log',
  );
  args.push('-l', logTarget(request.logPath, bundle));
  if (request.logMaxBytes !== undefined) args.push('--log-size-max', String(request.logMaxBytes));
  for (const arg of program.globalArgs) args.push('--runtime-arg', arg);
  if (tty) args.push('-t');
  if (openStdin) args.push('-i');
  // Docker ends a process's stdin with the client's only where it is meant for one client, and never a terminal's.
  if (openStdin && (!stdinOnce || tty)) args.push('--leave-stdin-open');
  return args;
}

/** Where conmon leaves the number of the process that it goes on as. */
export const conmonPidFile = (bundle: string): string => join(bundle, 'conmon.pid');

// conmon cuts 'k8s-file:PATH' at every colon; seen from the bundle the path may have none.
function logTarget(path: string | null, bundle: string): string {
  if (path === null) return 'none';
  const usable = path.includes(':') ? relative(bundle, path) : path;
  if (usable.includes(':')) throw invalid(`the path of a container's log must not contain a colon: ${path}`);
  return `k8s-file:${usable}`;
}
