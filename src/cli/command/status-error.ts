/**
 * How a command ends when it does not end well: the sentence for standard error (empty: say nothing, as when a
 * container's own exit code is passed on) and the exit code. 1 unless a command knows better; 125 for the engine's
 * and the command line's own failures in `run`, `create` and in the parsing of flags.
 */
export class StatusError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'StatusError';
    this.exitCode = exitCode;
  }
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
