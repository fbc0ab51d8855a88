/**
 * Files with holes in archives: where the pieces that an archive holds belong. GNU tar has written them in four forms.
 */
import { invalid } from '../base/errors.ts';
import { TAR_BLOCK, readTarNumber, type PaxRecords } from '../base/tar-headers.ts';

export interface SparseMap {
  /** [offset, length], in order, none over another. */
  readonly pieces: readonly (readonly [number, number])[];
  readonly sizeBytes: number;
}

const broken = () => invalid('archive/tar: invalid tar header');
const MAX_MAP_BYTES = 16 * 1024 * 1024;

/** Checks what the archive claims. */
function sparseMap(numbers: readonly number[], sizeBytes: number): SparseMap {
  const pieces: [number, number][] = [];
  let end = 0;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || numbers.length % 2 !== 0) throw broken();
  for (let i = 0; i < numbers.length; i += 2) {
    const [offset, length] = [numbers[i]!, numbers[i + 1]!];
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < end || length < 0) throw broken();
    end = offset + length;
    if (end > sizeBytes) throw broken();
    if (length > 0) pieces.push([offset, length]);
  }
  return { pieces, sizeBytes };
}

/** Takes the front of a file's content for as long as it is the map; then returns it. */
export interface SparseMapReader {
  /** How many of the bytes were the map's; `map` is set once it is whole. */
  take(bytes: Buffer): number;
  map: SparseMap | undefined;
}

/** The map's reader if the entry is a sparse file; undefined for all others. `block` is its header block. */
export function sparseMapOf(block: Buffer, type: string, pax: PaxRecords): SparseMapReader | undefined {
  if (type === 'S') return new OldGnuMap(block);
  const text = pax.get('GNU.sparse.map');
  const sizeBytes = Number(pax.get('GNU.sparse.realsize') ?? pax.get('GNU.sparse.size') ?? Number.NaN);
  if (text !== undefined) {
    return { take: () => 0, map: sparseMap(text === '' ? [] : text.split(',').map(decimal), sizeBytes) };
  }
  return pax.get('GNU.sparse.major') === '1' ? new LeadingMap(sizeBytes) : undefined;
}

function decimal(text: string): number {
  if (!/^\d{1,16}$/.test(text)) throw broken();
  return Number(text);
}

/** In the header block and the blocks that follow it. */
class OldGnuMap implements SparseMapReader {
  readonly #numbers: number[] = [];
  readonly #sizeBytes: number;
  map: SparseMap | undefined;

  constructor(block: Buffer) {
    this.#sizeBytes = readTarNumber(block, 483, 12);
    this.#read(block, 386, 4, block[482] !== 0);
  }

  #read(block: Buffer, at: number, entries: number, more: boolean): void {
    for (let i = 0; i < entries && block[at + i * 24] !== 0; i++) {
      this.#numbers.push(readTarNumber(block, at + i * 24, 12), readTarNumber(block, at + i * 24 + 12, 12));
    }
    if (this.#numbers.length * 8 > MAX_MAP_BYTES) throw broken();
    if (!more) this.map = sparseMap(this.#numbers, this.#sizeBytes);
  }

  /** The reader of archives gives on these blocks one at a time. */
  take(block: Buffer): number {
    this.#read(block, 0, 21, block[504] !== 0);
    return TAR_BLOCK;
  }
}

/** In front of the content as lines of numbers, filled up to whole blocks. */
class LeadingMap implements SparseMapReader {
  readonly #sizeBytes: number;
  #text = '';
  #lines = 0;
  #taken = 0;
  map: SparseMap | undefined;

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  take(bytes: Buffer): number {
    let used = 0;
    while (used < bytes.length && !this.map) {
      const room = TAR_BLOCK - (this.#taken % TAR_BLOCK);
      const part = bytes.subarray(used, used + room);
      for (const byte of part) if (byte === 0x0a) this.#lines++;
      this.#text += part.toString('latin1');
      this.#taken += part.length;
      used += part.length;
      if (this.#taken > MAX_MAP_BYTES) throw broken();
      if (this.#taken % TAR_BLOCK === 0) this.#tryToParse();
    }
    return used;
  }

  #tryToParse(): void {
    const newline = this.#text.indexOf('\n');
    if (newline < 0) throw broken();
    const count = decimal(this.#text.slice(0, newline));
    if (count * 4 > MAX_MAP_BYTES) throw broken();
    if (this.#lines <= count * 2) return;
    const lines = this.#text.split('\n', count * 2 + 1);
    this.map = sparseMap(lines.slice(1).map(decimal), this.#sizeBytes);
  }
}
