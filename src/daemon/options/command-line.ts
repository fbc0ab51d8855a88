/** The daemon's command line, read as pflag reads that of dockerd: `-H=x`, `-Hx`, `-H x`, `-Dl debug`, `--icc=false`. */
import { invalid } from '../../base/errors.ts';
import type { DaemonOption } from './option.ts';
import { DAEMON_OPTIONS } from './table.ts';

/** The values of each option, in the order in which they are given. */
export type GivenFlags = ReadonlyMap<DaemonOption, readonly string[]>;

interface Place {
  readonly argv: readonly string[];
  next: number;
}

/** @throws invalid in pflag's words */
export function readCommandLine(argv: readonly string[]): GivenFlags {
  const given = new Map<DaemonOption, string[]>();
  const store = (option: DaemonOption, value: string): void => {
    const values = given.get(option);
    if (values) values.push(value);
    else given.set(option, [value]);
  };
  const place: Place = { argv, next: 0 };
  while (place.next < argv.length) {
    const arg = argv[place.next++]!;
    if (arg === '--') {
      if (place.next < argv.length) refusePositional(argv[place.next]!);
    } else if (arg.startsWith('--')) readLong(arg, place, store);
    else if (arg.startsWith('-') && arg !== '-') readShort(arg, place, store);
    else refusePositional(arg);
  }
  return given;
}

const SEE_HELP = "See 'causeway daemon --help'.";

function refusePositional(arg: string): never {
  throw invalid(`"causeway daemon" accepts no arguments, got "${arg}"`);
}

function readLong(arg: string, place: Place, store: (option: DaemonOption, value: string) => void): void {
  const equals = arg.indexOf('=');
  const name = equals === -1 ? arg.slice(2) : arg.slice(2, equals);
  const option = DAEMON_OPTIONS.find(({ flag }) => flag !== '' && flag === name);
  if (!option) throw invalid(`unknown flag: --${name}\n${SEE_HELP}`);
  if (equals !== -1) store(option, arg.slice(equals + 1));
  else if (option.kind === 'switch') store(option, 'true');
  else if (place.next < place.argv.length) store(option, place.argv[place.next++]!);
  else throw invalid(`flag needs an argument: --${name}`);
}

/** Several letters: switches, and at most one that takes the rest, or the next argument, as its value. */
function readShort(arg: string, place: Place, store: (option: DaemonOption, value: string) => void): void {
  for (let rest = arg.slice(1); rest !== '';) {
    const letter = rest[0]!;
    const option = DAEMON_OPTIONS.find(({ short }) => short === letter);
    if (!option) throw invalid(`unknown shorthand flag: '${letter}' in ${arg}\n${SEE_HELP}`);
    rest = rest.slice(1);
    if (rest.startsWith('=')) return store(option, rest.slice(1));
    if (option.kind === 'switch') store(option, 'true');
    else if (rest !== '') return store(option, rest);
    else if (place.next < place.argv.length) return store(option, place.argv[place.next++]!);
    else throw invalid(`flag needs an argument: '${letter}' in ${arg}`);
  }
}
