/** `__complete`, which the scripts of shells ask at each press of Tab. */
import { escapeControls } from '../../base/control-characters.ts';
import { ApiClient } from '../api/client.ts';
import type { Command } from '../command/command.ts';
import { FlagSet } from '../command/flag-set.ts';
import * as type from '../command/flag-types.ts';
import { endpointsOf, globalFlags } from '../command/global-flags.ts';
import { print } from '../terminal/output.ts';
import { namesOf } from './objects.ts';
import { splitLine } from './split-line.ts';
import { wantedAt, type Candidate, type Wanted } from './wanted.ts';

/** A line for each word that there may be, "WORD<tab>what it is", and what else: ":files", ":directories", ":open". */
export const completeCommand: Command = {
  use: '__complete [--line LINE | -- WORD...]',
  short: 'Words that may come next; for the scripts of `completion`',
  args: [0, Infinity],
  flags: [{ name: 'line', type: type.string, usage: 'The line up to the cursor, the program first' }],
  async run({ flags, args }) {
    const words = flags.changed('line') ? splitLine(flags.string('line')).slice(1) : args;
    const current = words.at(-1) ?? '';
    const wanted = await wantedAt(words);
    const { value = {}, prefix, given } = wanted;
    const own = [...wanted.words, ...(value.words ?? []).map((word): Candidate => ({ word }))];
    const named = await namesOf(await clientOf(wanted), value);
    const all = [...own, ...named].map((one) => ({ ...one, word: prefix + one.word }));
    const fitting = all.filter(({ word }) => word.startsWith(current) && (word === current || !given.includes(word)));
    const hows = [
      value.files === 'any' && ':files',
      value.files === 'directories' && ':directories',
      value.open && ':open',
    ];
    print(
      fitting.map(({ word, about = '' }) => `${word}${about === '' ? '' : `\t${escapeControls(about)}`}\n`).join(''),
    );
    print(hows.map((how) => (how ? `${how}\n` : '')).join(''));
  },
};

/** The engine that the line names. What is wrong with the line is told when it is run. */
async function clientOf({ globals }: Wanted): Promise<() => ApiClient> {
  const flags = new FlagSet(globalFlags);
  try {
    flags.parse(globals, { interspersed: false });
  } catch {
    // As far as they were understood.
  }
  const endpoints = endpointsOf(flags);
  await endpoints.prepare().catch(() => {});
  let client: ApiClient | undefined;
  return () => (client ??= new ApiClient(endpoints.endpoint()));
}
