/** The Dockerfile lines that `import --change` and `commit --change` take, applied to an image's config. */
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import { parseJsonText } from '../base/json-text.ts';
import { ownField } from '../base/own-field.ts';
import type { Healthcheck } from '../model/health.ts';
import { parseHealthDuration, parseHealthRetries } from '../model/health-options.ts';
import type { ImageConfig } from '../model/image.ts';
import { exposedPorts } from '../model/exposed-ports.ts';

type Draft = { -readonly [K in keyof ImageConfig]: ImageConfig[K] };
type Instruction = (draft: Draft, rest: string, context: Context) => void;

interface Context {
  readonly original: string;
  cmdWasSet: boolean;
}

/** Returns the config as the lines leave it. Throws kind `invalid` with Docker's words for what it does not take. */
export function applyChanges(config: ImageConfig, lines: readonly string[]): ImageConfig {
  const draft: Draft = { ...config };
  const state = { cmdWasSet: false };
  for (const original of lines.flatMap(logicalLines)) {
    const [, word = '', rest = ''] = /^(\S+)(?:\s+(.*))?$/s.exec(original) ?? [];
    const instruction = ownField(INSTRUCTIONS, word.toLowerCase());
    if (!instruction) {
      const known = ['ADD', 'ARG', 'COPY', 'FROM', 'MAINTAINER', 'RUN', 'SHELL'].includes(word.toUpperCase());
      throw invalid(
        known
          ? `${word.toUpperCase()} is not a valid change command`
          : `dockerfile parse error on line 1: unknown instruction: ${word}`,
      );
    }
    if (rest.trim() === '')
      throw invalid(`dockerfile parse error on line 1: ${word.toUpperCase()} requires at least one argument`);
    const context = { original, ...state };
    instruction(draft, rest.trim(), context);
    state.cmdWasSet = context.cmdWasSet;
  }
  return draft;
}

/** Lines without comments, joined where they end in a backslash. */
function logicalLines(text: string): string[] {
  return text
    .replace(/\\[ \t]*\r?\n/g, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

const INSTRUCTIONS: Readonly<Record<string, Instruction>> = {
  cmd(draft, rest, context) {
    draft.cmd = commandLine(draft, rest);
    delete draft.argsEscaped;
    context.cmdWasSet = true;
  },
  entrypoint(draft, rest, context) {
    const command = commandLine(draft, rest);
    draft.entrypoint = command.length === 0 ? null : command;
    // An entrypoint of its own does not get the arguments that were meant for another.
    if (!context.cmdWasSet) draft.cmd = null;
  },
  env(draft, rest) {
    for (const [key, value] of pairs('ENV', rest)) draft.env = setVariable(draft.env, key, expand(value, draft.env));
  },
  label(draft, rest) {
    const added = pairs('LABEL', rest).map(
      ([key, value]) => [expand(key, draft.env), expand(value, draft.env)] as const,
    );
    draft.labels = Object.fromEntries([...Object.entries(draft.labels), ...added]);
  },
  expose(draft, rest) {
    const ports = words(rest).flatMap((word) => exposedPorts(unquote(expand(word, draft.env))));
    draft.exposedPorts = [...new Set([...draft.exposedPorts, ...ports])];
  },
  user(draft, rest) {
    draft.user = single('USER', rest, draft);
  },
  workdir(draft, rest) {
    draft.workingDir = posix.resolve('/', draft.workingDir, unquote(expand(rest, draft.env)));
  },
  volume(draft, rest) {
    const paths = (jsonList(rest) ?? words(rest)).map((path) => unquote(expand(path, draft.env)).trim());
    if (paths.includes('')) throw invalid('VOLUME specified can not be an empty string');
    draft.volumes = [...new Set([...draft.volumes, ...paths])];
  },
  stopsignal(draft, rest) {
    const signal = single('STOPSIGNAL', rest, draft);
    if (!/^(\d{1,2}|[A-Za-z0-9+]+)$/.test(signal)) throw invalid(`invalid signal: ${signal}`);
    draft.stopSignal = signal;
  },
  healthcheck(draft, rest) {
    draft.healthcheck = healthcheck(rest);
  },
  onbuild(draft, rest) {
    const trigger = /^\S+/.exec(rest)?.[0]?.toUpperCase() ?? '';
    if (trigger === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === 'MAINTAINER' || trigger === 'FROM') throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
    draft.onBuild = [...(draft.onBuild ?? []), rest];
  },
};

/** The list of a JSON form (`["a", "b"]`), or undefined where the text is none and counts as a shell line. */
function jsonList(text: string): string[] | undefined {
  if (!text.startsWith('[')) return undefined;
  try {
    const list = parseJsonText(text);
    return Array.isArray(list) && list.every((item) => typeof item === 'string') ? list : undefined;
  } catch {
    return undefined;
  }
}

function commandLine(draft: Draft, rest: string): string[] {
  return jsonList(rest) ?? [...(draft.shell ?? ['/bin/sh', '-c']), rest];
}

/** Words with their quotes still on: what is quoted or escaped does not split. */
function words(text: string): string[] {
  return text.match(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*'|["'\\])+/gs) ?? [];
}

function unquote(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
    (_, double?: string, literal?: string, escaped?: string) => {
      if (double !== undefined) return double.replace(/\\(["\\$])/g, '$1');
      return literal ?? escaped ?? '';
    },
  );
}

/** `A=b C="d e"`, or the old form `A b c`. */
function pairs(instruction: string, rest: string): [key: string, value: string][] {
  const list = words(rest);
  if (!list[0]?.includes('=')) {
    const [, key = '', value] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    if (value === undefined) throw invalid(`dockerfile parse error on line 1: ${instruction} must have two arguments`);
    return [[unquote(key), value]];
  }
  return list.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0)
      throw invalid(
        `dockerfile parse error on line 1: Syntax error - can't find = in "${word}". Must be of the form: name=value`,
      );
    const key = unquote(word.slice(0, equals));
    if (key === '') throw invalid(`${instruction} names can not be blank`);
    return [key, word.slice(equals + 1)];
  });
}

/** Takes quotes off and puts variables in ($A, ${A}, ${A:-b}, ${A:+b}); single quotes keep a dollar. */
function expand(text: string, env: readonly string[]): string {
  const variable = (name: string) => env.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
  const pattern = /'([^']*)'|\\(.)|"((?:[^"\\]|\\.)*)"|\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))/gs;
  return text.replace(
    pattern,
    (
      _,
      literal?: string,
      escaped?: string,
      double?: string,
      braced?: string,
      operator?: string,
      word?: string,
      plain?: string,
    ) => {
      if (literal !== undefined) return literal;
      if (escaped !== undefined) return escaped;
      if (double !== undefined) {
        return double.replace(
          /\\(["\\$])|\$(?:\{(\w+)(?::([-+])([^}]*))?\}|(\w+))/g,
          (__, quoted?: string, b?: string, o?: string, w?: string, p?: string) =>
            quoted ?? substitute(variable(b ?? p ?? ''), o, w),
        );
      }
      return substitute(variable(braced ?? plain ?? ''), operator, word);
    },
  );
}

function substitute(value: string | undefined, operator?: string, word = ''): string {
  if (operator === '-') return value || word;
  if (operator === '+') return value ? word : '';
  return value ?? '';
}

function setVariable(env: readonly string[], key: string, value: string): string[] {
  const line = `${key}=${value}`;
  const at = env.findIndex((item) => item.startsWith(`${key}=`));
  return at < 0 ? [...env, line] : env.map((item, i) => (i === at ? line : item));
}

function single(instruction: string, rest: string, draft: Draft): string {
  if (words(rest).length !== 1)
    throw invalid(`dockerfile parse error on line 1: ${instruction} requires exactly one argument`);
  return unquote(expand(rest, draft.env));
}

function healthcheck(text: string): Healthcheck {
  const check = { test: [] as string[], intervalNs: 0, timeoutNs: 0, startPeriodNs: 0, startIntervalNs: 0, retries: 0 };
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    const [whole, name = '', value = ''] = flag;
    rest = rest.slice(whole.length);
    if (name === 'interval') check.intervalNs = parseHealthDuration(name, value);
    else if (name === 'timeout') check.timeoutNs = parseHealthDuration(name, value);
    else if (name === 'start-period') check.startPeriodNs = parseHealthDuration(name, value);
    else if (name === 'start-interval') check.startIntervalNs = parseHealthDuration(name, value);
    else if (name === 'retries') check.retries = parseHealthRetries(value);
    else throw invalid(`dockerfile parse error on line 1: unknown flag: ${name}`);
  }
  const [, kind = '', command = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE' && command === '') return { ...check, test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD') throw invalid(`Unknown type ${JSON.stringify(kind)} in HEALTHCHECK (try CMD)`);
  if (command === '') throw invalid('Missing command after HEALTHCHECK CMD');
  const list = jsonList(command);
  return { ...check, test: list ? ['CMD', ...list] : ['CMD-SHELL', command] };
}
