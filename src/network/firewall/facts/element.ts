/**
 * Elements of our nftables sets and maps, as people write them: key 'tcp . 8080', value '172.17.0.2 . 80'. They are the
 * only part of the firewall that changes while the engine runs.
 */
export type SetName =
  | 'bridges'
  | 'internal'
  | 'trusted'
  | 'masqueraded'
  | 'source4'
  | 'source6'
  | 'neighbours'
  | 'inbound'
  | 'strangers'
  | 'earlier'
  | 'bridged'
  | 'routers4'
  | 'other-engines'
  | 'publish4'
  | 'publish6'
  | 'publish-any4'
  | 'publish-any6'
  | 'input-any'
  | 'input4'
  | 'input6'
  | 'open4'
  | 'open6'
  | 'detour4'
  | 'detour6'
  | 'hairpin4'
  | 'hairpin6'
  | 'astride4'
  | 'astride6'
  | 'holes4'
  | 'holes6';

export interface Element {
  readonly set: SetName;
  readonly key: string;
  readonly value?: string; // maps only
}

/** One text per element, so that lists of them can be compared. */
export function elementKey(element: Element): string {
  return `${element.set} ${element.key}`;
}

export interface ElementDiff {
  readonly add: readonly Element[];
  readonly remove: readonly Element[];
}

/** What turns `before` into `after`. A map key whose value changed is in both lists: the old goes before the new comes. */
export function diffElements(before: Iterable<Element>, after: Iterable<Element>): ElementDiff {
  const old = new Map<string, Element>();
  for (const element of before) old.set(elementKey(element), element);
  const wanted = new Map<string, Element>();
  for (const element of after) wanted.set(elementKey(element), element);
  const add: Element[] = [];
  for (const [key, element] of wanted) {
    const known = old.get(key);
    if (known && known.value === element.value) old.delete(key);
    else add.push(element);
  }
  return { add, remove: [...old.values()] };
}
