/** IP addresses and subnets as canonical strings; arithmetic on BigInt. User input is checked with net.isIP first. */
import { isIP } from 'node:net';
import { parseIp, stringifyIp } from 'ip-bigint';

export interface Subnet {
  readonly version: 4 | 6;
  readonly first: bigint; // the network address
  readonly last: bigint;
  readonly prefix: number;
}

export function ipVersion(text: string): 4 | 6 | 0 {
  // A zone ('fe80::1%eth0') is an address to isIP, and never one here.
  return text.includes('%') ? 0 : (isIP(text) as 4 | 6 | 0);
}

/** The address as a number; throws if it is not an address. */
export function ipToBigint(text: string): bigint {
  if (ipVersion(text) === 0) throw new RangeError(`not an IP address: ${text}`);
  return parseIp(text).number;
}

export function bigintToIp(number: bigint, version: 4 | 6): string {
  return stringifyIp({ number, version });
}

/** One spelling per address: '::1' for '0:0:0:0:0:0:0:1', '10.1.2.3' for itself. */
export function canonicalIp(text: string): string {
  const version = ipVersion(text);
  return version === 0 ? text : bigintToIp(ipToBigint(text), version);
}

/** '0.0.0.0' and '::', however they are spelled. */
export function isUnspecified(text: string): boolean {
  return ipVersion(text) !== 0 && ipToBigint(text) === 0n;
}

/** Canonical, and as IPv4 what is spelled '::ffff:10.1.2.3'. */
export function unmappedIp(text: string): string {
  const number = ipVersion(text) === 6 ? ipToBigint(text) : 0n;
  return number >> 32n === 0xffffn ? bigintToIp(number & 0xffffffffn, 4) : canonicalIp(text);
}

export function isLinkLocal(text: string): boolean {
  const subnets = [parseSubnet('169.254.0.0/16')!, parseSubnet('fe80::/10')!];
  return ipVersion(text) !== 0 && subnets.some((subnet) => subnetContains(subnet, unmappedIp(text)));
}

/** With the brackets that an IPv6 address needs before a port; anything else is unchanged. */
export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}

/** Parses '10.0.0.0/24'; host bits may be set. Returns undefined for anything else. */
export function parseSubnet(text: string): Subnet | undefined {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  const version = ipVersion(match[1]!);
  const prefix = Number(match[2]);
  const bits = version === 4 ? 32 : 128;
  if (version === 0 || prefix > bits) return undefined;
  const hostBits = BigInt(bits - prefix);
  const first = (ipToBigint(match[1]!) >> hostBits) << hostBits;
  return { version, first, last: first + (1n << hostBits) - 1n, prefix };
}

export function formatSubnet(subnet: Subnet): string {
  return `${bigintToIp(subnet.first, subnet.version)}/${subnet.prefix}`;
}

export function subnetContains(subnet: Subnet, address: string): boolean {
  if (ipVersion(address) !== subnet.version) return false;
  const number = ipToBigint(address);
  return number >= subnet.first && number <= subnet.last;
}

export function subnetsOverlap(a: Subnet, b: Subnet): boolean {
  return a.version === b.version && a.first <= b.last && b.first <= a.last;
}
