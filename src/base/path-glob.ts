/**
 * Patterns of paths: '*' and '?' stay within a name, '[a-z]' is one character, '**' goes across directories. All ways in
 * which a path may match are followed at once: the time is bounded by pattern times path.
 */
import { invalid } from './errors.ts';

type Token =
  | { readonly is: 'char'; readonly char: string }
  | { readonly is: 'class'; readonly not: boolean; readonly ranges: readonly (readonly [string, string])[] }
  | { readonly is: 'one' | 'some' | 'all' | 'directories' };

const MAX_PATTERN_CHARS = 4096;

const badPattern = (pattern: string) => invalid(`syntax error in pattern: ${JSON.stringify(pattern.slice(0, 200))}`);

export class PathGlob {
  readonly #tokens: readonly Token[];

  /** With `deep`, '**' has its meaning; without, it is '*'. @throws invalid */
  constructor(pattern: string, { deep }: { readonly deep: boolean }) {
    if (pattern.length > MAX_PATTERN_CHARS) throw badPattern(pattern);
    this.#tokens = tokensOf(pattern, deep);
  }

  /** Whether it is a path as it is written, without any special character. */
  get isPlain(): boolean {
    return this.#tokens.every(({ is }) => is === 'char');
  }

  matches(path: string): boolean {
    const tokens = this.#tokens;
    let states = closure(new Set([0]), tokens);
    for (const char of path) {
      const next = new Set<number>();
      for (const state of states) {
        const token = tokens[state];
        if (!token) continue;
        if (token.is === 'char') {
          if (token.char === char) next.add(state + 1);
        } else if (token.is === 'class') {
          if (inClass(token, char)) next.add(state + 1);
        } else if (token.is === 'one') {
          if (char !== '/') next.add(state + 1);
        } else if (token.is === 'some') {
          if (char !== '/') next.add(state);
        } else if (token.is === 'all') next.add(state);
        else {
          next.add(-state - 1); // inside of it: it may end behind a slash only
          if (char === '/') next.add(state + 1);
        }
      }
      for (const state of states) {
        if (state >= 0) continue;
        next.add(state);
        if (char === '/') next.add(-state);
      }
      if (next.size === 0) return false;
      states = closure(next, tokens);
    }
    return states.has(tokens.length);
  }
}

/** What can be left out is. */
function closure(states: Set<number>, tokens: readonly Token[]): Set<number> {
  for (const state of states) {
    const is = tokens[state]?.is;
    if (is === 'some' || is === 'all' || is === 'directories') states.add(state + 1);
  }
  return states;
}

function inClass(token: Extract<Token, { is: 'class' }>, char: string): boolean {
  return token.ranges.some(([low, high]) => low <= char && char <= high) !== token.not;
}

function tokensOf(pattern: string, deep: boolean): Token[] {
  const tokens: Token[] = [];
  const chars = Array.from(pattern);
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]!;
    if (char === '*' && deep && chars[at + 1] === '*') {
      at++;
      if (chars[at + 1] === '/') at++;
      tokens.push({ is: at + 1 === chars.length ? 'all' : 'directories' });
    } else if (char === '*') tokens.push({ is: 'some' });
    else if (char === '?') tokens.push({ is: 'one' });
    else if (char === '[') {
      const { token, end } = classAt(chars, at, pattern);
      tokens.push(token);
      at = end;
    } else if (char === '\\') {
      if (++at === chars.length) throw badPattern(pattern);
      tokens.push({ is: 'char', char: chars[at]! });
    } else tokens.push({ is: 'char', char });
  }
  return tokens;
}

function classAt(chars: readonly string[], start: number, pattern: string): { token: Token; end: number } {
  const ranges: [string, string][] = [];
  let at = start + 1;
  const not = chars[at] === '^';
  if (not) at++;
  const take = (): string => {
    let char = chars[at++];
    if (char === '-' || char === ']') throw badPattern(pattern);
    if (char === '\\') char = chars[at++];
    if (char === undefined) throw badPattern(pattern);
    return char;
  };
  do {
    const low = take();
    let high = low;
    if (chars[at] === '-') {
      at++;
      high = take();
    }
    if (high < low) throw badPattern(pattern);
    ranges.push([low, high]);
  } while (chars[at] !== ']');
  return { token: { is: 'class', not, ranges }, end: at };
}
