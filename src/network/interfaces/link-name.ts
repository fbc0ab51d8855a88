/**
 * Names of interfaces: what the kernel takes, what a firewall's language can express, and how they are quoted for a
 * shell.
 */

const RULE =
  'an interface name has at most 15 bytes and no space, slash, colon, quotation mark, asterisk, percent or control character';
const MAX_BYTES = 15;

/**
 * Why a name cannot be that of an interface that is made or named for a network; undefined where it can. Stricter than
 * the kernel: what nft cannot read would stand in a saved ruleset that cannot be loaded again, a '+' at the end means
 * many interfaces to iptables, '%d' becomes a number.
 */
export function linkNameComplaint(name: string): string | undefined {
  // The kernel looks at bytes: 0xa0 is a space to it, in whatever character.
  if (!isEncodable(name) || /[\s/:"*%\p{Cc}]/u.test(name) || Buffer.from(name).includes(0xa0)) return RULE;
  if (['.', '..', 'all', 'default'].includes(name)) return `an interface cannot be called ${name}`;
  return name.endsWith('+') ? "a '+' at the end stands for many interfaces" : undefined;
}

/**
 * Whether it is the whole name of what might be an interface: as bytes that are no text it cannot be told from others.
 */
export function isEncodable(name: string): boolean {
  return name !== '' && Buffer.byteLength(name) <= MAX_BYTES && !name.includes('\ufffd');
}

/**
 * Whether nft reads what it writes: there is no escape for a quotation mark, and an asterisk at the end matches any
 * rest.
 */
export function isReadableByNft(name: string): boolean {
  return !name.includes('"') && !name.endsWith('*');
}

/** As one word of a shell's command, the same where nothing in it is special. */
export function shellWord(text: string): string {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  // Control characters would act on the terminal that they are printed to.
  if (/\p{Cc}/u.test(text)) return `$'${text.replace(/[\\']/g, '\\$&').replace(/\p{Cc}/gu, bytesOf)}'`;
  return `'${text.replaceAll("'", "'\\''")}'`;
}

const bytesOf = (character: string): string =>
  [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
