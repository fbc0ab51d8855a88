/** What each instruction means: its flags, its arguments, and Docker's words where they are wrong. */
import { FlagValues, type FlagKind } from './flag-values.ts';
import { readHealthcheck } from './health-reader.ts';
import { heredocWord } from './heredoc.ts';
import type {
  CommandForm,
  CopyInstruction,
  FromInstruction,
  Instruction,
  KeyValue,
  RunInstruction,
} from './instruction.ts';
import { jsonForm } from './json-form.ts';
import { checkMountText } from './run-mount.ts';
import { didYouMean } from './nearest-word.ts';
import { onLine, wrong } from './source-error.ts';
import type { SourceInstruction } from './source-instruction.ts';
import { quotedWords, splitFirst, splitPlainly } from './words.ts';

/** @throws invalid, with the line */
export function readInstruction(source: SourceInstruction, escape: string): Instruction {
  return onLine(source.line, () => {
    const read = Object.hasOwn(READERS, source.keyword) ? READERS[source.keyword] : undefined;
    if (!read)
      throw wrong(
        `unknown instruction: ${source.word}${didYouMean(source.word, Object.keys(READERS), { exactCase: false })}`,
      );
    return read(source, escape);
  });
}

type Reader = (source: SourceInstruction, escape: string) => Instruction;

const placed = ({ original, line }: SourceInstruction) => ({ original: original.trim(), line });

function noFlags({ flags }: SourceInstruction): void {
  new FlagValues(flags, {});
}

function takenFlags<Name extends string>(
  { flags }: SourceInstruction,
  kinds: Readonly<Record<Name, FlagKind>>,
): FlagValues<Name> {
  return new FlagValues<Name>(flags, kinds);
}

const command = (text: string): CommandForm => {
  const list = jsonForm(text);
  return list ? { words: list, isShell: false } : { words: text === '' ? [] : [text], isShell: true };
};

const listOf = (text: string): string[] => jsonForm(text) ?? (text === '' ? [] : splitPlainly(text));

function atLeastOne<T>(name: string, items: readonly T[]): readonly T[] {
  if (items.length === 0) throw wrong(`${name} requires at least one argument`);
  return items;
}

const READERS: Readonly<Record<string, Reader>> = {
  from: readFrom,
  run: readRun,
  copy: readCopy,
  add: readCopy,
  arg: (source, escape) => {
    noFlags(source);
    const args = atLeastOne('ARG', quotedWords(source.rest, escape)).map((word) => {
      const equals = word.indexOf('=');
      if (equals === 0) throw wrong('ARG names can not be blank');
      return equals < 0
        ? { key: word, value: undefined }
        : { key: word.slice(0, equals), value: word.slice(equals + 1) };
    });
    return { ...placed(source), kind: 'arg', args };
  },
  env: (source, escape) => ({ ...placed(source), kind: 'env', pairs: readPairs('ENV', source, escape) }),
  label: (source, escape) => ({ ...placed(source), kind: 'label', pairs: readPairs('LABEL', source, escape) }),
  cmd: (source) => {
    noFlags(source);
    return { ...placed(source), kind: 'cmd', command: command(source.rest) };
  },
  entrypoint: (source) => {
    noFlags(source);
    return { ...placed(source), kind: 'entrypoint', command: command(source.rest) };
  },
  shell: (source) => {
    noFlags(source);
    const list = jsonForm(source.rest);
    if (source.rest === '' || list?.length === 0) throw wrong('SHELL requires at least one argument');
    if (!list) throw wrong(`SHELL requires the arguments to be in JSON form: ${source.original}`);
    return { ...placed(source), kind: 'shell', words: list };
  },
  healthcheck: (source) => ({ ...placed(source), kind: 'healthcheck', check: readHealthcheck(source) }),
  expose: (source) => {
    noFlags(source);
    const items = source.rest === '' ? [] : splitPlainly(source.rest);
    return { ...placed(source), kind: 'expose', items: [...atLeastOne('EXPOSE', items)].sort() };
  },
  volume: (source) => {
    noFlags(source);
    const items = atLeastOne('VOLUME', listOf(source.rest)).map((item) => item.trim());
    if (items.includes('')) throw wrong('VOLUME specified can not be an empty string');
    return { ...placed(source), kind: 'volume', items };
  },
  user: (source) => readText('user', source),
  workdir: (source) => readText('workdir', source),
  stopsignal: (source) => readText('stopsignal', source),
  maintainer: (source) => readText('maintainer', source),
  onbuild: readOnbuild,
};

function readText(kind: 'user' | 'workdir' | 'stopsignal' | 'maintainer', source: SourceInstruction): Instruction {
  noFlags(source);
  if (source.rest === '') throw wrong(`${kind.toUpperCase()} requires exactly one argument`);
  return { ...placed(source), kind, text: source.rest };
}

const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;

function readFrom(source: SourceInstruction): FromInstruction {
  const args = source.rest === '' ? [] : splitPlainly(source.rest);
  let name = '';
  if (args.length === 3 && args[1]!.toLowerCase() === 'as') {
    name = args[2]!.toLowerCase();
    if (!STAGE_NAME.test(name))
      throw wrong(
        `invalid name for build stage: ${JSON.stringify(args[2])}, name can't start with a number or contain symbols`,
      );
  } else if (args.length !== 1) throw wrong('FROM requires either one or three arguments');
  const flags = takenFlags(source, { platform: 'text' });
  return { ...placed(source), kind: 'from', base: args[0]!, name, platform: flags.text('platform') };
}

function readRun(source: SourceInstruction): RunInstruction {
  const flags = takenFlags(source, { mount: 'list', network: 'text', security: 'text' });
  for (const mount of flags.list('mount')) checkMountText(mount);
  const network = flags.text('network').toLowerCase();
  if (!['', 'default', 'none', 'host'].includes(network))
    throw wrong(`network mode ${JSON.stringify(network)} is not supported`);
  const security = flags.text('security').toLowerCase();
  if (!['', 'sandbox', 'insecure'].includes(security)) throw wrong(`security ${JSON.stringify(security)} is not valid`);
  return {
    ...placed(source),
    kind: 'run',
    command: command(source.rest),
    heredocs: source.heredocs,
    mounts: flags.list('mount'),
    network: network as RunInstruction['network'],
    security: security as RunInstruction['security'],
  };
}

const COPY_FLAGS = {
  from: 'text',
  chown: 'text',
  chmod: 'text',
  link: 'flag',
  parents: 'flag',
  exclude: 'list',
} as const;
const ADD_FLAGS = {
  chown: 'text',
  chmod: 'text',
  link: 'flag',
  'keep-git-dir': 'flag',
  checksum: 'text',
  unpack: 'flag',
  exclude: 'list',
} as const;

function readCopy(source: SourceInstruction): CopyInstruction {
  const kind = source.keyword === 'add' ? 'add' : 'copy';
  const name = kind.toUpperCase();
  const args = listOf(source.rest);
  if (args.length < 2)
    throw wrong(
      `${name} requires at least two arguments, but only one was provided. Destination could not be determined`,
    );
  const flags: FlagValues<keyof typeof COPY_FLAGS | keyof typeof ADD_FLAGS> =
    kind === 'add'
      ? takenFlags<keyof typeof ADD_FLAGS>(source, ADD_FLAGS)
      : takenFlags<keyof typeof COPY_FLAGS>(source, COPY_FLAGS);
  const destination = args.at(-1)!;
  if (heredocWord(destination)) throw wrong(`${name} cannot accept a heredoc as a destination`);
  const sources: string[] = [];
  const texts: CopyInstruction['texts'][number][] = [];
  for (const argument of args.slice(0, -1)) {
    const word = heredocWord(argument);
    const text = word && source.heredocs.find((heredoc) => heredoc.name === word.name);
    if (text) texts.push(text);
    else sources.push(argument);
  }
  return {
    ...placed(source),
    kind,
    sources,
    texts,
    destination,
    from: flags.text('from'),
    chown: flags.text('chown'),
    chmod: flags.text('chmod'),
    link: flags.isSet('link'),
    parents: flags.isSet('parents'),
    exclude: flags.list('exclude'),
    checksum: flags.text('checksum'),
    keepGitDir: flags.isSet('keep-git-dir'),
    unpack: flags.choice('unpack'),
  };
}

/** `A=b C="d e"`, or the old form `A b c`, which has one. */
function readPairs(name: string, source: SourceInstruction, escape: string): KeyValue[] {
  noFlags(source);
  const words = quotedWords(source.rest, escape);
  if (words.length === 0) throw wrong(`${name} requires at least one argument`);
  if (!words[0]!.includes('=')) {
    const [key, value] = splitFirst(source.rest);
    if (value === undefined) throw wrong(`${name} must have two arguments`);
    return [{ key, value }];
  }
  return words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 0)
      throw wrong(`Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`);
    if (equals === 0) throw wrong(`${name} names can not be blank`);
    return { key: word.slice(0, equals), value: word.slice(equals + 1) };
  });
}

function readOnbuild(source: SourceInstruction): Instruction {
  noFlags(source);
  if (source.rest === '') throw wrong('ONBUILD requires at least one argument');
  const trigger = splitFirst(source.rest)[0].toUpperCase();
  if (trigger === 'ONBUILD') throw wrong("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  if (trigger === 'MAINTAINER' || trigger === 'FROM') throw wrong(`${trigger} isn't allowed as an ONBUILD trigger`);
  const texts = source.heredocs.map(({ content, name }) => `\n${content}${name}`);
  // Found wrong here, and not first by whoever builds on the image.
  if (!Object.hasOwn(READERS, trigger.toLowerCase())) throw wrong(`unknown instruction: ${trigger}`);
  return { ...placed(source), kind: 'onbuild', expression: source.rest + texts.join('') };
}
