import { spawn } from 'node:child_process';
import { CappedText } from './capped-text.ts';
import { systemError } from './errors.ts';

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_COMPLAINT_BYTES = 64 * 1024;

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** More was printed than `stdout` holds. */
  readonly cut: boolean;
}

/**
 * Runs a program to its end and collects the beginning of what it printed. Resolves whatever the exit code; rejects
 * with kind `system` if it cannot be started or does not end within `timeoutMs` (the message names the program; `late`
 * is called first), or is killed by `signal`.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: {
    input?: string | Buffer;
    env?: NodeJS.ProcessEnv;
    cwd?: string;
    timeoutMs?: number;
    late?: () => void;
    signal?: AbortSignal;
    /** What it has started ends with it where it is given up: a program of its own that waits for a server, say. */
    withChildren?: boolean;
  } = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      env: options.env ?? process.env,
      cwd: options.cwd,
      detached: options.withChildren ?? false, // a process group of its own
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const stdout = new CappedText(MAX_OUTPUT_BYTES);
    const stderr = new CappedText(MAX_COMPLAINT_BYTES);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const { timeoutMs } = options;
    const { signal } = options;
    const giveUp = (why: string) => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      if (options.withChildren) killGroup(child.pid);
      // A process that inherited its pipes may keep them open; this is not waited for.
      for (const pipe of [child.stdout, child.stderr]) pipe.destroy();
      reject(systemError(`${file} ${why}`));
    };
    const tooLate = () => {
      options.late?.();
      giveUp(`did not end within ${timeoutMs! / 1000} s`);
    };
    const timer = timeoutMs === undefined ? undefined : setTimeout(tooLate, timeoutMs);
    const aborted = () => giveUp('was ended');
    if (signal?.aborted) aborted();
    signal?.addEventListener('abort', aborted, { once: true });
    child.once('exit', () => signal?.removeEventListener('abort', aborted));
    child.stdin.on('error', () => {}); // the program may end before it has read its input
    child.on(
      'error',
      (error) => (clearTimeout(timer), reject(systemError(`cannot run ${file}: ${error.message}`, error))),
    );
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({
        code: code ?? (signal ? 128 : 1),
        stdout: stdout.toString(),
        stderr: stderr.toString(),
        cut: stdout.cut,
      });
    });
    child.stdin.end(options.input);
  });
}

/** Nobody else has the number: the one whose it is has been ended, and is reaped in a later turn. */
function killGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, 'SIGKILL');
  } catch {
    // all of them have ended
  }
}
