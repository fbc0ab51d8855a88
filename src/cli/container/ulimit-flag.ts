/** --ulimit nofile=1024:2048, once for each limit. */
import { parseUlimit } from '../../model/ulimit.ts';
import type { FlagType } from '../command/flag-types.ts';

interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

export const ulimitType: FlagType = {
  label: 'ulimit',
  zero: [],
  zeroShown: '[]',
  set: (raw, before) => {
    const { name, soft, hard } = parseUlimit(raw);
    const others = ((before as Ulimit[] | undefined) ?? []).filter(({ Name }) => Name !== name);
    return [...others, { Name: name, Soft: soft, Hard: hard }].toSorted((a, b) => (a.Name < b.Name ? -1 : 1));
  },
};
