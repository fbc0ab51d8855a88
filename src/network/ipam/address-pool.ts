/**
 * The addresses of one subnet. Promises Docker's order (the lowest free one of the range, so that the address of a
 * container that stopped is the next one given) at the same cost on an empty /30 and a full /16 or an IPv6 /64.
 * Knows nothing of networks or containers.
 */
import { forbidden } from '../../base/errors.ts';
import { bigintToIp, ipToBigint, ipVersion, subnetsOverlap, type Subnet } from '../../model/addresses.ts';
import { OffsetSet } from './offset-set.ts';

export interface AddressPoolOptions {
  readonly subnet: Subnet;
  /** Where addresses are chosen from (--ip-range); any of the subnet can be asked for. */
  readonly range?: Subnet | undefined;
  /** Never given: gateway, auxiliary addresses. The network and broadcast addresses need not be named. */
  readonly reserved: readonly string[];
}

export class AddressPool {
  readonly subnet: Subnet;
  readonly #first: bigint; // of the range, as offsets in the subnet
  readonly #last: bigint;
  readonly #taken = new Set<bigint>(); // given out, and what is never given
  readonly #fixed = new Set<bigint>(); // what is never given
  readonly #kept = new Map<bigint, Set<string>>(); // not to be chosen: reserved for an owner that requested it explicitly
  readonly #blocked: OffsetSet; // taken or kept
  #blockedTotal = 0n;
  #blockedInRange = 0n;

  constructor(options: AddressPoolOptions) {
    const { subnet, range } = options;
    this.subnet = subnet;
    this.#first = (range ?? subnet).first - subnet.first;
    this.#last = (range ?? subnet).last - subnet.first;
    this.#blocked = new OffsetSet((subnet.version === 4 ? 32 : 128) - subnet.prefix);
    for (const offset of unusableOffsets(subnet)) this.#fix(offset);
    for (const address of options.reserved) this.#fix(this.#offset(address));
  }

  /**
   * Takes `wanted`, or the lowest free address of the range. Throws `forbidden` "Address already in use" for a wanted
   * address that is taken; returns undefined when nothing is left to choose. A reserved address is never
   * chosen, but an explicit request for it gets it.
   */
  take(wanted?: string): string | undefined {
    let offset: bigint | undefined;
    if (wanted !== undefined && wanted !== '') {
      offset = this.#offset(wanted);
      if (this.#taken.has(offset)) throw forbidden('Address already in use');
    } else {
      offset = this.#blocked.lowestMissing(this.#first, this.#last);
      if (offset === undefined) return undefined;
    }
    this.#taken.add(offset);
    this.#block(offset);
    return bigintToIp(this.subnet.first + offset, this.subnet.version);
  }

  /** Gives an address back; one that is not taken, or never given, is left as it is. */
  release(address: string): void {
    const offset = this.#offset(address);
    if (this.#fixed.has(offset) || !this.#taken.delete(offset)) return;
    this.#unblock(offset);
  }

  /** Whether one with these has no address in common with it: another subnet, or another range of the same one. */
  isBeside(subnet: Subnet, range: Subnet | undefined): boolean {
    if (!subnetsOverlap(this.subnet, subnet)) return true;
    if (this.subnet.first !== subnet.first || this.subnet.prefix !== subnet.prefix || !range) return false;
    const [first, last] = [this.subnet.first + this.#first, this.subnet.first + this.#last];
    return last < range.first || range.last < first;
  }

  has(address: string): boolean {
    return this.contains(address) && this.#taken.has(this.#offset(address));
  }

  contains(address: string): boolean {
    if (ipVersion(address) !== this.subnet.version) return false;
    const number = ipToBigint(address);
    return number >= this.subnet.first && number <= this.subnet.last;
  }

  /** Keeps an address from being chosen while `owner` does not use it (a stopped container that asked for it). */
  keep(address: string, owner: string): void {
    const offset = this.#offset(address);
    const owners = this.#kept.get(offset);
    if (owners) owners.add(owner);
    else this.#kept.set(offset, new Set([owner]));
    this.#block(offset);
  }

  unkeep(address: string, owner: string): void {
    const offset = this.#offset(address);
    const owners = this.#kept.get(offset);
    if (!owners?.delete(owner) || owners.size > 0) return;
    this.#kept.delete(offset);
    this.#unblock(offset);
  }

  /** How many can still be chosen. */
  get free(): bigint {
    return this.#last - this.#first + 1n - this.#blockedInRange;
  }

  /**
   * How many of the subnet cannot be allocated: taken or reserved, with the network, broadcast, gateway and auxiliary
   * addresses.
   */
  get inUse(): bigint {
    return this.#blockedTotal;
  }

  /** What all that was asked so far has cost, in nodes of the tree that were looked at. */
  get nodesVisited(): number {
    return this.#blocked.nodesVisited;
  }

  #fix(offset: bigint): void {
    this.#fixed.add(offset);
    this.#taken.add(offset);
    this.#block(offset);
  }

  #block(offset: bigint): void {
    if (!this.#blocked.add(offset)) return;
    this.#blockedTotal++;
    if (this.#inRange(offset)) this.#blockedInRange++;
  }

  #unblock(offset: bigint): void {
    if (this.#taken.has(offset) || this.#kept.has(offset)) return;
    if (!this.#blocked.delete(offset)) return;
    this.#blockedTotal--;
    if (this.#inRange(offset)) this.#blockedInRange--;
  }

  #inRange(offset: bigint): boolean {
    return offset >= this.#first && offset <= this.#last;
  }

  #offset(address: string): bigint {
    if (!this.contains(address)) throw new RangeError(`${address} is not in the subnet`);
    return ipToBigint(address) - this.subnet.first;
  }
}

/**
 * What no host may have: the network and broadcast addresses, and IPv6's subnet-router anycast address; but all of a
 * point-to-point or single-address subnet can be used (RFC 3021, RFC 6164).
 */
function unusableOffsets(subnet: Subnet): bigint[] {
  const size = subnet.last - subnet.first + 1n;
  if (size <= 2n) return [];
  return subnet.version === 4 ? [0n, size - 1n] : [0n];
}
