/**
 * A field of a table by a name that comes from outside. Plain indexing also finds what every object has ('constructor',
 * '__proto__'), and takes it for an entry of the table.
 */
export function ownField<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
