/** A JSON value as Go's %v prints it: what dockerd shows of two settings that contradict each other. */
export function goText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goText).join(' ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${entries.map(([name, one]) => `${name}:${goText(one)}`).join(' ')}]`;
  }
  return value === null || value === undefined ? '<nil>' : String(value as string | number | boolean);
}
