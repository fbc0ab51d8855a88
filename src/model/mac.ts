const SPELLINGS = [
  /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i,
  /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i,
];

/** '02:42:ac:11:00:02' for an Ethernet address in each of the spellings that Go takes; undefined for anything else. */
export function parseMac(text: string): string | undefined {
  if (!SPELLINGS.some((spelling) => spelling.test(text))) return undefined;
  return text.toLowerCase().replaceAll(/[:.-]/g, '').match(/../g)!.join(':');
}

/** Whether an interface can have it: one of a group of stations, or of none, is refused by the kernel. */
export function isStationMac(mac: string): boolean {
  return (parseInt(mac.slice(0, 2), 16) & 1) === 0 && mac !== '00:00:00:00:00:00';
}
