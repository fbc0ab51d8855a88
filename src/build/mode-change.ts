/** `--chmod`: octal, or symbolic as chmod(1) reads it: 'u+x,go-w', 'a=rX'. */
import { invalid } from '../base/errors.ts';

type ModeChange = (mode: number, isDirectory: boolean) => number;

const WHO: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };

/** @throws invalid */
export function readModeChange(text: string): ModeChange {
  if (/^[0-7]{1,5}$/.test(text)) {
    const mode = parseInt(text, 8);
    if (mode <= 0o7777) return () => mode;
  }
  const clauses = text.split(',').map((clause) => readClause(clause, text));
  return (mode, isDirectory) => clauses.reduce((current, change) => change(current, isDirectory), mode);
}

function readClause(clause: string, text: string): ModeChange {
  const [, who = '', actions = ''] = /^([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)$/.exec(clause) ?? [];
  if (actions === '')
    throw invalid(`invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  let mask = 0;
  for (const letter of who || 'a') mask |= WHO[letter]!;
  const changes = [...actions.matchAll(/([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)/g)].map(
    ([, operator = '', permissions = '']): ModeChange =>
      (mode, isDirectory) => {
        const bits = bitsOf(permissions, mode, isDirectory) & mask;
        if (operator === '+') return mode | bits;
        if (operator === '-') return mode & ~bits;
        // A directory keeps its set-id bits unless they are named.
        return (mode & ~(mask & (isDirectory ? 0o1777 : 0o7777))) | bits;
      },
  );
  return (mode, isDirectory) => changes.reduce((current, change) => change(current, isDirectory), mode);
}

function bitsOf(permissions: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(permissions)) {
    const three = (mode >> { u: 6, g: 3, o: 0 }[permissions as 'u' | 'g' | 'o']) & 7;
    return three | (three << 3) | (three << 6);
  }
  let bits = 0;
  for (const letter of permissions) {
    if (letter === 'X') bits |= isDirectory || (mode & 0o111) !== 0 ? 0o111 : 0;
    else bits |= PERMISSIONS[letter]!;
  }
  return bits;
}
