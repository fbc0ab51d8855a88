/**
 * Words of an instruction as Docker divides them: quotes keep white space together and stay, and what is escaped counts
 * for nothing. Variables are put in later (expand.ts).
 */

/** Go's unicode.IsSpace. */
export const isSpace = (char: string): boolean =>
  /^[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]$/.test(char);

/** What Docker splits at where quotes mean nothing: these, and no other white space. */
const PLAIN_SPACE = /[\t\v\f\r ]+/;

export const splitPlainly = (text: string): string[] => text.split(PLAIN_SPACE);

/** The first word and the rest, which may have white space of all kinds. */
export function splitFirst(text: string): [first: string, rest: string | undefined] {
  const match = PLAIN_SPACE.exec(text);
  if (!match) return [text, undefined];
  return [text.slice(0, match.index), text.slice(match.index + match[0].length)];
}

/** Words with their quotes and escapes still on. */
export function quotedWords(text: string, escape: string): string[] {
  const words: string[] = [];
  const chars = Array.from(text);
  let word = '';
  let quoted = false; // an empty pair of quotes is a word, too
  let quote = '';
  const finish = (): void => {
    if (quoted || word !== '') words.push(word);
    word = '';
    quoted = false;
  };
  for (let at = 0; at < chars.length; at++) {
    let char = chars[at]!;
    if (quote === '' && isSpace(char)) {
      finish();
      continue;
    }
    if (quote === '' && (char === '"' || char === "'")) {
      quote = char;
      quoted = true;
      word += char;
      continue;
    }
    if (quote !== '' && char === quote) {
      quote = '';
      word += char;
      continue;
    }
    if (char === escape && quote !== "'") {
      if (at + 1 === chars.length) break; // at the end it escapes nothing
      word += char;
      char = chars[++at]!;
    }
    word += char;
  }
  finish();
  return words;
}

/** `--name=value` at the beginning of an instruction, without quotes and escapes, and what comes after them. */
export function leadingFlags(text: string, escape: string): { readonly flags: string[]; readonly rest: string } {
  const flags: string[] = [];
  const chars = Array.from(text);
  let at = 0;
  for (;;) {
    while (at < chars.length && isSpace(chars[at]!)) at++;
    if (chars[at] !== '-' || chars[at + 1] !== '-') return { flags, rest: chars.slice(at).join('') };
    let word = '';
    let quote = '';
    for (; at < chars.length && (quote !== '' || !isSpace(chars[at]!)); at++) {
      const char = chars[at]!;
      if (quote === '' && (char === '"' || char === "'")) quote = char;
      else if (quote !== '' && char === quote) quote = '';
      else if (char !== escape) word += char;
      else if (at + 1 < chars.length) word += chars[++at]!;
    }
    if (word === '--') return { flags, rest: chars.slice(at).join('').trimStart() };
    flags.push(word);
  }
}
