/**
 * The rules for frames between two ports of a bridge, before anything takes them for IP. On a network whose containers
 * are isolated, br_netfilter hands bridged IP to the engine's `inet` table; but only IP that comes plainly. What it
 * does not recognize (VLAN tags, PPPoE, any other protocol) it lets pass, and a kernel that gets a frame with a
 * priority tag takes the tag off and has an IP packet. So what may pass is listed here, and the rest is dropped.
 *
 * The ports concerned are marked by the group of the host's end of a veth, given in the request that makes it: there is
 * no moment without, no element comes and goes, and no kernel module is needed (`ibrname` would need one). Ports that
 * others put on the bridge have no such group.
 */
import { APART_GROUP } from '../plan/port-group.ts';
import { TABLE } from './schema.ts';

export const BRIDGED_FAMILY = 'bridge';

const RULES = [
  `meta iifgroup != ${APART_GROUP} return`,
  `meta oifgroup != ${APART_GROUP} return`,
  'ether type ip return comment "for the inet table to decide"',
  'ether type ip6 return comment "likewise"',
  'ether type arp return',
  'drop',
];

const CHAIN = `	chain forward {
		comment "neighbours that are kept apart send each other plain IP, which is filtered, and nothing that hides it"
		type filter hook forward priority -200; policy accept;
${RULES.map((rule) => `\t\t${rule}\n`).join('')}	}
`;

/** In nft's own syntax, as the rest of the ruleset. */
export function renderBridged(): string {
  return `table ${BRIDGED_FAMILY} ${TABLE} {\n${CHAIN}}\n`;
}
