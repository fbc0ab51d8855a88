/**
 * What the kernel counted in the last hour. Most of all: what was dropped between interfaces that are not the engine's,
 * because it was the engine that turned forwarding on (the chain `strangers`): for `info` and the doctor.
 */
import { isKernelError } from '../../kernel/errors.ts';
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { shellWord } from '../interfaces/link-name.ts';
import { DROPPED, UNMARKED, USER_CHAIN, WAY_MARK } from './ruleset.ts';
import { FAMILY, TABLE } from './schema.ts';

export interface DroppedStrangers {
  readonly version: 4 | 6;
  readonly from: string;
  readonly to: string;
  readonly packets: number;
}

const SHOWN = 10;
const ELEMENT = /ipv([46]) \. "([^"\n]+)" \. "([^"\n]+)" [^,}]*?counter packets (\d+)/g;

function parseDropped(listing: string): DroppedStrangers[] {
  return [...listing.matchAll(ELEMENT)].map(([, version, from = '', to = '', packets]) => ({
    version: version === '6' ? 6 : 4,
    from,
    to,
    packets: Number(packets),
  }));
}

export function strangerWarnings(context: RulesetContext): string[] {
  return readMost(context, DROPPED).map(sentence);
}

/**
 * Whose packets came with the bit by which way is made, and lost it: rules that ask for their mark do not meet them any
 * more.
 */
export function unmarkedWarnings(context: RulesetContext): string[] {
  return readMost(context, UNMARKED).map(
    ({ version, from, to, packets }) =>
      `packets from ${from} to ${to} come with the bit 0x${WAY_MARK.toString(16)} in their mark (IPv${version}, ${packets} in the last hour), by which way is made for containers in other firewalls: ` +
      'it is taken off what is forwarded, so rules that ask for their mark do not meet them; give them a mark without it, or start the daemon with --firewall-integration=false',
  );
}

function readMost(context: RulesetContext, set: string): DroppedStrangers[] {
  return readCounted(context, set)
    .toSorted((a, b) => b.packets - a.packets)
    .slice(0, SHOWN);
}

function readCounted(context: RulesetContext, set: string): DroppedStrangers[] {
  try {
    return parseDropped(String(context.list(`list set ${FAMILY} ${TABLE} ${set}`)));
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return []; // no table, or one of an earlier release
    throw error;
  }
}

function sentence({ version, from, to, packets }: DroppedStrangers): string {
  const sysctl = version === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
  const command = `nft ${shellWord(`add rule ${FAMILY} ${TABLE} ${USER_CHAIN} iifname "${from}" oifname "${to}" accept`)}`;
  return (
    `packets from ${from} to ${to} are dropped (IPv${version}, ${packets} in the last hour): this host forwarded nothing when the daemon turned that on for its containers. ` +
    `To let them pass until the next boot: ${command}; to make this host a router from the next boot on: ${sysctl} = 1 in a file in /etc/sysctl.d`
  );
}
