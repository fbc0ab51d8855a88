/** IP addresses as bytes and sockaddr structures. Text is checked and written by Node and the C library's rules. */
import { isIP } from 'node:net';
import { errnoNumber, KernelError } from './errors.ts';
import { inetPton } from './ffi.ts';

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

export type AddressFamily = typeof AF_INET | typeof AF_INET6;

const scratch = Buffer.alloc(256);

/** 4 or 16 bytes in network order; anything else (zones, prefixes, names) throws EINVAL. */
export function ipBytes(text: string): Buffer {
  const version = text.includes('%') ? 0 : isIP(text);
  if (version === 4) {
    const bytes = Buffer.allocUnsafe(4);
    let index = 0;
    for (const part of text.split('.')) bytes[index++] = Number(part);
    return bytes;
  }
  if (version === 6 && inetPton(AF_INET6, text, scratch) === 1) return Buffer.from(scratch.subarray(0, 16));
  throw new KernelError(`parse address '${text}'`, errnoNumber('EINVAL'));
}

/** Canonical text (RFC 5952) of 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  const groups: number[] = [];
  for (let index = 0; index < 16; index += 2) groups.push((bytes[index]! << 8) | bytes[index + 1]!);
  let best = { start: -1, length: 1 }; // only a run of two or more is shortened
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
    start += length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}

export function familyOf(bytes: Uint8Array): AddressFamily {
  return bytes.length === 4 ? AF_INET : AF_INET6;
}

/** '10.0.0.1/24' as bytes and prefix; without a prefix the address alone (/32, /128). Host bits stay. */
export function parsePrefix(text: string): { bytes: Buffer; prefix: number; family: AddressFamily } {
  const slash = text.indexOf('/');
  const bytes = ipBytes(slash < 0 ? text : text.slice(0, slash));
  const bits = bytes.length * 8;
  const prefix = slash < 0 ? bits : Number(text.slice(slash + 1));
  if (!(Number.isInteger(prefix) && prefix >= 0 && prefix <= bits && !text.endsWith('/'))) {
    throw new KernelError(`parse address '${text}'`, errnoNumber('EINVAL'));
  }
  return { bytes, prefix, family: familyOf(bytes) };
}

/** '02:42:ac:11:00:02' as 6 bytes. */
export function macBytes(text: string): Buffer {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text))
    throw new KernelError(`parse MAC address '${text}'`, errnoNumber('EINVAL'));
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

export function macText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/** struct sockaddr_in or sockaddr_in6. */
export function inetSockaddr(address: string, port: number, scopeId = 0): Buffer {
  const bytes = ipBytes(address);
  const out = Buffer.alloc(bytes.length === 4 ? 16 : 28);
  out.writeUInt16LE(familyOf(bytes), 0);
  out.writeUInt16BE(port, 2);
  if (bytes.length === 4) bytes.copy(out, 4);
  else {
    bytes.copy(out, 8);
    out.writeUInt32LE(scopeId, 24);
  }
  return out;
}

export interface SocketName {
  readonly address: string;
  readonly port: number;
}

/** Reads a sockaddr_in or sockaddr_in6; another family is undefined. */
export function parseSockaddr(buffer: Buffer, offset = 0): SocketName | undefined {
  const family = buffer.readUInt16LE(offset);
  const port = buffer.readUInt16BE(offset + 2);
  if (family === AF_INET) return { address: ipText(buffer.subarray(offset + 4, offset + 8)), port };
  if (family === AF_INET6) return { address: ipText(buffer.subarray(offset + 8, offset + 24)), port };
  return undefined;
}

/** struct sockaddr_un; a path of 108 bytes or more throws ENAMETOOLONG. A leading '@' is the abstract namespace. */
export function unixSockaddr(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > 107) throw new KernelError(`socket path ${path}`, errnoNumber('ENAMETOOLONG'));
  const out = Buffer.alloc(2 + bytes.length + (path.startsWith('@') ? 0 : 1));
  out.writeUInt16LE(AF_UNIX, 0);
  bytes.copy(out, 2);
  if (path.startsWith('@')) out[2] = 0;
  return out;
}
