/**
 * Matching by regular expressions that come from a client, as Docker does it: the syntax is Go's (RE2), and the time is
 * proportional to the text. An engine that tries alternatives one after the other, as JavaScript's does, takes longer
 * than the universe has for '(a+)+$'.
 */
import type { RE2JS } from 're2js';
import { invalid } from './errors.ts';

export type TextMatcher = (text: string) => boolean;

/** A name as it is written, at the beginning or the end where anchors say so: the usual case needs no engine. */
const PLAIN = /^(\^?)([\w/:@ -]*)(\$?)$/;
/** Of all patterns of one filter, with what repeats in them written out: makes some milliseconds. */
const MAX_SIZE = 8000;

/**
 * A match anywhere in the text, or the text as it is; a text that is not a pattern is only compared. @throws invalid
 * for patterns that would take too long
 */
export async function anyPattern(patterns: readonly string[]): Promise<TextMatcher> {
  const special = patterns.filter((pattern) => !plainMatcher(pattern));
  const expressions = await compileAll(special);
  const matchers = patterns.map(plainMatcher).filter((matcher) => matcher !== undefined);
  return (text) =>
    matchers.some((matches) => matches(text)) || expressions.some((matches) => matches(text)) || special.includes(text);
}

/** Without those that are no expressions. @throws invalid for patterns that would take too long */
export async function compileAll(patterns: readonly string[]): Promise<TextMatcher[]> {
  let size = 0;
  for (const pattern of patterns) {
    size += sizeOf(pattern);
    if (size > MAX_SIZE) throw invalid(`invalid pattern ${pattern.slice(0, 200)}: it takes too long to match`);
  }
  const compiled = await Promise.all(patterns.map(compile));
  return compiled.filter((matcher) => matcher !== undefined);
}

function plainMatcher(pattern: string): TextMatcher | undefined {
  const [, start, word, end] = PLAIN.exec(pattern) ?? [];
  if (word === undefined) return undefined;
  if (start && end) return (text) => text === word || text === pattern;
  if (start) return (text) => text.startsWith(word) || text === pattern;
  return end ? (text) => text.endsWith(word) || text === pattern : (text) => text.includes(word);
}

/** At most as many states: RE2 itself refuses what repeats more than 1000 times, one repetition in another included. */
function sizeOf(pattern: string): number {
  let repeats = 1;
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,6})(?:,(\d{0,6}))?\}/g))
    repeats *= Math.max(1, Number(least), Number(most || 0));
  return pattern.length * Math.min(repeats, 1000);
}

let engine: Promise<typeof RE2JS> | undefined;

async function compile(pattern: string): Promise<TextMatcher | undefined> {
  engine ??= import('re2js').then((module) => module.RE2JS); // tables of all scripts: loaded on first use
  const expressions = await engine;
  try {
    const expression = expressions.compile(pattern);
    return (text) => expression.matcher(text).find();
  } catch (error) {
    if ((error as Error).name !== 'RE2JSSyntaxException') throw error;
    return undefined;
  }
}
