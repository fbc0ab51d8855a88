/** One row of the table of the daemon's options: what it is called on the command line and in the file, and its status. */

/**
 * The shape of a value. In the file: 'text' is a string, 'list' strings, 'switch' a boolean, 'number' an integer, 'size'
 * a string like "64m" or bytes, 'pairs' an object of strings, 'switches' an object of booleans; the others have shapes
 * of their own (file-values.ts); 'address-list' is 'addresses' that the file has as a list only. On the command line lists, pairs and the like are given once for each entry.
 */
export type Kind =
  | 'text'
  | 'list'
  | 'addresses'
  | 'address-list'
  | 'switch'
  | 'number'
  | 'size'
  | 'pairs'
  | 'switches'
  | 'pools'
  | 'network-options'
  | 'ulimits'
  | 'runtimes'
  | 'object';

export type Status = 'done' | 'no effect' | 'refused';

/** What a value means where the status of its row does not hold for all values: '' it is done. */
export interface Judgement {
  readonly status: Status;
  readonly why: string;
}

export interface DaemonOption {
  /** Identifies the row: the flag, or the key where there is no flag. */
  readonly name: string;
  readonly flag: string; // '' = a key of the file only
  readonly short?: string;
  readonly key: string; // '' = a flag only
  readonly kind: Kind;
  readonly help: string;
  /** As shown; '' where there is none. */
  readonly fallback: string;
  readonly status: Status;
  /** For 'no effect' and 'refused': the reason, and what to do instead. */
  readonly why: string;
  /** Statuses of values that differ from the row's. */
  readonly judge?: (values: readonly string[]) => Judgement | undefined;
  /** A changed file counts after SIGHUP. */
  readonly reloads: boolean;
  /** Not in --help: of older releases of dockerd, or of the file only. */
  readonly hidden: boolean;
}

type Extra = Partial<Pick<DaemonOption, 'short' | 'key' | 'fallback' | 'judge' | 'reloads' | 'hidden'>>;

const row = (flag: string, kind: Kind, help: string, extra: Extra, status: Status, why: string): DaemonOption => ({
  name: flag,
  flag,
  key: flag,
  kind,
  help,
  fallback: '',
  reloads: false,
  hidden: false,
  status,
  why,
  ...extra,
});

export const done = (flag: string, kind: Kind, help: string, extra: Extra = {}): DaemonOption =>
  row(flag, kind, help, extra, 'done', '');

export const noEffect = (flag: string, kind: Kind, help: string, why: string, extra: Extra = {}): DaemonOption =>
  row(flag, kind, help, extra, 'no effect', why);

export const refused = (flag: string, kind: Kind, help: string, why: string, extra: Extra = {}): DaemonOption =>
  row(flag, kind, help, extra, 'refused', why);
