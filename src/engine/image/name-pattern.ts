/**
 * Patterns for image names, as Go's path.Match has them: '*' and '?' stay within a part of the path, '[a-z]' and
 * '[^a-z]' are one character, '\\' takes the next one as it is. An error in a pattern is reported, not guessed around.
 */
import { invalid } from '../../base/errors.ts';
import { compileAll, type TextMatcher } from '../../base/linear-match.ts';

/** Whether one of them fits the whole text. @throws invalid in Go's words */
export async function anyNamePattern(patterns: readonly string[]): Promise<TextMatcher> {
  const matchers = await compileAll(patterns.map(expressionOf));
  return (text) => matchers.some((matches) => matches(text));
}

function expressionOf(pattern: string): string {
  let source = '';
  let at = 0;
  const wrong = () => invalid('syntax error in pattern');
  const literal = (char: string): string => char.replace(/[.*+?^${}()|[\]\\/-]/, '\\$&');
  const next = (): string => {
    const char = pattern[at++];
    if (char !== '\\') return char ?? '';
    return pattern[at++] ?? '';
  };
  while (at < pattern.length) {
    const char = pattern[at]!;
    if (char === '*' || char === '?') {
      at++;
      // A row of stars means no more than one, and would be expensive to match.
      if (char === '?' || !source.endsWith('[^/]*')) source += char === '*' ? '[^/]*' : '[^/]';
    } else if (char === '[') {
      at++;
      source += oneOf();
    } else {
      const plain = next();
      if (plain === '') throw wrong();
      source += literal(plain);
    }
  }
  return `^(?s:${source})$`;

  function oneOf(): string {
    const not = pattern[at] === '^';
    if (not) at++;
    let members = '';
    for (let first = true; first || pattern[at] !== ']'; first = false) {
      const low = bound();
      let high = low;
      if (pattern[at] === '-') {
        at++;
        high = bound();
      }
      if (high < low) throw wrong();
      members += high === low ? literal(low) : `${literal(low)}-${literal(high)}`;
    }
    at++;
    return `[${not ? '^' : ''}${members}]`;
  }

  function bound(): string {
    if (at >= pattern.length || pattern[at] === '-' || pattern[at] === ']') throw wrong();
    const char = next();
    if (char === '' || at >= pattern.length) throw wrong();
    return char;
  }
}
