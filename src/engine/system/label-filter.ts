/** Docker's `label` and `label!` filters: 'key' or 'key=value', all of them must match. */
export function matchesLabels(labels: Readonly<Record<string, string>>, wanted: readonly string[]): boolean {
  return wanted.every((text) => hasLabel(labels, text));
}

/** True when none of the labels that `label!` names is there. */
export function lacksLabels(labels: Readonly<Record<string, string>>, unwanted: readonly string[]): boolean {
  return unwanted.every((text) => !hasLabel(labels, text));
}

function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const equals = text.indexOf('=');
  if (equals < 0) return Object.hasOwn(labels, text);
  const key = text.slice(0, equals);
  return Object.hasOwn(labels, key) && labels[key] === text.slice(equals + 1);
}
