/**
 * Tries inputs on targets and judges what happens: a refusal is a sentence that this project wrote; anything else that
 * is thrown is a crash that nobody foresaw. A crash is cut down to its smallest input.
 */
import { CausewayError } from '../../src/base/errors.ts';
import { Random } from './random.ts';

/** For docs/reliability.md. */
export const FUZZ_ABOUT =
  "Whatever reads what comes from outside is given input that is hostile: in process, and sent to a real engine in which things run (`test/fuzz`). It is read, or refused in a sentence that is not one of Node's; " +
  'nothing takes 1.5 s of processor time; the daemon lives, answers and has no surprise in its log, a container that nobody touched runs on with its port, and no descriptor stays open.';

export type Input = string | Buffer | { readonly json: unknown };

/** Something that reads what comes from outside. */
export interface Target {
  readonly name: string;
  make(random: Random): Input;
  /** Reads it; throws what it throws. What it gives may be checked here: a failed check is a finding as well. */
  read(input: Input): void;
  /** Errors of its own kind that mean: refused. */
  readonly refusals?: readonly (new (...args: never[]) => Error)[];
}

export interface Finding {
  readonly target: string;
  readonly input: Input;
  readonly what: string;
}

/** Reading one input may take this much processor time; what takes longer can be made to take for ever. */
const MAX_CPU_MS = 1500;

/** What is wrong with how the target takes this input; undefined when nothing is. */
export function judge(target: Target, input: Input): string | undefined {
  const before = process.cpuUsage();
  try {
    target.read(input);
  } catch (error) {
    if (!isRefusal(target, error))
      return error instanceof Error
        ? `${error.name}: ${error.message}\n${(error.stack ?? '').split('\n').slice(1, 5).join('\n')}`
        : `threw ${String(error)}`;
    const fault = faultOfSentence(
      (error as Error).message,
      typeof input === 'string'
        ? input
        : Buffer.isBuffer(input)
          ? input.toString('latin1')
          : JSON.stringify(input.json),
    );
    if (fault !== undefined) return fault;
  }
  const used = process.cpuUsage(before);
  const ms = (used.user + used.system) / 1000;
  return ms > MAX_CPU_MS ? `took ${Math.round(ms)} ms of processor time` : undefined;
}

function isRefusal(target: Target, error: unknown): boolean {
  return (
    error instanceof CausewayError ||
    (target.refusals ?? []).some(
      (kind) => error instanceof kind && (kind !== (Error as never) || error.constructor === Error),
    )
  );
}

/**
 * Sentences that Node or V8 wrote, which say nothing to who reads them; undefined for one that a person wrote, or that
 * quotes what was `given`.
 */
export function faultOfSentence(message: string, given = ''): string | undefined {
  const words =
    /Cannot read propert|is not a function|is not iterable|is not defined|Cannot convert|Invalid array length|Maximum call stack|Invalid regular expression|BigInt|\bundefined\b(?!'| variable)|\[object \w+\]|ERR_[A-Z]|at position \d+|Unexpected (token|end)|must be of type|out of memory|ENOENT: |EACCES: |ENOTDIR: |EINVAL: |scandir|    at /.exec(
      message,
    );
  if (!words || given.includes(words[0])) return undefined;
  return `says what Node said (${words[0]}): ${message.slice(0, 300)}`;
}

export interface Tally {
  readonly counts: Map<string, number>;
  readonly findings: Finding[];
}

export interface Budget {
  readonly seed: number;
  /** For each target; or until `seconds` are over, whichever comes first. */
  readonly inputsPerTarget: number;
  readonly seconds: number;
}

/**
 * Targets take turns, so that a budget that ends early has met them all. A turn ends with its inputs, or when it has
 * taken long: what is read quickly gets more.
 */
export function tryAll(
  targets: readonly Target[],
  budget: Budget,
  report: (finding: Finding) => void = () => {},
): Tally {
  const tally: Tally = { counts: new Map(), findings: [] };
  const end = Date.now() + budget.seconds * 1000;
  const seen = new Set<string>();
  const turns = targets.map((target, index) => ({
    target,
    random: new Random(budget.seed + index * 7919),
    left: budget.inputsPerTarget,
  }));
  for (let open = turns; open.length > 0 && Date.now() < end; open = open.filter(({ left }) => left > 0)) {
    for (const turn of open) {
      const turnEnd = Date.now() + TURN_MS;
      for (; turn.left > 0 && Date.now() < turnEnd; turn.left--) tryOne(turn.target, turn.random, tally, seen, report);
    }
  }
  return tally;
}

const TURN_MS = 100;

function tryOne(
  target: Target,
  random: Random,
  tally: Tally,
  seen: Set<string>,
  report: (finding: Finding) => void,
): void {
  const input = target.make(random);
  const what = judge(target, input);
  tally.counts.set(target.name, (tally.counts.get(target.name) ?? 0) + 1);
  if (what === undefined) return;
  const key = `${target.name} ${signature(what)}`;
  if (seen.has(key)) return;
  seen.add(key);
  const finding = { target: target.name, input: smallest(target, input, what), what };
  tally.findings.push(finding);
  report(finding);
}

/** Two findings with one signature have one cause. */
function signature(what: string): string {
  const place = /\n +at .*[( ](\S+:\d+):\d+\)?/.exec(what.replace(/\n +at .*<anonymous>\)/g, ''));
  return place ? what.slice(0, what.indexOf(':')) + place[1]! : what.replace(/\d+|"[^"]*"|'[^']*'/g, '').slice(0, 60);
}

/** The smallest input found that goes wrong in the same way. */
function smallest(target: Target, input: Input, what: string): Input {
  const wanted = signature(what);
  let best = input;
  for (let rounds = 0, went = true; went && rounds < 40; rounds++) {
    went = false;
    for (const candidate of smaller(best)) {
      const found = judge(target, candidate);
      if (found === undefined || signature(found) !== wanted) continue;
      best = candidate;
      went = true;
      break;
    }
  }
  return best;
}

function* smaller(input: Input): Generator<Input> {
  if (typeof input === 'string' || Buffer.isBuffer(input)) {
    for (let size = input.length >> 1; size > 0; size >>= 1) {
      for (let at = 0; at < input.length; at += size) {
        yield typeof input === 'string'
          ? input.slice(0, at) + input.slice(at + size)
          : Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
      }
    }
    return;
  }
  for (const json of smallerJson(input.json)) yield { json };
}

function* smallerJson(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    if (value.length > 1)
      yield* [value.slice(0, value.length >> 1), value.slice(value.length >> 1), value.slice(1), value.slice(0, -1)];
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  const rebuilt = (list: [string, unknown][]): unknown =>
    Array.isArray(value) ? list.map(([, item]) => item) : Object.fromEntries(list);
  if (entries.length > 4)
    yield* [rebuilt(entries.slice(0, entries.length >> 1)), rebuilt(entries.slice(entries.length >> 1))];
  for (let index = 0; index < entries.length && index < 200; index++) {
    yield rebuilt(entries.filter((_, other) => other !== index));
    for (const inner of smallerJson(entries[index]![1]))
      yield rebuilt(entries.map(([key, old], other) => [key, other === index ? inner : old]));
  }
}
