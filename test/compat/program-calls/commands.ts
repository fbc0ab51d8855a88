/** Commands of the docker client, or of one that takes its place, as programs start them: with pipes, without a terminal. */
import { spawn, type ChildProcess } from 'node:child_process';
import { testEnvironment } from '../../harness/host.ts';
import { filled, read, valuesAt, type Kept } from './reads.ts';
import { Stream } from './streams.ts';
import type { Command } from './table.ts';

interface Running {
  readonly stream: Stream;
  readonly write: (text: string) => void;
  readonly finish: () => void;
  readonly close: () => void;
}

const TIMEOUT_MS = 120_000;

export class Commands {
  readonly #program: readonly string[];
  readonly #env: NodeJS.ProcessEnv;

  /** `program`: with the arguments that come before all others. */
  constructor(program: readonly string[], env: Readonly<Record<string, string>>) {
    this.#program = program;
    this.#env = { ...testEnvironment(), ...env };
  }

  async run(
    command: Command,
    kept: Record<string, unknown>,
  ): Promise<{ got: Record<string, string>; stays?: Running }> {
    const child = this.#start(command, kept);
    if (command.stays !== undefined) return { got: {}, stays: running(child, command) };
    const texts = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name]!.setEncoding('utf8').on('data', (part: string) => (texts[name] += part));
    const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    return { got: judge(command, code, texts, kept) };
  }

  #start(command: Command, kept: Kept): ChildProcess {
    const [file, ...first] = this.#program;
    const args = filled(command.docker, kept) as string[];
    const child = spawn(file!, [...first, ...args], { stdio: ['pipe', 'pipe', 'pipe'], env: this.#env });
    child.stdin!.on('error', () => {});
    if (command.stdin !== undefined || command.stays === undefined) child.stdin!.end(command.stdin ?? '');
    return child;
  }
}

function running(child: ChildProcess, command: Command): Running {
  const stream = new Stream(command.form ?? 'bytes', child.stdout!);
  child.stderr!.on('data', (part: Buffer) => (stream.output[2] = (stream.output[2] ?? '') + part.toString()));
  return {
    stream,
    write: (text) => void child.stdin!.write(text),
    finish: () => void child.stdin!.end(),
    close: () => void child.kill('SIGKILL'),
  };
}

function judge(
  command: Command,
  code: number | null,
  { stdout, stderr }: { stdout: string; stderr: string },
  kept: Record<string, unknown>,
): Record<string, string> {
  const wanted = command.exit ?? 0;
  const got: Record<string, string> = {
    exit: code === wanted ? String(wanted) : `${code} (${stdout}${stderr}), not ${wanted}`,
  };
  for (const [name, pattern, text] of [
    ['stdout', command.prints, stdout],
    ['stderr', command.complains, stderr],
  ] as const)
    if (pattern) got[name] = pattern.test(text) ? String(pattern) : `${JSON.stringify(text)}, not ${pattern}`;
  if (command.reads ?? command.keep) {
    const json = command.reads !== undefined || Object.values(command.keep ?? {}).some((path) => path !== '');
    const answer: unknown = json ? parsed(stdout) : stdout.trim();
    if (command.reads) Object.assign(got, read(answer, command.reads, kept));
    for (const [name, path] of Object.entries(command.keep ?? {})) kept[name] = valuesAt(answer, path)[0];
  }
  return got;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
