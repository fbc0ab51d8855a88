/**
 * A set of numbers in [0, 2^bits) that answers "which is the lowest one missing from here to there?" in a number of
 * steps that depends on `bits` only: 4 for a /16, 13 for an IPv6 /64, however full it is. A tree of 32-way nodes,
 * made where something is set; a node's mask shows which children are full (or, in a leaf, which numbers are in).
 */
interface Node {
  full: number; // a 32-bit mask
  count: number; // numbers in the set at or below this node, as far as a double can hold; 0 = the node can go
  children: (Node | undefined)[] | null; // null in a leaf
}

const DIGIT_BITS = 5;
const DIGIT_MASK = 31n;
const ALL = 0xffffffff | 0; // all 32 bits, as the int that bit operations give

const newNode = (level: number): Node => ({ full: 0, count: 0, children: level === 0 ? null : [] });

export class OffsetSet {
  readonly #levels: number; // tree height: digits in a number
  readonly #topFull: number; // the mask of a full root: it may have fewer than 32 children
  readonly #limit: bigint;
  #root: Node;
  /** Nodes that were looked at since the set was made: by this the promise above is kept in tests. */
  nodesVisited = 0;

  constructor(bits: number) {
    this.#levels = Math.max(1, Math.ceil(bits / DIGIT_BITS));
    const topBits = bits - (this.#levels - 1) * DIGIT_BITS;
    this.#topFull = topBits >= DIGIT_BITS ? ALL : (1 << (1 << topBits)) - 1;
    this.#limit = 1n << BigInt(bits);
    this.#root = newNode(this.#levels - 1);
  }

  has(offset: bigint): boolean {
    const digits = this.#digits(offset);
    let node = this.#root;
    for (let level = this.#levels - 1; level > 0; level--) {
      this.nodesVisited++;
      const digit = digits[level]!;
      if (isSet(node.full, digit)) return true;
      const child = node.children![digit];
      if (!child) return false;
      node = child;
    }
    return isSet(node.full, digits[0]!);
  }

  /** Returns false when it was in already. */
  add(offset: bigint): boolean {
    if (this.has(offset)) return false;
    const digits = this.#digits(offset);
    const path: Node[] = [];
    let node = this.#root;
    for (let level = this.#levels - 1; level > 0; level--) {
      this.nodesVisited++;
      path[level] = node;
      const digit = digits[level]!;
      const child = node.children![digit] ?? newNode(level - 1);
      node.children![digit] = child;
      node.count++;
      node = child;
    }
    node.count++;
    node.full |= 1 << digits[0]!;
    // A node that has become full is marked so in its parent, up to the first that has not.
    for (let level = 1; level < this.#levels && node.full === ALL; level++) {
      node = path[level]!;
      node.full |= 1 << digits[level]!;
    }
    return true;
  }

  /** Returns false when it was not in. */
  delete(offset: bigint): boolean {
    if (!this.has(offset)) return false;
    const digits = this.#digits(offset);
    let node = this.#root;
    for (let level = this.#levels - 1; level > 0; level--) {
      this.nodesVisited++;
      const digit = digits[level]!;
      const child = node.children![digit]!;
      node.full &= ~(1 << digit);
      node.count--;
      if (child.count === 1) {
        node.children![digit] = undefined; // it held only this one
        return true;
      }
      node = child;
    }
    node.count--;
    node.full &= ~(1 << digits[0]!);
    return true;
  }

  /** The lowest number from `first` to `last` (both in) that is not in the set, or undefined. */
  lowestMissing(first: bigint, last: bigint): bigint | undefined {
    if (first > last || first < 0n || last >= this.#limit) return undefined;
    const found = this.#search(this.#root, this.#levels - 1, this.#digits(first), true, 0n);
    return found !== undefined && found <= last ? found : undefined;
  }

  /** `tight`: the number built so far equals that of `from`, so its digits still bind. */
  #search(node: Node, level: number, from: readonly number[], tight: boolean, prefix: bigint): bigint | undefined {
    this.nodesVisited++;
    const start = tight ? from[level]! : 0;
    const limit = level === this.#levels - 1 ? this.#topFull : ALL;
    let candidates = ~node.full & limit & (ALL << start);
    while (candidates !== 0) {
      const digit = 31 - Math.clz32(candidates & -candidates);
      const number = (prefix << BigInt(DIGIT_BITS)) | BigInt(digit);
      if (level === 0) return number;
      const bound = tight && digit === start;
      const child = node.children![digit];
      const found = child
        ? this.#search(child, level - 1, from, bound, number)
        : bound
          ? from.slice(0, level).reduceRight((high, low) => (high << BigInt(DIGIT_BITS)) | BigInt(low), number)
          : number << BigInt(DIGIT_BITS * level);
      if (found !== undefined) return found;
      candidates &= candidates - 1; // the bound child is full from `from` on; the next one is not bound
    }
    return undefined;
  }

  /** Lowest digit first. */
  #digits(offset: bigint): number[] {
    const digits: number[] = [];
    for (let level = 0; level < this.#levels; level++) {
      digits.push(Number(offset & DIGIT_MASK));
      offset >>= BigInt(DIGIT_BITS);
    }
    return digits;
  }
}

const isSet = (mask: number, digit: number): boolean => ((mask >>> digit) & 1) === 1;
