/** Hardware addresses: always locally administered, and the same for the same input. */
import { ipToBigint } from '../../model/addresses.ts';

function formatMac(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * 02:42 and the IPv4 address. An address that moves to another container keeps its MAC, so no neighbour cache on the
 * bridge goes stale. Without IPv4, 02:42 and digits of the id.
 */
export function macFor(ipv4: string, id: string): string {
  if (ipv4 === '') return macFromId(id);
  const number = Number(ipToBigint(ipv4));
  return formatMac([0x02, 0x42, (number >>> 24) & 255, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]);
}

/** A bridge without a fixed address takes that of its lowest port, and changes it as ports come and go. */
export function macFromId(id: string): string {
  return formatMac([0x02, 0x42, ...[0, 2, 4, 6].map((at) => Number.parseInt(id.slice(at, at + 2), 16))]);
}
