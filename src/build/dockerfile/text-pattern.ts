/**
 * Patterns of `${NAME#pattern}` and its like: '*' is any text, '?' any character, neither across lines. All possible
 * ends are followed at once, so that the time is bounded by pattern times text whatever they are.
 */
import { MAX_PATTERN_STEPS } from './limits.ts';
import { wrong } from './source-error.ts';

type Token = { readonly char: string } | 'one' | 'many';

export class TextPattern {
  readonly #tokens: readonly Token[];
  #stepsLeft = MAX_PATTERN_STEPS;

  constructor(pattern: string) {
    this.#tokens = tokensOf(pattern);
  }

  /** Where a match that starts at `from` ends: the longest, or the shortest. */
  #endFrom(text: readonly string[], from: number, longest: boolean, tokens: readonly Token[]): number | undefined {
    let states = closure(new Set([0]), tokens);
    let end: number | undefined = states.has(tokens.length) ? from : undefined;
    for (let at = from; at < text.length && states.size > 0; at++) {
      if (end !== undefined && !longest) return end;
      const next = new Set<number>();
      for (const state of states) {
        if (--this.#stepsLeft < 0) throw wrong('a pattern in a substitution takes too long to match');
        const token = tokens[state];
        const char = text[at]!;
        if (token === undefined) continue;
        if (token === 'many') {
          if (char !== '\n') next.add(state);
        } else if (token === 'one' ? char !== '\n' : token.char === char) next.add(state + 1);
      }
      states = closure(next, tokens);
      if (states.has(tokens.length)) end = at + 1;
    }
    return end;
  }

  /** `#`, or `##` with `longest`. */
  withoutPrefix(text: string, longest: boolean): string {
    const chars = Array.from(text);
    const end = this.#endFrom(chars, 0, longest, this.#tokens);
    return end === undefined ? text : chars.slice(end).join('');
  }

  /** `%`, or `%%` with `longest`: the same from the other side. */
  withoutSuffix(text: string, longest: boolean): string {
    const chars = Array.from(text).reverse();
    const end = this.#endFrom(chars, 0, longest, this.#tokens.toReversed());
    return end === undefined ? text : chars.slice(end).reverse().join('');
  }

  /** `/`, or `//` with `all`. */
  replaced(text: string, replacement: string, all: boolean): string {
    const chars = Array.from(text);
    let result = '';
    let copied = 0;
    let lastEnd = -1;
    for (let at = 0; at <= chars.length; at++) {
      const end = this.#endFrom(chars, at, true, this.#tokens);
      // Nothing right behind a match is none of its own.
      if (end === undefined || (end === at && at === lastEnd)) continue;
      result += chars.slice(copied, at).join('') + replacement;
      copied = end;
      lastEnd = end;
      if (!all) break;
      at = Math.max(at, end - 1);
    }
    return result + chars.slice(copied).join('');
  }
}

function closure(states: Set<number>, tokens: readonly Token[]): Set<number> {
  // What is added while it goes round is gone through, too.
  for (const state of states) if (tokens[state] === 'many') states.add(state + 1);
  return states;
}

function tokensOf(pattern: string): Token[] {
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    let char = chars[at]!;
    if (char === '*') {
      tokens.push('many');
      continue;
    }
    if (char === '?') {
      tokens.push('one');
      continue;
    }
    if (char === '\\') {
      char = chars[++at] ?? '';
      if (!['}', '/', '*', '?', '\\'].includes(char))
        throw wrong(`invalid pattern (${pattern}) in substitution: invalid escape '\\${char}'`);
    }
    tokens.push({ char });
  }
  return tokens;
}
