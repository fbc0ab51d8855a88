/**
 * Starting conmon, which holds a process's stdio and exit status so that both survive the daemon, and what it reports
 * on its sync pipe: JSON lines {"data": number, "message"?: string}. With --sync (for an exec) it stays the daemon's
 * child: one fork less.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { errorMessage, systemError } from '../base/errors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { FdWatch } from '../kernel/fd-watch.ts';
import { openPipe, spawnProgram } from '../kernel/spawn.ts';

/** A missing child program: names it and the package that has it. */
export function missingProgram(path: string, packageName: string, cause?: unknown) {
  return systemError(`cannot run ${path}: no such program; install the package "${packageName}"`, cause);
}

export interface SyncReport {
  readonly data: number;
  readonly message: string;
}

const MAX_TEXT_CHARACTERS = 256 * 1024;

/** The reading end of a pipe on which conmon writes one JSON object a line. */
export class ReportPipe {
  readonly #fd: number;
  readonly #watch: FdWatch;
  #text = '';
  #reports: SyncReport[] = [];
  #ended = false;
  #failure: Error | undefined;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(fd: number) {
    this.#fd = fd;
    this.#watch = new FdWatch(fd, { readable: true }, () => this.#read());
  }

  #read(): void {
    const buffer = Buffer.allocUnsafe(16 * 1024);
    let size: number;
    try {
      size = readSync(this.#fd, buffer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return;
      this.#failure = systemError(`the report of conmon cannot be read: ${errorMessage(error)}`, error); // reported to those that wait for it, and to no other
      size = 0;
    }
    if (size === 0) {
      this.#ended = true;
      this.close();
    }
    // A line of conmon's has at most the runtime's complaint in it.
    if (this.#text.length < MAX_TEXT_CHARACTERS) this.#text += buffer.toString('utf8', 0, size);
    for (let end = this.#text.indexOf('\n'); end >= 0; end = this.#text.indexOf('\n')) {
      const line = this.#text.slice(0, end);
      if (!line.startsWith('{')) break; // what conmon wrote to its stderr: kept for `rest`
      this.#text = this.#text.slice(end + 1);
      this.#reports.push(parseReport(line));
    }
    this.#wake?.();
  }

  /** The next report; undefined when conmon closed the pipe without one. @throws systemError where it cannot be read */
  async next(): Promise<SyncReport | undefined> {
    while (this.#reports.length === 0 && !this.#ended && !this.#closed)
      await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#reports.length === 0 && this.#failure) throw this.#failure;
    return this.#reports.shift();
  }

  /** Input that is not a report: conmon's own error text. */
  get rest(): string {
    return this.#text.trim();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.close();
    closeSync(this.#fd);
    this.#wake?.();
  }
}

function parseReport(line: string): SyncReport {
  try {
    const value = JSON.parse(line) as { data?: number; message?: string };
    return { data: value.data ?? -1, message: value.message ?? '' };
  } catch {
    // conmon escapes some control characters wrongly; the number is what it is.
    const data = /"data": (-?\d+)/.exec(line)?.[1];
    const message = /"message": "(.*)"\}$/.exec(line)?.[1] ?? '';
    return { data: Number(data ?? -1), message };
  }
}

let nullFd: number | undefined;

export interface ConmonRequest {
  readonly conmonPath: string;
  readonly args: readonly string[];
  readonly cwd: string; // where conmon leaves its 'oom' file
  readonly env: Readonly<Record<string, string>>;
  /** Further pipes: environment variable -> the end that conmon gets. */
  readonly pipes?: Readonly<Record<string, number>>;
}

/** Starts conmon; its pid, and its sync pipe. Does not wait for anything. */
export function startConmon(request: ConmonRequest): { pid: number; reports: ReportPipe } {
  nullFd ??= openSync('/dev/null', 'r+');
  const { readFd, writeFd } = openPipe({ nonBlockingRead: true });
  const fds = [nullFd, nullFd, writeFd, writeFd];
  const env: Record<string, string> = { ...request.env, _OCI_SYNCPIPE: '3' };
  for (const [variable, fd] of Object.entries(request.pipes ?? {})) {
    env[variable] = String(fds.length);
    fds.push(fd);
  }
  let pid: number;
  try {
    pid = spawnProgram({ file: request.conmonPath, args: request.args, env, cwd: request.cwd, fds });
  } catch (error) {
    closeSync(readFd);
    if (isKernelError(error, 'ENOENT', 'EACCES')) throw missingProgram(request.conmonPath, 'conmon', error);
    throw error;
  } finally {
    closeSync(writeFd);
  }
  return { pid, reports: new ReportPipe(readFd) };
}
