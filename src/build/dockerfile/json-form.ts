/** The JSON form of a command or a list of paths: `["a", "b"]`. */
import { parseJsonText } from '../../base/json-text.ts';
import { wrong } from './source-error.ts';

/**
 * Undefined where the text is no JSON array, and so is taken as it is written. @throws where it is one of other things
 * than texts
 */
export function jsonForm(text: string): string[] | undefined {
  const start = text.trimStart();
  if (!start.startsWith('[')) return undefined;
  let list: unknown;
  try {
    list = parseJsonText(start);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  if (!list.every((item) => typeof item === 'string'))
    throw wrong('when using JSON array syntax, arrays must be comprised of strings only');
  return list;
}
