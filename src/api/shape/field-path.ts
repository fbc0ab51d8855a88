/** Fields of plain JSON by their path: 'Config.Cmd', '[].Health' (each element), 'Runtimes.*.status' (each value). */

export type FieldPath = readonly string[];

export function fieldPath(text: string): FieldPath {
  return text
    .replaceAll('[]', '.[]')
    .split('.')
    .filter((part) => part !== '');
}

type Names = 'exact' | 'any case';

/**
 * The value without the field, where `drop` wants that; itself where there is nothing to take out. What is not on the
 * way to the field is shared with the value, which stays as it is.
 */
export function withoutField(
  value: unknown,
  path: FieldPath,
  drop: (found: unknown) => boolean = () => true,
  names: Names = 'exact',
  at = 0,
): unknown {
  const step = path[at];
  if (step === undefined || typeof value !== 'object' || value === null) return value;
  if (step === '[]') {
    if (!Array.isArray(value)) return value;
    const list = value.map((element: unknown) => withoutField(element, path, drop, names, at + 1));
    return list.some((element, index) => element !== value[index]) ? list : value;
  }
  if (Array.isArray(value)) return value;
  let result: Record<string, unknown> | undefined;
  for (const name of namesOf(value, step, names)) {
    const found = (value as Record<string, unknown>)[name];
    if (at === path.length - 1) {
      if (!drop(found)) continue;
      result ??= { ...value };
      delete result[name];
    } else {
      const changed = withoutField(found, path, drop, names, at + 1);
      if (changed !== found) (result ??= { ...value })[name] = changed;
    }
  }
  return result ?? value;
}

function namesOf(object: object, step: string, names: Names): string[] {
  if (step === '*') return Object.keys(object);
  if (names === 'exact') return Object.hasOwn(object, step) ? [step] : [];
  const wanted = step.toLowerCase();
  return Object.keys(object).filter((name) => name.toLowerCase() === wanted);
}

/** Go's zero values, and null. */
export function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false || value === 0) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
