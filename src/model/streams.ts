/** What comes out of containers and their logs, and what of it is asked for. */
export interface OutputFrame {
  readonly stream: 'stdout' | 'stderr';
  readonly data: Buffer;
}

export interface LogFrame extends OutputFrame {
  /** What its log driver was told to add. */
  readonly attrs?: Readonly<Record<string, string>>;
  readonly timeNs: bigint;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly stream: boolean; // live; else only what `logs` gives
  readonly logs: boolean; // earlier output first
}

export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly tail: number; // -1 = all
  readonly sinceNs: bigint; // 0 = from the start
  readonly untilNs: bigint; // 0 = no end
}
