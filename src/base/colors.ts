/** Colours of terminals. */
const CODES = { green: 32, yellow: 33, red: 31 } as const;
export type Color = keyof typeof CODES;

/** They are for terminals that have them and users who want them (https://no-color.org). */
export const wantsColor = ({ NO_COLOR, TERM }: NodeJS.ProcessEnv): boolean =>
  !NO_COLOR && TERM !== 'dumb' && TERM !== undefined;

export const paint = (text: string, color: Color): string => `\x1b[${CODES[color]}m${text}\x1b[0m`;
