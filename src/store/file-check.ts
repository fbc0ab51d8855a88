/**
 * Looks at the store's file by plain reads, before lmdb maps it into memory: a page that is not there would end the
 * process with SIGBUS, and one that makes no sense could do anything. Every page that is reachable from the state that
 * lmdb will open is looked at: its number, its kind, its bounds. A file that is shorter than its last page number says
 * is whole if nothing refers to the missing part.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { errorCode } from '../base/errors.ts';

const MAGIC = 0xbeefc0de;
const HEADER = 24;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const [BRANCH, LEAF, OVERFLOW, META] = [0x01, 0x02, 0x04, 0x08];
const [BIG_DATA, SUB_DATABASE] = [0x01, 0x02];
const UNSYNCED = 0x1000;
const DEEPEST = 32;
const WINDOW_BYTES = 32 << 20;

interface Meta {
  readonly pageBytes: number;
  readonly transaction: bigint;
  readonly unsynced: boolean;
  readonly boot: bigint;
  readonly lastPage: bigint;
  readonly roots: readonly bigint[];
}

/** What is wrong with it, or nothing. A file that is not there, or empty, is a new one. */
export function damageOf(path: string): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(fd);
    if (size === 0) return undefined;
    return new FileCheck(fd, size).damage();
  } finally {
    closeSync(fd);
  }
}

class FileCheck {
  readonly #fd: number;
  readonly #size: number;
  readonly #seen = new Set<number>();
  #pageBytes = 4096;
  #window = Buffer.alloc(0);
  #windowAt = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
  }

  damage(): string | undefined {
    try {
      for (const meta of this.#metas()) for (const root of meta.roots) this.#tree(root, meta, 0);
      return undefined;
    } catch (error) {
      if (error instanceof Damage) return error.message;
      throw error;
    }
  }

  #bytes(at: number, length: number): Buffer {
    if (at + length > this.#size) throw new Damage(`it ends at byte ${this.#size}, and byte ${at + length} is needed`);
    if (at < this.#windowAt || at + length > this.#windowAt + this.#window.length) this.#read(at);
    return this.#window.subarray(at - this.#windowAt, at - this.#windowAt + length);
  }

  /** Many pages at once: a read a page would cost a start with a thousand containers more than all the rest. */
  #read(from: number): void {
    const bytes = Buffer.allocUnsafe(Math.min(WINDOW_BYTES, this.#size - from));
    for (let done = 0; done < bytes.length;) {
      const read = readSync(this.#fd, bytes, done, bytes.length - done, from + done);
      if (read === 0) throw new Damage(`it ends at byte ${from + done}`);
      done += read;
    }
    this.#window = bytes;
    this.#windowAt = from;
  }

  /** The states that lmdb may choose: the newest, or the newest that was synced. */
  #metas(): readonly Meta[] {
    const first = this.#meta(0);
    if (!first) throw new Damage('it does not begin as a file of lmdb does');
    this.#pageBytes = first.pageBytes;
    const others = [this.#meta(first.pageBytes), this.#meta(first.pageBytes / 2, { half: true })];
    if (others[0] === undefined) throw new Damage('its second page is no beginning of lmdb');
    const [second, synced] = others;
    const boot = bootNumber();
    const chosen = choose(first, second, boot);
    // Older states may have pages that newer ones use: only what is opened has to be whole.
    return [synced ? choose(chosen, synced, boot) : chosen];
  }

  #meta(at: number, { half = false } = {}): Meta | undefined {
    const page = this.#bytes(at, HEADER + 144);
    const body = page.subarray(HEADER);
    const pageBytes = body.readUInt32LE(24);
    if (half) {
      const transaction = body.readBigUInt64LE(128);
      if (transaction === 0n) return undefined;
    } else if ((page.readUInt16LE(18) & META) === 0 || body.readUInt32LE(0) !== MAGIC) return undefined;
    if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) return undefined;
    return {
      pageBytes,
      unsynced: (body.readUInt16LE(28) & UNSYNCED) !== 0,
      boot: body.readBigInt64LE(136),
      transaction: body.readBigUInt64LE(128),
      lastPage: body.readBigUInt64LE(120),
      roots: [body.readBigUInt64LE(24 + 40), body.readBigUInt64LE(72 + 40)],
    };
  }

  #tree(root: bigint, meta: Meta, depth: number): void {
    if (root === NO_PAGE) return;
    if (root > meta.lastPage) throw new Damage(`it refers to page ${root}, and the last is ${meta.lastPage}`);
    if (depth > DEEPEST) throw new Damage('its pages lead to each other in a circle');
    const number = Number(root);
    if (number < 2 || this.#seen.has(number)) throw new Damage(`page ${number} is referred to twice`);
    this.#seen.add(number);
    const page = this.#bytes(number * this.#pageBytes, this.#pageBytes);
    const kind = page.readUInt16LE(18) & (BRANCH | LEAF | OVERFLOW | META);
    if (page.readBigUInt64LE(0) !== root || (kind !== BRANCH && kind !== LEAF))
      throw new Damage(`page ${number} is no page of records`);
    this.#nodes(page, number, kind, meta, depth);
  }

  #nodes(page: Buffer, number: number, kind: number, meta: Meta, depth: number): void {
    // Offsets count from behind the header.
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)];
    if (lower % 2 !== 0 || lower > upper || upper + HEADER > this.#pageBytes)
      throw new Damage(`page ${number} has no sense`);
    for (let i = 0; i < lower / 2; i++) {
      const at = page.readUInt16LE(HEADER + 2 * i) + HEADER;
      if (at < upper + HEADER || at + 8 > this.#pageBytes)
        throw new Damage(`page ${number} has a record outside of it`);
      const flags = page.readUInt16LE(at + 4);
      const keyBytes = page.readUInt16LE(at + 6);
      const low = page.readUInt16LE(at) + page.readUInt16LE(at + 2) * 65536;
      if (at + 8 + keyBytes > this.#pageBytes) throw new Damage(`page ${number} has a key that does not fit`);
      if (kind === BRANCH) {
        this.#tree(BigInt(low) | (BigInt(flags) << 32n), meta, depth + 1);
        continue;
      }
      const dataAt = at + 8 + keyBytes;
      const inPage = (flags & BIG_DATA) !== 0 ? 8 : low;
      if (dataAt + inPage > this.#pageBytes) throw new Damage(`page ${number} has a value that does not fit`);
      if ((flags & BIG_DATA) !== 0) this.#overflow(page.readBigUInt64LE(dataAt), low, meta);
      if ((flags & SUB_DATABASE) !== 0) {
        if (low !== 48) throw new Damage(`page ${number} has a table that is none`);
        this.#tree(page.readBigUInt64LE(dataAt + 40), meta, 0);
      }
    }
  }

  #overflow(first: bigint, valueBytes: number, meta: Meta): void {
    const pages = Math.floor((HEADER - 1 + valueBytes) / this.#pageBytes) + 1;
    if (first < 2n || first + BigInt(pages) - 1n > meta.lastPage)
      throw new Damage(`a value is on page ${first}, and the last is ${meta.lastPage}`);
    const at = Number(first) * this.#pageBytes;
    const header = this.#bytes(at, HEADER);
    if (header.readBigUInt64LE(0) !== first || (header.readUInt16LE(18) & OVERFLOW) === 0)
      throw new Damage(`page ${first} is no page of a long value`);
    if (at + pages * this.#pageBytes > this.#size)
      throw new Damage(`it ends at byte ${this.#size}, in the middle of a value`);
  }
}

/** As lmdb does: what was not synced counts only within the boot that wrote it. */
function choose(a: Meta, b: Meta, boot: bigint): Meta {
  if (b.transaction === 0n) return a;
  const latest = a.transaction >= b.transaction ? a : b;
  if (!latest.unsynced || (latest.boot !== 0n && latest.boot === boot)) return latest;
  return a.transaction > b.transaction ? b : a;
}

function bootNumber(): bigint {
  try {
    return BigInt(`0x${/^[0-9a-f]+/i.exec(readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))?.[0] ?? '0'}`);
  } catch {
    return 0n;
  }
}

class Damage extends Error {}
