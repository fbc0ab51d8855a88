/** The difference of two projections, which is all that an operation ever tells the firewall. */
import { elementKey, elementOf, type Element } from './element.ts';
import type { Fact } from './fact.ts';

interface Diff<T> {
  readonly add: readonly T[];
  readonly remove: readonly T[];
}

export type FactDiff = Diff<Fact>;
export type ElementDiff = Diff<Element>;

/** Facts are the same where their elements are, whatever they came from. */
export function diffFacts(before: Iterable<Fact>, after: Iterable<Fact>): FactDiff {
  return difference(before, after, elementOf);
}

export function diffElements(before: Iterable<Element>, after: Iterable<Element>): ElementDiff {
  return difference(before, after, (element) => element);
}

export const isEmptyDiff = ({ add, remove }: Diff<unknown>): boolean => add.length + remove.length === 0;

/**
 * What turns `before` into `after`. A map key whose value changed is in both lists: the old goes before the new comes.
 */
function difference<T>(before: Iterable<T>, after: Iterable<T>, elementFor: (one: T) => Element): Diff<T> {
  const keyed = (list: Iterable<T>) => {
    const map = new Map<string, { readonly one: T; readonly value: string }>();
    for (const one of list) {
      const element = elementFor(one);
      map.set(elementKey(element), { one, value: String(element.value) });
    }
    return map;
  };
  const [old, wanted] = [keyed(before), keyed(after)];
  const add: T[] = [];
  for (const [key, { one, value }] of wanted) {
    if (old.get(key)?.value === value) old.delete(key);
    else add.push(one);
  }
  return { add, remove: [...old.values()].map(({ one }) => one) };
}
