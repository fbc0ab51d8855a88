/** Heredocs: `<<EOF`, `<<-EOF` without the tabs in front, `<<"EOF"` without variables. */
import { expandWords } from './expand.ts';
import { MAX_HEREDOCS } from './limits.ts';
import { wrong } from './source-error.ts';

export interface HeredocWord {
  readonly name: string;
  /** The descriptor in front: `3<<EOF`; 0 where there is none. */
  readonly descriptor: number;
  /** Variables are put into its text. */
  readonly expand: boolean;
  /** Tabs at the beginning of lines are no part of it. */
  readonly chomp: boolean;
}

export interface Heredoc extends HeredocWord {
  /** As it is written, with its tabs and its last line's end. */
  readonly content: string;
}

const FORM = /^(\d*)<<(-?)\s*([^<]*)$/;
const nothing = (): undefined => undefined;

/** What a word says, if it is the beginning of a heredoc. */
export function heredocWord(word: string): HeredocWord | undefined {
  const [, descriptor = '', dash = '', rest = ''] = FORM.exec(word) ?? [];
  if (rest === '') return undefined;
  const read = (rawQuotes: boolean): string[] =>
    expandWords(rest, nothing, { escape: '\\', keepUnset: true, rawQuotes });
  const words = read(false);
  if (words.length !== 1) return undefined;
  const [raw = ''] = read(true);
  return {
    name: words[0]!,
    descriptor: Number(descriptor),
    // A quote anywhere in the word and the text stays as it is.
    expand: countQuotes(words[0]!) === countQuotes(raw),
    chomp: dash === '-',
  };
}

const countQuotes = (text: string): number => text.split(/['"]/).length - 1;

/** Those that begin on an instruction's line. */
export function heredocWords(line: string): HeredocWord[] {
  if (!line.includes('<<')) return [];
  let words: string[];
  try {
    words = expandWords(line, nothing, { escape: '\\', keepUnset: true, rawQuotes: true, rawEscapes: true });
  } catch {
    return []; // a quote that is not closed is for the shell to complain about
  }
  const found = words.map(heredocWord).filter((word) => word !== undefined);
  if (found.length > MAX_HEREDOCS) throw wrong(`more than ${MAX_HEREDOCS} heredocs on one instruction`);
  return found;
}

/** Its text as it is copied. */
export function heredocText({ content, chomp }: Heredoc): string {
  return chomp ? content.replace(/^\t+/gm, '') : content;
}
