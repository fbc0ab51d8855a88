/** Runs the command line (or Docker's, as an oracle) as a process and collects what it said. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
export const DOCKER = '/usr/local/bin/docker';
export const hasDocker = existsSync(DOCKER);

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ClientOptions {
  readonly host?: string;
  readonly input?: string | Buffer;
  readonly env?: NodeJS.ProcessEnv;
  /** Gets the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export function runCausewayClient(args: readonly string[], options: ClientOptions = {}): Promise<Outcome> {
  return runProcess(process.execPath, ['--', join(root, 'dist/cli.cjs'), ...args], options);
}

export function runDockerClient(args: readonly string[], options: ClientOptions = {}): Promise<Outcome> {
  return runProcess(DOCKER, args, options);
}

function runProcess(file: string, args: readonly string[], { host, input, env, onStart }: ClientOptions): Promise<Outcome> {
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: { ...inherited, TZ: 'UTC', HOME: '/nonexistent', CAUSEWAY_HOST: '', ...(host ? { DOCKER_HOST: host } : {}), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() }));
    onStart?.(child);
    if (input !== undefined) child.stdin.end(input);
    else if (!onStart) child.stdin.end();
  });
}
