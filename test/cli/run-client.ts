/** Runs the command line (or Docker's, as an oracle) as a process and collects what it said. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const DOCKER = '/usr/local/bin/docker';
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
  /** The outcome has the bytes of standard output as well. */
  readonly binary?: boolean;
  /** Gets the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

export function runCausewayClient(
  args: readonly string[],
  options: ClientOptions & { binary: true },
): Promise<Outcome & { stdoutBytes: Buffer }>;
export function runCausewayClient(args: readonly string[], options?: ClientOptions): Promise<Outcome>;
export function runCausewayClient(args: readonly string[], options: ClientOptions = {}): Promise<Outcome> {
  return runProcess(process.execPath, ['--', join(root, 'dist/cli.cjs'), ...args], options);
}

export function runDockerClient(args: readonly string[], options: ClientOptions = {}): Promise<Outcome> {
  return runProcess(DOCKER, args, options);
}

function runProcess(
  file: string,
  args: readonly string[],
  { host, input, env, onStart, binary }: ClientOptions,
): Promise<Outcome> {
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: {
        ...inherited,
        TZ: 'UTC',
        HOME: '/nonexistent',
        CAUSEWAY_HOST: '',
        ...(host ? { DOCKER_HOST: host } : {}),
        ...env,
      },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => {
      const bytes = Buffer.concat(stdout);
      resolve({
        code,
        stdout: bytes.toString(),
        stderr: Buffer.concat(stderr).toString(),
        ...(binary ? { stdoutBytes: bytes } : {}),
      });
    });
    onStart?.(child);
    if (input !== undefined) child.stdin.end(input);
    else if (!onStart) child.stdin.end();
  });
}

export interface TerminalOptions {
  readonly host: string;
  readonly rows: number;
  readonly columns: number;
  /** When the output has the first text, the second is typed; then the next pair. An empty text: a moment later. */
  readonly when: readonly (readonly [shown: string, typed: string])[];
  readonly home?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** The same in a pseudo-terminal of that size, made by script(1). */
export function runCausewayInTerminal(
  args: readonly string[],
  options: TerminalOptions,
): Promise<{ code: number | null; output: string }> {
  const quoted = [process.execPath, '--', join(root, 'dist/cli.cjs'), ...args].map((word) => `'${word}'`).join(' ');
  return runInTerminal(`exec ${quoted}`, options);
}

/** A line of sh(1) there. */
export function runInTerminal(
  line: string,
  options: TerminalOptions,
): Promise<{ code: number | null; output: string }> {
  const command = `stty rows ${options.rows} cols ${options.columns}; ${line}`;
  const { NODE_EXTRA_CA_CERTS: _, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', command, '/dev/null'], {
      env: {
        ...inherited,
        SHELL: '/bin/sh',
        HOME: options.home ?? '/nonexistent',
        CAUSEWAY_HOST: options.host,
        ...options.env,
      },
    });
    let output = '';
    const waiting = [...options.when];
    const typeNext = () => {
      const [shown, typed] = waiting[0] ?? [];
      if (shown === undefined || !output.includes(shown)) return;
      waiting.shift();
      child.stdin.write(typed ?? '');
      setTimeout(typeNext, 300);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      setTimeout(typeNext, 100);
    });
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, output }));
  });
}
