/** Hardware addresses: always locally administered, of one station, and the same for the same id. */

/** The six bytes that an id in hexadecimal begins with. */
const bytesOf = (id: string): number[] => [0, 2, 4, 6, 8, 10].map((at) => Number.parseInt(id.slice(at, at + 2), 16));

function formatMac(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

/**
 * Of an endpoint: as random as its id, so no two are the same, on this host or on another that is bridged to it, whose
 * networks may have the same addresses. Neighbours are told when an address moves to another MAC.
 */
export function endpointMac(id: string): string {
  const [first = 0, ...rest] = bytesOf(id);
  return formatMac([(first & 0xfc) | 0x02, ...rest]);
}

/** A bridge without a fixed address takes that of its lowest port, and changes it as ports come and go. */
export function bridgeMac(id: string): string {
  return formatMac([0x02, 0x42, ...bytesOf(id).slice(0, 4)]);
}
