/** Which command words call. */
import { entries, groups } from './catalog.ts';
import type { Entry, Group } from './command.ts';
import { PROGRAM } from './program-name.ts';

export type Found =
  | { group: Group; rest: readonly string[] }
  | { entry: Entry; path: string; rest: readonly string[] }
  | { nothing: true };

export function find(words: readonly string[]): Found {
  const [first = '', second, ...rest] = words;
  const group = groups.find(({ name }) => name === first);
  if (group) {
    const entry = second === undefined ? undefined : group.entries.find((candidate) => answersTo(candidate, second));
    const behind = words.slice(1);
    const { bare } = group;
    const forHelp = behind.some((word) => word === '--help' || word === '-h');
    if (bare && !forHelp && !(entry && bare.names(behind)))
      return { entry: bare.entry, path: `${PROGRAM} ${bare.entry.name}`, rest: behind };
    if (!entry) return { group, rest: behind };
    return { entry, path: `${PROGRAM} ${group.name} ${entry.name}`, rest };
  }
  const entry = entries.find((candidate) => answersTo(candidate, first));
  return entry ? { entry, path: `${PROGRAM} ${entry.name}`, rest: words.slice(1) } : { nothing: true };
}

/** Every command that there is, by the words that call it. */
export const allCommands = (): readonly { readonly words: readonly string[]; readonly entry: Entry }[] => [
  ...entries.map((entry) => ({ words: [entry.name], entry })),
  ...groups.flatMap((group) => group.entries.map((entry) => ({ words: [group.name, entry.name], entry }))),
];

const answersTo = ({ name, aliases }: Entry, word: string) => name === word || (aliases?.includes(word) ?? false);
