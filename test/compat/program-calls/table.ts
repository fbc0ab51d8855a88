/**
 * What the table of programs' calls is written in. A program is the calls that it makes of an engine, in their order,
 * and what it takes from the answers: where its own code reads no field, the table has none.
 */

/** A form that a value has where the value itself differs from engine to engine. */
export interface Kind {
  readonly kind: string;
  readonly test: (value: unknown) => boolean;
}

const kind = (name: string, test: Kind['test']): Kind => ({ kind: name, test });
const matches = (name: string, pattern: RegExp): Kind =>
  kind(name, (value) => typeof value === 'string' && pattern.test(value));
const number = (name: string, test: (value: number) => boolean): Kind =>
  kind(name, (value) => typeof value === 'number' && test(value));

export const ID = matches('id', /^[0-9a-f]{64}$/);
export const IMAGE_ID = matches('image id', /^sha256:[0-9a-f]{64}$/);
export const TIME = matches('time', /^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/);
export const ADDRESS = matches('address', /^\d+\.\d+\.\d+\.\d+$/);
export const MAC = matches('mac', /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
export const PORT = matches('port', /^[1-9]\d*$/);
export const TEXT = matches('text', /./);
export const VERSION = matches('version', /^\d+\.\d+/);
export const STRING = kind('string', (value) => typeof value === 'string');
export const PATH = matches('path', /^\//);
export const BOOLEAN = kind('boolean', (value) => typeof value === 'boolean');
export const COUNT = number('count', (value) => Number.isInteger(value) && value >= 0);
export const POSITIVE = number('positive', (value) => value > 0);
export const SECONDS = number('seconds', (value) => Number.isInteger(value) && value > 1.7e9 && value < 4e9);
export const NANOSECONDS = number('nanoseconds', (value) => value > 1.7e18);
export const LIST = kind('list', (value) => Array.isArray(value));
export const SOME = kind('list of some', (value) => Array.isArray(value) && value.length > 0);
export const OBJECT = kind('object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value));
export const ABSENT = kind('absent', (value) => value === undefined);
export const LIST_OR_NULL = kind('list or null', (value) => value === null || Array.isArray(value));

/**
 * Path -> the value itself or its kind. A path's parts have a space between them (`Config Labels a.b`), `*` is each of
 * a list or of an object's values.
 */
export type Reads = Readonly<Record<string, unknown>>;

/** What a program takes from a stream; of frames, what came on each. */
export type StreamForm = 'objects' | 'frames' | 'bytes';

export interface Call {
  /** `GET /v1.24/version`; `{name}` is what `keep` kept. */
  readonly call: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** 200 where it is not said. */
  readonly status?: number;
  readonly reads?: Reads;
  /** Of an answer that is a list: the one that `reads` and `keep` are about. */
  readonly find?: Reads;
  /** Name -> path of what later calls say. */
  readonly keep?: Readonly<Record<string, string>>;
  /** Headers that the program reads. */
  readonly readsHeaders?: Reads;
  /** What the answer's text has in it. */
  readonly has?: RegExp;
  /** Framed output that ends: what is on stdout (1) and stderr (2). */
  readonly frames?: Readonly<Record<1 | 2, RegExp>>;
  /** The stream stays open under this name. */
  readonly stays?: string;
  /** The program goes on before the answer has begun, which older versions of the API begin late. */
  readonly pending?: boolean;
  readonly form?: StreamForm;
  /** The connection is taken over. */
  readonly hijacks?: boolean;
}

/** Waits until something has come on an open stream. */
export interface Sees {
  readonly from: string;
  /** An object in which all of these are. */
  readonly object?: Reads;
  /** Output on stdout (1), stderr (2), or a terminal (0). */
  readonly output?: Readonly<Record<number, RegExp>>;
  /** The other side has ended it. */
  readonly end?: boolean;
}

export interface Sends {
  readonly to: string;
  readonly text?: string;
  /** The writing side is closed. */
  readonly end?: boolean;
}

export interface Closes {
  readonly closes: string;
}

/** A command of the docker client, with which some programs do everything. */
export interface Command {
  readonly docker: readonly string[];
  readonly stdin?: string;
  readonly exit?: number;
  readonly prints?: RegExp;
  readonly complains?: RegExp;
  /** stdout is JSON. */
  readonly reads?: Reads;
  /** Name -> path in that JSON, or '' for the whole text. */
  readonly keep?: Readonly<Record<string, string>>;
  /** It goes on under this name; its lines are a stream. */
  readonly stays?: string;
  readonly form?: StreamForm;
}

/** Calls until the answer is as it should be: what a program does in a loop. */
export interface Polls {
  readonly polls: Call;
}

/** The same again, as the answers to an earlier call make up the body of a later one. */
export interface Makes {
  readonly makes: string;
  readonly of: (kept: Readonly<Record<string, unknown>>) => unknown;
}

export type Step = Call | Sees | Sends | Closes | Command | Polls | Makes;

export interface Program {
  readonly name: string;
  /** Whose code the calls were read in. */
  readonly source: string;
  /** How it comes to the version of the API that it speaks. */
  readonly version: string;
  readonly agent?: string;
  readonly steps: readonly Step[];
}
