/** Lists of processors or memory nodes as people write them: '0-3,7'. */
const MAX_NUMBER = 8192; // Docker's: more take memory and tell nothing

/** The numbers, or what is wrong in Docker's words. */
export function parseCpuset(text: string): ReadonlySet<number> | string {
  const numbers = new Set<number>();
  if (text === '') return numbers;
  for (const part of text.split(',')) {
    const [, first, last = first] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
    if (first === undefined || Number(first) > Number(last)) return `invalid format: ${text}`;
    if (Number(last) > MAX_NUMBER) return `value of out range, maximum is ${MAX_NUMBER}`;
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number);
  }
  return numbers;
}
