/** Sysctls in the order in which they are written: `conf.all` also sets what there is, which others are to refine. */
export function inWritingOrder(sysctls: Readonly<Record<string, string>>): [name: string, value: string][] {
  const isOfAll = (name: string) => /[./]conf[./]all[./]/.test(name);
  return Object.entries(sysctls).toSorted(([a], [b]) => Number(isOfAll(b)) - Number(isOfAll(a)));
}
