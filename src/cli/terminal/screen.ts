/** What the terminal on standard output is like. */
import { wantsColor } from '../../base/colors.ts';
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

/** What is printed may have colours. */
export const hasColor = (env: NodeJS.ProcessEnv): boolean => isTerminal(1) && wantsColor(env);
