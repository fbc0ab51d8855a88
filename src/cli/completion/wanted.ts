/** What the word under the cursor may be: by the words before it and the table of commands, without asking an engine. */
import { entries, groups } from '../command/catalog.ts';
import type { Command, Entry } from '../command/command.ts';
import { find } from '../command/find.ts';
import type { Flag } from '../command/flag-set.ts';
import { usageText } from '../command/flag-text.ts';
import { globalFlags } from '../command/global-flags.ts';
import { flagValue, type Value } from './flag-values.ts';
import { placeOf } from './places.ts';

/** A word, and what is said beside it by shells that show it. */
export interface Candidate {
  readonly word: string;
  readonly about?: string;
}

export interface Wanted {
  /** What comes from the table of commands. */
  readonly words: readonly Candidate[];
  /** What only the engine, or the disk, knows. */
  readonly value?: Value;
  /** Stands in front of each value: `--network=`. */
  readonly prefix: string;
  /** Words that are there already: the same container is not offered twice. */
  readonly given: readonly string[];
  /** Global flags that choose the engine, as typed: ['--host', 'unix:///x']. */
  readonly globals: readonly string[];
}

interface Walked {
  /** Words that are no flags. */
  readonly args: readonly string[];
  /** The flag whose value comes next. */
  readonly pending?: Flag;
  /** How many of the words were taken. */
  readonly taken: number;
}

/** Flags as FlagSet.parse takes them; whoever types is not told of mistakes yet. `stop`: at the first argument. */
function walk(flags: readonly Flag[], words: readonly string[], stop: boolean): Walked {
  const args: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') return { args: [...args, ...words.slice(at + 1)], taken: words.length };
    const flag = flagOf(flags, word);
    if (flag === 'none') {
      if (stop) return { args: words.slice(at), taken: at };
      args.push(word);
    } else if (flag !== undefined && ++at === words.length) return { args, pending: flag, taken: at };
  }
  return { args, taken: words.length };
}

/** The flag whose value is the next word; undefined: the word is whole; 'none': it is no flag. */
function flagOf(flags: readonly Flag[], word: string): Flag | 'none' | undefined {
  if (word.length < 2 || !word.startsWith('-')) return 'none';
  if (word.startsWith('--')) {
    const flag = flags.find(({ name }) => name === word.slice(2));
    return flag && !flag.type.noArgument ? flag : undefined;
  }
  for (const [at, letter] of Array.from(word.slice(1)).entries()) {
    const flag = flags.find(({ short }) => short === letter);
    if (!flag || flag.type.noArgument) continue;
    return at === word.length - 2 ? flag : undefined;
  }
  return undefined;
}

/** `words`: behind the program's name; the last one is under the cursor. */
export async function wantedAt(words: readonly string[]): Promise<Wanted> {
  const current = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  const top = walk(globalFlags, before, true);
  const globals = before.slice(0, top.taken);
  const nothing: Wanted = { words: [], prefix: '', given: [], globals };
  if (top.pending) return valueOf(nothing, top.pending, '');
  if (top.args.length === 0)
    return current.startsWith('-') ? flagsAt(nothing, globalFlags, current) : commands(nothing);
  const found = find(top.args);
  if ('nothing' in found) return nothing;
  if ('group' in found) return found.rest.length > 0 ? nothing : { ...nothing, words: listed(found.group.entries) };
  const command = await found.entry.load();
  const walked = walk(command.flags, found.rest, command.interspersed === false);
  if (walked.pending) return valueOf(nothing, walked.pending, '', found.path);
  const inArguments = command.interspersed === false && walked.args.length > 0;
  if (current.startsWith('-') && !inArguments && !found.rest.includes('--'))
    return flagsAt(nothing, command.flags, current, found.path);
  return { ...nothing, ...argumentAt(command, found.path, walked.args) };
}

const argumentAt = (command: Command, path: string, args: readonly string[]): Partial<Wanted> => {
  const subject = path.split(' ').slice(1);
  const value = args.length >= command.args[1] ? undefined : placeOf(subject, command.use, args);
  // A group with a command of its own behind its name: `port` has both.
  const group = subject.length === 1 && args.length === 0 ? groups.find(({ name }) => name === subject[0]) : undefined;
  return { words: group ? listed(group.entries) : [], ...(value && { value }), given: args };
};

function commands(nothing: Wanted): Wanted {
  return {
    ...nothing,
    words: listed([...entries, ...groups.filter(({ name }) => !entries.some((one) => one.name === name))]),
  };
}

const listed = (all: readonly (Pick<Entry, 'name' | 'short'> & { readonly hidden?: boolean })[]): Candidate[] =>
  all.filter(({ hidden }) => !hidden).map(({ name, short }) => ({ word: name, about: short }));

function flagsAt(nothing: Wanted, flags: readonly Flag[], current: string, path = ''): Wanted {
  const equals = current.indexOf('=');
  if (current.startsWith('--') && equals > 0) {
    const flag = flags.find(({ name }) => name === current.slice(2, equals));
    return flag ? valueOf(nothing, flag, current.slice(0, equals + 1), path) : nothing;
  }
  const shown = flags.filter(({ hidden }) => !hidden);
  const words = [...shown.map((flag) => ({ word: `--${flag.name}`, about: usageText(flag) })), HELP];
  const shorts = shown.flatMap((flag) => (flag.short ? [{ word: `-${flag.short}`, about: usageText(flag) }] : []));
  return { ...nothing, words: current.startsWith('--') ? words : [...shorts, ...words] };
}

const HELP: Candidate = { word: '--help', about: 'Print usage' };

function valueOf(nothing: Wanted, flag: Flag, prefix: string, path = ''): Wanted {
  const value: Value = flag.type.noArgument ? { words: ['true', 'false'] } : flagValue(flag.aliasOf ?? flag.name, path);
  return { ...nothing, value, prefix };
}
