import { spawn } from 'node:child_process';
import { CappedText } from './capped-text.ts';
import { systemError } from './errors.ts';

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_COMPLAINT_BYTES = 64 * 1024;

export interface ProgramResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and collects the beginning of what it printed. Resolves whatever the exit code; rejects with kind
 * `system` if it cannot be started (the message names the program).
 */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { input?: string | Buffer; env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<ProgramResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env: options.env ?? process.env, cwd: options.cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    const stdout = new CappedText(MAX_OUTPUT_BYTES);
    const stderr = new CappedText(MAX_COMPLAINT_BYTES);
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.stdin.on('error', () => {}); // the program may end before it has read its input
    child.on('error', (error) => reject(systemError(`cannot run ${file}: ${error.message}`, error)));
    child.on('close', (code, signal) =>
      resolve({
        code: code ?? (signal ? 128 : 1),
        stdout: stdout.toString(),
        stderr: stderr.toString(),
      }),
    );
    child.stdin.end(options.input);
  });
}
