/** Signal names and numbers, as Docker takes them: 'SIGTERM', 'TERM', 'term', '15', 'SIGRTMIN+3', 'RTMAX-2'. */
import { constants } from 'node:os';
import { invalid } from '../base/errors.ts';

export const SIGKILL = 9;

const RT_MIN = 34;
const RT_MAX = 64;

const numbers = new Map<string, number>(
  Object.entries(constants.signals).map(([name, number]) => [name.slice(3), number]),
);
numbers.set('CLD', 17);

/** The signal's number. Not a signal: kind `invalid`, Docker's text ('invalid signal: NOPE'). */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    // Docker takes 0 for no signal at all, and lets the kernel judge what is beyond the known ones.
    if (number >= 1 && number <= RT_MAX) return number;
    throw invalid(`invalid signal: ${text}`);
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const known = numbers.get(name);
  if (known !== undefined) return known;
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime) {
    const base = realTime[1] === 'MIN' ? RT_MIN : RT_MAX;
    const number = base + (realTime[2] === '-' ? -1 : 1) * Number(realTime[3] ?? 0);
    if (number >= RT_MIN && number <= RT_MAX) return number;
  }
  throw invalid(`invalid signal: ${text}`);
}

/** 'SIGTERM' for 15; 'SIGRTMIN+3' for 37; '77' for a number without a name. */
export function signalName(number: number): string {
  for (const [name, value] of numbers) if (value === number) return `SIG${name}`;
  if (number >= RT_MIN && number <= RT_MAX) return number === RT_MIN ? 'SIGRTMIN' : `SIGRTMIN+${number - RT_MIN}`;
  return String(number);
}
