/** What a command is: its grammar for the parser and --help, and what it does. */
import type { ApiClient } from '../api/client.ts';
import type { Endpoints } from '../api/endpoint.ts';
import type { Flag, FlagSet } from './flag-set.ts';

export interface Command {
  /** The usage line behind the program's name; `name` is its first word. Further forms on lines of their own. */
  readonly use: string;
  readonly short: string;
  /** Shown by --help instead of `short`. */
  readonly long?: string;
  /** Every way to call it, as --help lists them, without the program's name: ["container run", "run"]. */
  readonly aliases?: readonly string[];
  readonly flags: readonly Flag[];
  /** How many arguments: [at least, at most]. */
  readonly args: readonly [number, number];
  /** False: flags end at the first argument, as for `run IMAGE ls -l`. */
  readonly interspersed?: boolean;
  run(call: Call): Promise<void> | void;
}

/** One use of a command. */
export interface Call {
  /** The words that select it, program included: "causeway container run". */
  readonly path: string;
  readonly flags: FlagSet;
  readonly args: readonly string[];
  /** Connects when first used. */
  readonly client: ApiClient;
  readonly endpoints: Pick<Endpoints, 'context' | 'defaultHost'>;
  /** -D */
  readonly debug: boolean;
}

/** A line of help and where the command is: modules are loaded when their command is called. */
export interface Entry {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly short: string;
  /** Where the top level lists it. */
  readonly section?: 'common';
  readonly hidden?: boolean;
  load(): Promise<Command>;
}

export interface Group {
  readonly name: string;
  readonly short: string;
  readonly entries: readonly Entry[];
  /** The command behind the bare name of the group, where Docker has one: `port CONTAINER`. */
  readonly bare?: {
    readonly entry: Entry;
    /** False: the words behind the group's name may be arguments of the bare command although the first names an entry. */
    names(words: readonly string[]): boolean;
  };
}

export function usageLine(path: string, use: string): string {
  const parent = path.slice(0, path.lastIndexOf(' ') + 1);
  return use
    .split('\n')
    .map((form) => parent + form)
    .join('\n\t');
}
