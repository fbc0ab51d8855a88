/**
 * Matching by patterns that come from a client. Some take longer than the universe has for a short text ('(a+)+$'), and nobody is served
 * meanwhile; V8 looks for interruptions while it backtracks, so a script with a time limit ends them.
 */
import { createContext, Script } from 'node:vm';
import { invalid } from './errors.ts';

const LIMIT_MS = 500;
/** Without repetition or choice nothing is tried twice. */
const HARMLESS = /^[^*+?{|]*$/;

const context = createContext({ pattern: /x/, text: '' }) as { pattern: RegExp; text: string };
const test = new Script('pattern.test(text)');

/** Undefined: the text is no regular expression. */
export function expressionOf(text: string): RegExp | undefined {
  try {
    return new RegExp(text);
  } catch {
    return undefined;
  }
}

/** @throws invalid where the pattern takes more than half a second */
export function matchesWithin(pattern: RegExp, text: string, limitMs = LIMIT_MS): boolean {
  if (HARMLESS.test(pattern.source)) return pattern.test(text);
  Object.assign(context, { pattern, text });
  try {
    return test.runInContext(context, { timeout: limitMs }) as boolean;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw invalid(`invalid pattern ${pattern.source.slice(0, 200)}: it takes too long to match`);
  }
}
