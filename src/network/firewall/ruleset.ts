/**
 * The whole ruleset: one table (and a small one for bridged frames, bridged.ts), a constant number of rules. What comes
 * and goes with networks, containers, ports and links are elements of the sets and maps in schema.ts.
 *
 * - No sets without a name: a table without them can be written again from a copy (kernel/nftables/table-copy.ts).
 * - `iifname`, not `iif`: a bridge may be deleted and made again, and an index would then name nothing.
 * - inet: one table for both families; nat in it needs Linux 5.2.
 * - The policies are accept: traffic that is not the engine's passes, except where the engine itself made a router of
 *   the host (`strangers`): there only what bridges and veths that came later send and get passes, which other engines
 *   use for their guests: what is right for those is up to those engines, while what was there before did not forward.
 */
import { groupedBy } from '../../base/grouped.ts';
import { createHash } from 'node:crypto';
import type { Element, SetName } from './facts/element.ts';
import { isReadableByNft } from '../interfaces/link-name.ts';
import { renderBridged } from './bridged.ts';
import { FAMILY, SETS, TABLE } from './schema.ts';

/**
 * The group of logged packets by which the engine gets first packets where the input policy counts (nft's `queue` is
 * not in every kernel).
 */
export const INPUT_GROUP = 22054;

/**
 * Interface pairs between which foreign packets were dropped in the last hour: filled by the kernel, not a projection.
 */
export const DROPPED = 'dropped';
/** The same for packets from which the engine's bit of the mark was removed. */
export const UNMARKED = 'unmarked';
const COUNTED = {
  [DROPPED]: 'packets of strangers were dropped',
  [UNMARKED]: "packets lost the engine's bit of the mark, with which they came",
};
/**
 * The rule that counts, of its own: where the set is full, this one ends here, and the next does its work nevertheless.
 */
const count = (set: keyof typeof COUNTED): string => `update @${set} { meta nfproto . iifname . oifname counter }`;

function renderCounted({ makeWay = true }: RulesetOptions): string[] {
  return Object.entries(COUNTED)
    .filter(([name]) => makeWay || name !== UNMARKED)
    .map(
      ([name, what]) => `\tset ${name} {
\t\ttype nf_proto . ifname . ifname
\t\tsize 1024
\t\tflags dynamic,timeout
\t\ttimeout 1h
\t\tcomment "between which interfaces ${what} in the last hour"
\t}
`,
    );
}

interface Chain {
  readonly name: string;
  readonly comment: string;
  readonly hook?: string;
  readonly rules: readonly string[];
}

const CHAINS: readonly Chain[] = [
  {
    name: 'user',
    comment: 'yours: rules here see all forwarded packets first, and the engine never touches them',
    rules: [],
  },
  {
    name: 'raw-prerouting',
    comment: 'what containers send is looked at before anything else',
    hook: 'type filter hook prerouting priority raw; policy accept;',
    rules: ['iifname @bridges jump from-containers'],
  },
  {
    name: 'from-containers',
    comment:
      'no address of a loopback, in whatever spelling, has business on a bridge: it must not open the host to containers',
    rules: [
      'meta nfproto ipv4 goto from-containers4',
      'ip6 daddr ::ffff:0:0/96 drop comment "IPv4 inside of IPv6: for sockets, not for cables"',
      'ip6 daddr ::/96 drop comment "::, ::1, and a forgotten spelling of IPv4"',
      'ip6 daddr 64:ff9b::7f00:0/104 drop comment "a translator would make 127.0.0.0/8 of it"',
      'ip6 saddr ::ffff:0:0/96 drop',
      'ip6 saddr :: meta l4proto ipv6-icmp return comment "only who looks for an address has none"',
      'ip6 saddr ::/96 drop',
      // Over IPv4 the kernel refuses this itself.
      'fib saddr type local drop comment "a container says that it is this host"',
    ],
  },
  {
    name: 'from-containers4',
    comment: 'the same over IPv4; sources that are groups the kernel refuses itself',
    rules: [
      'ip daddr 127.0.0.0/8 drop',
      'ip saddr 127.0.0.0/8 drop',
      'ip daddr 0.0.0.0/8 drop',
      'ip saddr 0.0.0.0/8 ip daddr != 255.255.255.255 drop comment "only who asks for an address has none"',
    ],
  },
  {
    name: 'nat-prerouting',
    comment: 'published ports, called from other hosts and from containers; a port on 127.0.0.1 is for this host only',
    hook: 'type nat hook prerouting priority dstnat; policy accept;',
    rules: [
      'ip daddr 127.0.0.0/8 return',
      'ip6 saddr fe80::/10 return comment "cannot be forwarded: a relay serves it"',
      'dnat ip to ip daddr . meta l4proto . th dport map @publish4',
      'dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6',
      'fib daddr type != local return',
      'dnat ip to meta l4proto . th dport map @publish-any4',
      'dnat ip6 to meta l4proto . th dport map @publish-any6',
    ],
  },
  {
    name: 'nat-output',
    comment: 'published ports, called from this host; ::1 cannot leave loopback, a relay in the engine serves it',
    hook: 'type nat hook output priority -100; policy accept;',
    rules: [
      'ip6 daddr ::1 return',
      'ip6 saddr fe80::/10 return comment "cannot be forwarded: a relay serves it"',
      'dnat ip to ip daddr . meta l4proto . th dport map @publish4',
      'dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish6',
      'fib daddr type != local return',
      'dnat ip to meta l4proto . th dport map @publish-any4',
      'dnat ip6 to meta l4proto . th dport map @publish-any6',
    ],
  },
  {
    name: 'nat-postrouting',
    comment: 'whose source is changed: only where an answer would not come back otherwise',
    hook: 'type nat hook postrouting priority srcnat; policy accept;',
    rules: [
      'oifname @bridges ip saddr 127.0.0.0/8 masquerade comment "this host calls 127.0.0.1"',
      'ct status dnat ip saddr . ip daddr @hairpin4 masquerade comment "a container calls itself"',
      'ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade comment "a container calls itself"',
      'ct status dnat ip daddr . iifname @detour4 masquerade comment "the answer would go past this host"',
      'ct status dnat ip6 daddr . iifname @detour6 masquerade comment "the answer would go past this host"',
      'oifname @bridges return',
      'snat ip to iifname map @source4',
      'snat ip6 to iifname map @source6',
      'meta nfproto . iifname @masqueraded masquerade',
    ],
  },
  {
    name: 'input',
    comment: 'an internal network reaches its own gateway address and no other of this host',
    hook: 'type filter hook input priority filter; policy accept;',
    rules: [
      'iifname @bridges fib saddr . iif oif missing jump foreign-source',
      'iifname @internal ct state new fib daddr type local fib daddr . iif type != local drop',
    ],
  },
  {
    name: 'forward',
    comment: 'who may reach whom',
    // Before those of others at `filter`: they can then tell by the mark what passed here (`way-begin`).
    hook: 'type filter hook forward priority filter - 10; policy accept;',
    rules: [
      'jump user',
      // Before flows are consulted, which do not know where a packet comes from (an error about one may come from any
      // host). Within a network source addresses are not checked, except where neighbours are isolated.
      'iifname . oifname vmap @neighbours',
      'iifname @internal drop',
      'iifname @bridges fib saddr . iif oif missing jump foreign-source',
      'ct state established,related accept',
      // Docker: directly, but not to more than what is published.
      'iifname . oifname @trusted ip daddr . meta l4proto . th dport @open4 accept',
      'iifname . oifname @trusted ip6 daddr . meta l4proto . th dport @open6 accept',
      'ct status dnat ip daddr . meta l4proto . th dport @open4 accept',
      'ct status dnat ip6 daddr . meta l4proto . th dport @open6 accept',
      'meta nfproto . oifname vmap @inbound',
      'iifname @bridges accept',
      'meta nfproto vmap @strangers',
    ],
  },
  {
    name: 'strangers',
    comment: 'the engine turned forwarding on for its containers: nobody else becomes a neighbour by that',
    rules: [
      'meta iifkind "bridge" meta nfproto . iifname != @earlier accept comment "later ones are the business of who made them"',
      'meta oifkind "bridge" meta nfproto . oifname != @earlier accept',
      'meta iifkind "veth" meta nfproto . iifname != @earlier accept',
      'meta oifkind "veth" meta nfproto . oifname != @earlier accept',
      'meta nfproto ipv4 iifname @routers4 accept',
      // br_netfilter shows frames of all bridges here, with the bridge as both interfaces.
      'meta iifkind "bridge" iifname . oifname @bridged accept',
      count(DROPPED),
      'drop',
    ],
  },
  {
    name: 'foreign-source',
    comment:
      'an answer would not go back to that bridge: only a container on several networks has a reason to send this',
    rules: ['iifname . ip saddr @astride4 return', 'iifname . ip6 saddr @astride6 return', 'drop'],
  },
  {
    name: 'holes',
    comment: 'a network whose containers may not talk to each other: links open what their sources expose',
    rules: [
      // Seen here where bridged packets pass the IP hooks. Without it a link over IPv6 cannot resolve MAC addresses.
      'icmpv6 type nd-neighbor-solicit accept',
      'icmpv6 type nd-neighbor-advert accept',
      'fib saddr . iif oif missing jump foreign-source',
      'ct state established,related accept',
      'ct status dnat ip daddr . meta l4proto . th dport @open4 accept',
      'ct status dnat ip6 daddr . meta l4proto . th dport @open6 accept',
      'ip saddr . ip daddr . meta l4proto . th dport @holes4 accept',
      'ip6 saddr . ip6 daddr . meta l4proto . th dport @holes6 accept',
      'drop',
    ],
  },
  {
    name: 'routed',
    comment: 'a network without address translation: published ports are open to all, and ping',
    rules: [
      'ip daddr . meta l4proto . th dport @open4 accept',
      'ip6 daddr . meta l4proto . th dport @open6 accept',
      'meta l4proto icmp accept',
      'meta l4proto ipv6-icmp accept',
      'drop',
    ],
  },
  {
    name: 'published',
    comment:
      'published ports are open to other hosts at the addresses of containers too, to no other network of this host',
    rules: [
      'iifname @bridges drop',
      'ip daddr . meta l4proto . th dport @open4 accept',
      'ip6 daddr . meta l4proto . th dport @open6 accept',
      'drop',
    ],
  },
  {
    name: 'unprotected',
    comment: 'a network whose containers other hosts may reach directly, but no other network of this host',
    rules: ['iifname @bridges drop', 'accept'],
  },
];

/**
 * Extra rules where published ports respect the host's input policy (`inputPolicy`): packets from outside are not
 * DNATed to containers before routing. Their first packet passes all input chains, others' first, and is handed at the
 * end to the engine (input-gate.ts), which sends it on as a program of this host would: so it meets nat-output. From
 * then on connection tracking knows the flow, and the kernel forwards it like any other.
 */
const INPUT_POLICY: { readonly prerouting: string; readonly chain: Chain; readonly handOver: Chain } = {
  prerouting: 'iifname != @bridges return comment "the input policy of this host decides: see input-last"',
  chain: {
    name: 'input-last',
    comment: 'first packets to published ports that all other input chains let through: the engine leads them on',
    hook: 'type filter hook input priority 500; policy accept;',
    rules: [
      'ct state != new return',
      'iifname "lo" return',
      'iifname @bridges return',
      'ip6 saddr fe80::/10 return comment "cannot be forwarded: a relay serves it"',
      'ip daddr . meta l4proto . th dport @input4 goto hand-over',
      'ip6 daddr . meta l4proto . th dport @input6 goto hand-over',
      'fib daddr type != local return',
      'meta nfproto . meta l4proto . th dport @input-any goto hand-over',
    ],
  },
  handOver: {
    name: 'hand-over',
    comment: 'the engine gets the packet and sends it on',
    rules: [`log group ${INPUT_GROUP}`, 'drop'],
  },
};

/**
 * The bit of the packet mark that tells other firewalls of this host what the engine's rules let through. It is set in
 * the forward hook only, and only `way-begin` sets it; other bits are unchanged. Kubernetes, podman and Tailscale use
 * others. The default masks of Calico and Cilium hold it (the upper half of the mark): next to them their mark is lost
 * here, of which `info` and the doctor warn (foreign-chains.ts).
 */
export const WAY_MARK = 0x08000000;
/** In the forward hook, of the chain that sets it (`filter - 5`). */
export const WAY_PRIORITY = -5;
const WITHOUT_MARK = 'meta mark & 0x08000000 != 0 meta mark set meta mark & 0xf7ffffff';
const CONNECTION_WITHOUT_MARK = 'ct mark & 0x08000000 != 0 ct mark set ct mark & 0xf7ffffff';
const WITH_MARK = 'meta mark set meta mark | 0x08000000';

/** What else there is where the engine makes way for containers in other firewalls (`makeWay`; way-maker.ts). */
const WAY: readonly Chain[] = [
  {
    name: 'way-begin',
    comment: 'what passed and is of containers gets a mark, by which other firewalls of this host let it through',
    hook: `type filter hook forward priority filter - ${-WAY_PRIORITY}; policy accept;`,
    rules: [
      `meta mark & 0x08000000 != 0 ${count(UNMARKED)}`,
      `${WITHOUT_MARK} comment "nobody else gives it"`,
      'oifname @other-engines return comment "for their rules to decide"',
      `iifname @bridges ${WITH_MARK}`,
      `oifname @bridges ${WITH_MARK}`,
    ],
  },
  {
    name: 'way-end',
    comment: 'the mark is for this hook only',
    hook: 'type filter hook forward priority 500; policy accept;',
    rules: [
      `meta mark & 0x08000000 != 0 ${CONNECTION_WITHOUT_MARK} comment "saved meanwhile: it would be restored onto what is not forwarded yet"`,
      WITHOUT_MARK,
    ],
  },
];

/** What of the ruleset is chosen when the daemon starts. */
export interface RulesetOptions {
  readonly inputPolicy?: boolean;
  /** Default: true. */
  readonly makeWay?: boolean;
  /** Whether the kernel has rules for bridged frames. Default: true. */
  readonly bridged?: boolean;
}

function chainsOf({ inputPolicy, makeWay = true }: RulesetOptions): readonly Chain[] {
  const all = makeWay ? [...CHAINS, ...WAY] : CHAINS;
  if (!inputPolicy) return all;
  const chains = all.map((chain) =>
    chain.name === 'nat-prerouting' ? { ...chain, rules: [INPUT_POLICY.prerouting, ...chain.rules] } : chain,
  );
  const before = chains.findIndex((chain) => chain.name === 'forward');
  return chains.toSpliced(before, 0, INPUT_POLICY.chain, INPUT_POLICY.handOver);
}

function bridgedOf({ bridged = true }: RulesetOptions): string {
  return bridged ? `\n${renderBridged()}` : '';
}

/** The chain for the user's own rules: what is in it is carried over when the table is rewritten. */
export const USER_CHAIN = 'user';

/** The tables with their sets, chains and rules, and no elements: nft's own syntax, accepted by `nft -f`. */
export function renderRuleset(userRules: readonly string[] = [], options: RulesetOptions = {}): string {
  const sets = Object.entries(SETS).map(([name, schema]) => {
    const kind = schema.data ? 'map' : 'set';
    const data = schema.data ? ` : ${schema.data === 'verdict' ? 'verdict' : schema.data.join(' . ')}` : '';
    return `\t${kind} ${name} {\n\t\ttype ${schema.key.join(' . ')}${data}\n\t\tcomment "${schema.comment}"\n\t}\n`;
  });
  const chains = chainsOf(options).map((chain) => {
    const isUser = chain.name === USER_CHAIN;
    const comment = isUser ? `${chain.comment} (${rulesetVersion(options)})` : chain.comment;
    const lines = [`comment "${comment}"`, ...(chain.hook ? [chain.hook] : []), ...(isUser ? userRules : chain.rules)];
    return `\tchain ${chain.name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`;
  });
  return `table ${FAMILY} ${TABLE} {\n${[...sets, ...renderCounted(options), ...chains].join('\n')}}\n${bridgedOf(options)}`;
}

/** Elements as nft commands, for the transaction that rewrites the table. */
export function renderElements(elements: readonly Element[]): string {
  const commands = [...groupBySet(elements)].map(([set, members]) => {
    const list = members.map((element) => {
      const key = element.key
        .map((field, index) => (SETS[set].key[index] === 'ifname' ? `"${field}"` : field))
        .join(' . ');
      return element.value === undefined ? key : `${key} : ${valueText(element.value)}`;
    });
    return `add element ${FAMILY} ${TABLE} ${set} { ${list.join(', ')} }\n`;
  });
  return commands.join('');
}

/** Whether nft's language can name its interfaces. */
export function isReadableElement({ set, key }: Element): boolean {
  return key.every((field, index) => SETS[set].key[index] !== 'ifname' || isReadableByNft(String(field)));
}

/** Elements of one set belong in one message. */
export function groupBySet(elements: readonly Element[]): Map<SetName, Element[]> {
  return groupedBy(elements, ({ set }) => set);
}

/** As nft prints it: 'tcp . 8080 : 172.17.0.2 . 80'. */
export function elementText({ key, value }: Element): string {
  return `${key.join(' . ')}${value === undefined ? '' : ` : ${valueText(value)}`}`;
}

const valueText = (value: NonNullable<Element['value']>): string =>
  typeof value === 'string' ? value : value.join(' . ');

/** What `list chain` printed of the user's chain: the rules in it, and which version of the ruleset it belongs to. */
export function parseUserChain(listing: string): { version: string; rules: string[] } {
  const lines = listing.split('\n').map((line) => line.trim());
  const version = /\(([0-9a-f]{12})\)"$/.exec(lines.find((line) => line.startsWith('comment ')) ?? '')?.[1] ?? '';
  const rules = lines.filter((line) => line !== '' && line !== '}' && !/^(comment "|table |chain )/.test(line));
  return { version, rules };
}

const versions = new Map<string, string>();

/** Changes when the rules do: a table with another version was written by another release, or with other options. */
export function rulesetVersion(options: RulesetOptions = {}): string {
  const text = JSON.stringify([SETS, renderCounted(options), chainsOf(options), bridgedOf(options)]);
  const known = versions.get(text);
  if (known !== undefined) return known;
  const version = createHash('sha256').update(text).digest('hex').slice(0, 12);
  versions.set(text, version);
  return version;
}

export function setNames(): SetName[] {
  return Object.keys(SETS) as SetName[];
}
