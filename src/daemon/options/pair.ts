import { invalid } from '../../base/errors.ts';

/** NAME=VALUE of a flag. @throws invalid */
export function pairOf(text: string, flag: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals <= 0) throw invalid(`invalid --${flag} "${text}": expected NAME=VALUE`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}
