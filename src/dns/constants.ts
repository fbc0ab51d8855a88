/** Numbers of the DNS protocol that are used here, by their names in the RFCs. */

export const HEADER_BYTES = 12;
export const MAX_NAME_BYTES = 255;
export const MAX_LABEL_BYTES = 63;

export const RecordType = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  ANY: 255,
} as const;

export const RecordClass = { IN: 1, CH: 3, ANY: 255 } as const;

export const ResponseCode = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
} as const;

/** Bits of the third and fourth byte of a header. */
export const Flag = { QR: 0x80, AA: 0x04, TC: 0x02, RD: 0x01, RA: 0x80, AD: 0x20, CD: 0x10 } as const;

const typeNames = new Map<number, string>(Object.entries(RecordType).map(([name, value]) => [value, name]));
const codeNames = new Map<number, string>(Object.entries(ResponseCode).map(([name, value]) => [value, name]));

export const typeName = (type: number): string => typeNames.get(type) ?? `TYPE${type}`;
export const codeName = (code: number): string => codeNames.get(code) ?? `RCODE${code}`;
