/** Whether what a program reads in an answer is there, and in a form in which two engines' answers can be compared. */
import { isDeepStrictEqual } from 'node:util';
import type { Kind, Reads } from './table.ts';

export type Kept = Readonly<Record<string, unknown>>;

const isKind = (value: unknown): value is Kind =>
  typeof value === 'object' && value !== null && typeof (value as Kind).test === 'function' && 'kind' in value;

/** All values at a path: several where it has a star. */
export function valuesAt(value: unknown, path: string): unknown[] {
  let values = [value];
  for (const part of path === '' ? [] : path.split(' ')) {
    values = values.flatMap((each) => {
      if (typeof each !== 'object' || each === null) return [undefined];
      if (part === '*') return Object.values(each);
      return [(each as Record<string, unknown>)[part]];
    });
  }
  return values;
}

/** `{name}` in texts, however deep, and in the names of fields. */
export function filled(value: unknown, kept: Kept): unknown {
  if (typeof value === 'string') {
    const whole = /^\{(\w+)\}$/.exec(value);
    if (whole && whole[1]! in kept) return kept[whole[1]!];
    return value.replace(/\{(\w+)\}/g, (all, name: string) => (name in kept ? String(kept[name]) : all));
  }
  if (Array.isArray(value)) return value.map((each) => filled(each, kept));
  if (isKind(value) || value instanceof RegExp || typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [filled(name, kept), filled(each, kept)]));
}

function agrees(value: unknown, wanted: unknown): boolean {
  if (isKind(wanted)) return wanted.test(value);
  if (wanted instanceof RegExp) return typeof value === 'string' && wanted.test(value);
  return isDeepStrictEqual(value, wanted);
}

const shown = (wanted: unknown): string =>
  isKind(wanted) ? `<${wanted.kind}>` : wanted instanceof RegExp ? String(wanted) : String(JSON.stringify(wanted));

/** What was read, path -> value or kind; what is not as wanted has both. */
export function read(answer: unknown, reads: Reads, kept: Kept): Record<string, string> {
  return Object.fromEntries(
    Object.entries(reads).map(([path, wanting]) => {
      const wanted = filled(wanting, kept);
      const values = valuesAt(answer, String(filled(path, kept)));
      const bad = values.find((value) => !agrees(value, wanted));
      if (values.length === 0) return [path, `nothing there, not ${shown(wanted)}`];
      return [
        path,
        bad === undefined && values.every((value) => agrees(value, wanted))
          ? shown(wanting)
          : `${JSON.stringify(bad)}, not ${shown(wanted)}`,
      ];
    }),
  );
}

export function agreesWith(answer: unknown, reads: Reads, kept: Kept): boolean {
  return Object.entries(reads).every(([path, wanted]) => {
    const values = valuesAt(answer, String(filled(path, kept)));
    return values.length > 0 && values.every((value) => agrees(value, filled(wanted, kept)));
  });
}
