/** What attach, logs and exec need of an engine. */
import type { AttachOptions, LogFrame, LogQuery, OutputFrame } from '../../model/streams.ts';
import type { ExecSpec } from '../../model/exec.ts';

/**
 * A live connection to a container's or exec's stdio. `output` frames come in the order they were written; the
 * api multiplexes them (raw when `tty`). It ends when the process has ended and all output was delivered.
 */
export interface AttachSession {
  readonly tty: boolean;
  /**
   * False where the end of a client's input must not end the process's (OpenStdin without StdinOnce). Absent = true.
   */
  readonly stdinOnce?: boolean;
  output: AsyncIterable<OutputFrame>;
  /** Resolves when the chunk is accepted: await it before the next (back pressure). */
  writeStdin(chunk: Buffer): Promise<void>;
  closeStdin(): Promise<void>;
  /** Lets go of the streams; the process goes on. */
  detach(): void;
}

export interface ClaimedExec {
  readonly spec: ExecSpec;
  /** Null when detached. Fails where the command cannot be run. */
  start(options: {
    readonly detach: boolean;
    readonly consoleSize: readonly [number, number] | null;
  }): Promise<AttachSession | null>;
}

export interface ExecView {
  readonly id: string;
  readonly containerId: string;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
  readonly spec: ExecSpec;
  readonly openStdin: boolean;
}

export interface StreamBackend {
  /** Works on created containers too (docker attaches before it starts): output begins when the process does. */
  attach(ref: string, options: AttachOptions): Promise<AttachSession>;
  /** `tty` tells the api to send raw instead of multiplexed output. */
  logs(
    ref: string,
    options: LogQuery,
    signal: AbortSignal,
  ): Promise<{ tty: boolean; frames: AsyncIterable<readonly LogFrame[]> }>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  execCreate(ref: string, spec: ExecSpec): Promise<string>;
  /** Takes the one start of an exec: what its state or its container's forbids is refused here, not by the start. */
  execClaim(id: string): Promise<ClaimedExec>;
  execInspect(id: string): Promise<ExecView>;
  /** Refuses (notFound) where it has ended. */
  execResize(id: string, rows: number, columns: number): Promise<void>;
}
