/** What the terminal on standard output is like. */
import { isTerminal } from './terminal-device.ts';

/** Columns; undefined: it is no terminal, or does not say. */
export function screenWidth(fd: 1 | 2 = 1): number | undefined {
  if (!isTerminal(fd)) return undefined;
  const { columns } = fd === 1 ? process.stdout : process.stderr;
  return columns > 0 ? columns : undefined;
}

/** Lines; undefined as above. */
export function screenHeight(fd: 1 | 2): number | undefined {
  if (!isTerminal(fd)) return undefined;
  const { rows } = fd === 1 ? process.stdout : process.stderr;
  return rows > 0 ? rows : undefined;
}

/** Colours are for terminals that have them and users who want them (https://no-color.org). */
export const hasColor = (env: NodeJS.ProcessEnv): boolean =>
  isTerminal(1) && !env['NO_COLOR'] && env['TERM'] !== 'dumb' && env['TERM'] !== undefined;

const CODES = { green: 32, yellow: 33, red: 31 } as const;
export type Color = keyof typeof CODES;

export const paint = (text: string, color: Color): string => `\x1b[${CODES[color]}m${text}\x1b[0m`;
