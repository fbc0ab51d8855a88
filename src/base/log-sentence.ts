/** A line of a log for a person who looks at it: the time of day, what happened, and what it is about. */
import { paint } from './colors.ts';
import { escapeControls } from './control-characters.ts';
import { textOf, type LineLevel } from './log-line.ts';

/** Not for whoever looks: rooms of the program. */
const HIDDEN = new Set(['room']);
const SHORT_ID = 12;

/** `time`: shown in the zone of this process. `coloured`: what is wrong stands out. */
export function logSentence(
  time: Date,
  level: LineLevel,
  message: string,
  fields: object,
  { coloured }: { readonly coloured: boolean },
): string {
  const about = Object.entries(fields)
    .filter(([name, value]) => value !== undefined && !HIDDEN.has(name))
    .map(([name, value]) => `${words(name)} ${shown(value)}`);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((part) => String(part).padStart(2, '0'));
  const color = !coloured ? undefined : level === 'error' ? 'red' : level === 'warning' ? 'yellow' : undefined;
  const mark = level === 'info' ? '' : `${color ? paint(`${level}:`, color) : `${level}:`} `;
  const rest = about.length === 0 ? '' : ` (${about.join(', ')})`;
  return `${clock.join(':')} ${mark}${escapeControls(message)}${escapeControls(rest)}\n`;
}

/** `dataRoot` is "data root". */
const words = (name: string): string => name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(' ');
  const text = textOf(value);
  return /^[0-9a-f]{64}$/.test(text) ? text.slice(0, SHORT_ID) : text;
}
