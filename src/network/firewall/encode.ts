/** Elements between their fields and the bytes that the kernel keeps. */
import { isIPv4 } from 'node:net';
import { invalid } from '../../base/errors.ts';
import { bigintToIp, ipToBigint } from '../../model/addresses.ts';
import type { SetElement, Verdict } from '../../kernel/nftables/batch.ts';
import type { Element, ElementVerdict, Field, SetName } from './facts/element.ts';
import { SETS, type FieldType } from './schema.ts';

const SIZE_BYTES: Readonly<Record<FieldType, number>> = {
  ifname: 16,
  ipv4_addr: 4,
  ipv6_addr: 16,
  inet_proto: 1,
  inet_service: 2,
  nf_proto: 1,
};
const PROTOCOLS: Readonly<Record<string, number>> = { icmp: 1, tcp: 6, udp: 17, 'ipv6-icmp': 58, sctp: 132 };
const FAMILIES: Readonly<Record<string, number>> = { ipv4: 2, ipv6: 10 };

export function encodeElement(element: Element): SetElement {
  const schema = SETS[element.set];
  const key = encodeFields(schema.key, element.key);
  if (schema.data === undefined) return { key };
  const { value = [] } = element;
  return {
    key,
    data:
      typeof value === 'string'
        ? encodeVerdict(value)
        : encodeFields(schema.data === 'verdict' ? [] : schema.data, value),
  };
}

/** An element as the kernel listed it. */
export function decodeElement(set: SetName, encoded: SetElement): Element {
  const schema = SETS[set];
  const key = decodeFields(schema.key, encoded.key);
  if (encoded.data === undefined || schema.data === undefined) return { set, key };
  if (Buffer.isBuffer(encoded.data)) {
    return { set, key, value: schema.data === 'verdict' ? [] : decodeFields(schema.data, encoded.data) };
  }
  const { verdict, chain } = encoded.data;
  return { set, key, value: (chain ? `${verdict} ${chain}` : verdict) as ElementVerdict };
}

// A concatenation pads each field to whole 32-bit registers; a lone field has its own length.
function paddedSize(type: FieldType, alone: boolean): number {
  const size = SIZE_BYTES[type];
  return alone ? size : Math.ceil(size / 4) * 4;
}

function encodeFields(types: readonly FieldType[], fields: readonly Field[]): Buffer {
  if (fields.length !== types.length)
    throw invalid(`firewall element ${JSON.stringify(fields)} does not have ${types.length} parts`);
  return Buffer.concat(
    types.map((type, index) => encodeField(type, fields[index]!, paddedSize(type, types.length === 1))),
  );
}

function encodeField(type: FieldType, field: Field, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const text = String(field);
  switch (type) {
    case 'ifname':
      if (Buffer.byteLength(text) > 15) throw invalid(`interface name ${text} is longer than 15 bytes`);
      bytes.write(text);
      break;
    case 'ipv4_addr':
    case 'ipv6_addr':
      encodeIp(text).copy(bytes);
      break;
    case 'inet_proto':
      bytes[0] = lookUp(PROTOCOLS, text);
      break;
    case 'inet_service':
      bytes.writeUInt16BE(Number(field));
      break;
    case 'nf_proto':
      bytes[0] = lookUp(FAMILIES, text);
      break;
  }
  return bytes;
}

function encodeIp(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  return Buffer.from(ipToBigint(text).toString(16).padStart(32, '0'), 'hex');
}

function encodeVerdict(text: ElementVerdict): Verdict {
  const [verdict = '', chain] = text.split(' ');
  if (verdict === 'accept' || verdict === 'drop' || verdict === 'return') return { verdict };
  if ((verdict === 'goto' || verdict === 'jump') && chain) return { verdict, chain };
  throw invalid(`unknown firewall verdict ${JSON.stringify(text)}`);
}

function decodeFields(types: readonly FieldType[], bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let offset = 0;
  for (const type of types) {
    fields.push(decodeField(type, bytes.subarray(offset, offset + SIZE_BYTES[type])));
    offset += paddedSize(type, types.length === 1);
  }
  return fields;
}

function decodeField(type: FieldType, bytes: Buffer): Field {
  switch (type) {
    case 'ifname':
      return bytes.toString('utf8').replace(/\0.*$/s, '');
    case 'ipv4_addr':
      return [...bytes].join('.');
    case 'ipv6_addr':
      return bigintToIp(BigInt(`0x${bytes.toString('hex')}`), 6);
    case 'inet_proto':
      return nameOf(PROTOCOLS, bytes[0]!);
    case 'inet_service':
      return bytes.readUInt16BE();
    case 'nf_proto':
      return nameOf(FAMILIES, bytes[0]!);
  }
}

function lookUp(numbers: Readonly<Record<string, number>>, name: string): number {
  const number = numbers[name];
  if (number === undefined) throw invalid(`${JSON.stringify(name)} has no place in a firewall element`);
  return number;
}

function nameOf(numbers: Readonly<Record<string, number>>, wanted: number): string {
  return Object.entries(numbers).find(([, number]) => number === wanted)?.[0] ?? String(wanted);
}
