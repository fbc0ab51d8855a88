/**
 * The tar header blocks, read and written. Strings are latin1, a character a byte: names and extended attributes come
 * out as they went in, whatever their encoding.
 */
import { invalid } from './errors.ts';

export const TAR_BLOCK = 512;

export interface TarHeader {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number; // of what follows in the archive
  readonly mtimeS: number;
  readonly type: string; // '0' file, '1' hard link, '2' symbolic link, '3' char, '4' block, '5' directory, '6' FIFO, 'x' 'g' 'L' 'K' extensions
  readonly linkName: string;
  readonly userName: string;
  readonly groupName: string;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
}

export type PaxRecords = Map<string, string>;

export function isZeroBlock(block: Buffer): boolean {
  for (let i = 0; i < TAR_BLOCK; i++) if (block[i] !== 0) return false;
  return true;
}

/** Reads one header block; throws on a wrong checksum. */
export function parseTarHeader(block: Buffer): TarHeader {
  const stored = readTarNumber(block, 148, 8);
  let sum = 8 * 0x20; // the checksum field counts as spaces
  for (let i = 0; i < TAR_BLOCK; i++) if (i < 148 || i >= 156) sum += block[i]!;
  if (sum !== stored) throw invalid('archive/tar: invalid tar header');
  const magic = block.toString('latin1', 257, 263);
  let name = readString(block, 0, 100);
  if (magic === 'ustar\0') {
    const prefix = readString(block, 345, 155);
    if (prefix !== '') name = `${prefix}/${name}`;
  }
  let type = String.fromCharCode(block[156]!);
  if (type === '\0' || type === '7') type = '0';
  // Archives older than POSIX mark directories by a slash alone.
  if (type === '0' && name.endsWith('/')) type = '5';
  return {
    name,
    mode: readTarNumber(block, 100, 8),
    uid: readTarNumber(block, 108, 8),
    gid: readTarNumber(block, 116, 8),
    sizeBytes: readTarNumber(block, 124, 12),
    mtimeS: readTarNumber(block, 136, 12),
    type,
    linkName: readString(block, 157, 100),
    userName: magic.startsWith('ustar') ? readString(block, 265, 32) : '',
    groupName: magic.startsWith('ustar') ? readString(block, 297, 32) : '',
    deviceMajor: type === '3' || type === '4' ? readTarNumber(block, 329, 8) : 0,
    deviceMinor: type === '3' || type === '4' ? readTarNumber(block, 337, 8) : 0,
  };
}

/** A directory that no archive or tree has: made because something is in it. */
export const impliedDirectory = (name: string, { uid, gid } = { uid: 0, gid: 0 }): TarHeader => ({
  name,
  mode: 0o755,
  uid,
  gid,
  sizeBytes: 0,
  mtimeS: Math.floor(Date.now() / 1000),
  type: '5',
  linkName: '',
  userName: '',
  groupName: '',
  deviceMajor: 0,
  deviceMinor: 0,
});

/** Header blocks for an entry, with a pax extension in front where the plain fields do not hold it. */
export function formatTarHeader(header: TarHeader, pax: PaxRecords = new Map()): Buffer {
  const records = new Map(pax);
  const fits = (value: number, digits: number) => Number.isInteger(value) && value >= 0 && value < 8 ** digits;
  const overflow = (key: string, text: string, isPlain: boolean) => {
    if (isPlain) records.delete(key);
    else records.set(key, text);
  };
  const ascii = (text: string, length: number) => text.length <= length && !/[^\x20-\x7e]/.test(text);
  overflow('path', header.name, ascii(header.name, 100));
  overflow('linkpath', header.linkName, ascii(header.linkName, 100));
  overflow('size', String(header.sizeBytes), fits(header.sizeBytes, 11));
  overflow('uid', String(header.uid), fits(header.uid, 7));
  overflow('gid', String(header.gid), fits(header.gid, 7));
  // A fraction of a second that came in a record stays there.
  if (!fits(header.mtimeS, 11) && !records.has('mtime')) records.set('mtime', String(header.mtimeS));
  const plain = plainHeader(header);
  if (records.size === 0) return plain;
  const body = formatPax(records);
  const extension = plainHeader({
    ...header,
    name: `PaxHeaders/${header.name.split('/').filter(Boolean).at(-1) ?? 'entry'}`.slice(0, 99),
    type: 'x',
    mode: 0o644,
    sizeBytes: body.length,
    linkName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  });
  return Buffer.concat([extension, body, padding(body.length), plain]);
}

function plainHeader(header: TarHeader): Buffer {
  const block = Buffer.alloc(TAR_BLOCK);
  const number = (value: number, offset: number, length: number) => {
    const clipped = value >= 0 && value < 8 ** (length - 1) ? Math.floor(value) : 0;
    block.write(`${clipped.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  };
  block.write(header.name.slice(0, 100), 0, 'latin1');
  number(header.mode, 100, 8);
  number(header.uid, 108, 8);
  number(header.gid, 116, 8);
  number(header.sizeBytes, 124, 12);
  number(header.mtimeS, 136, 12);
  block.write('        ', 148, 'latin1');
  block.write(header.type, 156, 'latin1');
  block.write(header.linkName.slice(0, 100), 157, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.write(header.userName.slice(0, 31), 265, 'latin1');
  block.write(header.groupName.slice(0, 31), 297, 'latin1');
  number(header.deviceMajor, 329, 8);
  number(header.deviceMinor, 337, 8);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

const SPARSE_MAP = 'GNU.sparse.map';

/** Reads the body of a pax extension. */
const NEW_LINE = 0x0a;

export function parsePax(body: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  let at = 0;
  while (at < body.length && body[at] !== 0) {
    const space = body.indexOf(0x20, at);
    const digits = space < 0 ? '' : body.toString('latin1', at, Math.min(space, at + 20));
    const length = /^\d+$/.test(digits) ? Number(digits) : 0;
    if (length < 5 || at + length > body.length || body[at + length - 1] !== NEW_LINE)
      throw invalid('archive/tar: invalid tar header');
    const record = body.toString('latin1', space + 1, at + length - 1);
    const equals = record.indexOf('=');
    if (equals < 1) throw invalid('archive/tar: invalid tar header');
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key !== 'GNU.sparse.offset' && key !== 'GNU.sparse.numbytes') records.set(key, value);
    else {
      // The oldest form of sparse files repeats one key: kept in the form of the next version.
      const before = records.get(SPARSE_MAP);
      records.set(SPARSE_MAP, before === undefined ? value : `${before},${value}`);
    }
    at += length;
  }
  return records;
}

export function formatPax(records: PaxRecords): Buffer {
  const lines: string[] = [];
  for (const [key, value] of records) {
    const rest = ` ${key}=${value}\n`;
    // The length counts its own digits.
    let length = rest.length + 1;
    while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
    lines.push(`${length}${rest}`);
  }
  return Buffer.from(lines.join(''), 'latin1');
}

/** The zeros that fill what follows up to a whole block. */
export function padding(sizeBytes: number): Buffer {
  return Buffer.alloc((TAR_BLOCK - (sizeBytes % TAR_BLOCK)) % TAR_BLOCK);
}

function readString(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('latin1', offset, end < 0 || end > offset + length ? offset + length : end);
}

/** Octal, or GNU's base 256. */
export function readTarNumber(block: Buffer, offset: number, length: number): number {
  const first = block[offset]!;
  if (first & 0x80) {
    // GNU's base 256, for what octal cannot hold; the first byte's high bit is the mark, its next one the sign.
    let value = first & 0x40 ? BigInt(first) - 0x100n : BigInt(first & 0x7f);
    for (let i = offset + 1; i < offset + length; i++) value = value * 256n + BigInt(block[i]!);
    return Number(value);
  }
  const text = block
    .toString('latin1', offset, offset + length)
    .replace(/\0.*$/s, '')
    .trim();
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw invalid('archive/tar: invalid tar header');
  return Number.parseInt(text, 8);
}
