/**
 * What others' firewalls do to packets of containers: an accept of the engine's ends only its own chain, a drop
 * anywhere is final. Decided by what would become of a packet of each network, said with the name of the program that
 * wrote the rule, and with what helps in that program's own words.
 */
import type { RuleSource } from '../../../kernel/nftables/ruleset-reader.ts';
import { shellWord } from '../../interfaces/link-name.ts';
import { Effort, stopOf, type Filter, type ProbePacket, type Stop } from './filter-model.ts';
import { firewalldAdvice, firewalldCause, isOfFirewalld } from './firewalld-advice.ts';
import { foreignFilters, type LegacyTable, type Unread } from './foreign-filters.ts';
import { WAY_MARK, WAY_PRIORITY } from '../ruleset.ts';

/** A network as its packets look to others. */
export interface ProbedNetwork {
  readonly bridge: string;
  /** An address of a container on it; '' where it has none of that version. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Published ports are translated: false on routed networks. */
  readonly translated: boolean;
  /** The interface by which its packets leave for elsewhere; '' where that is not known. */
  readonly uplink4: string;
  readonly uplink6: string;
}

export interface ForeignDrop {
  readonly program: 'ufw' | 'firewalld' | 'Docker' | 'iptables' | 'iptables-legacy' | 'nftables';
  /** 'ip filter FORWARD' */
  readonly chains: readonly string[];
  /** What in it drops: 'policy drop', or a rule: 'iifname "docker0" drop'. */
  readonly by: string;
  readonly bridges: readonly string[];
  readonly outgoing: boolean;
  readonly published: boolean;
  /** From one container to another of its network. */
  readonly between: boolean;
  /** What to do about it, as a command. */
  readonly advice: string;
}

interface Probed {
  readonly bridge: string;
  readonly outgoing: boolean;
  readonly packet: ProbePacket;
}

/** What was found, and what could not be found out. */
export interface ForeignFindings {
  readonly drops: readonly ForeignDrop[];
  /** In sentences. */
  readonly unknown: readonly string[];
  /** Programs that use the bit of the mark by which way is made: 'Calico'. */
  readonly markUsers: readonly string[];
}

const MAX_STEPS = 2_000_000; // two seconds of processor time
/** Their default masks (0xffff0000 both) hold the engine's bit. */
const MARK_USERS = [
  ['Calico', /^cali-/],
  ['Cilium', /^(OLD_)?CILIUM_/],
] as const;

/**
 * In the namespace of this process. `marked`: way is made for packets of containers (way-maker.ts). Takes its time, in
 * which others get their turns.
 */
export async function foreignDrops(
  reader: RuleSource,
  networks: readonly ProbedNetwork[],
  options: { readonly marked: boolean; readonly legacy: readonly LegacyTable[] },
): Promise<ForeignFindings> {
  const effort = new Effort(MAX_STEPS);
  const { filters, unread, chainNames } = await foreignFilters(reader, options.legacy, effort);
  const groups = new Map<string, { stop: Stop; probed: Probed[]; chains: Set<string> }>();
  const open = new Set<string>(); // bridges that the effort did not suffice for
  const bridged = new Map<ProbePacket['family'], readonly Stop[]>(); // frames look the same on every network
  for (const probed of networks.toSorted(inOneOrder).flatMap((network) => packetsOf(network, options))) {
    const { packet } = probed;
    const known = packet.bridged ? bridged.get(packet.family) : undefined;
    const stops = known ?? (await stopsOf(filters, packet, effort));
    if (packet.bridged) bridged.set(packet.family, stops);
    if (effort.spent) open.add(probed.bridge);
    for (const stop of stops) {
      const { filter } = stop;
      const program = programOf(stop);
      const key =
        program === 'ufw'
          ? program
          : program === 'firewalld'
            ? `${program} ${firewalldCause(stop)}`
            : `${program} ${filter.family} ${filter.table} ${stop.chain} ${stop.by}`;
      const group = groups.get(key) ?? { stop, probed: [], chains: new Set() };
      group.probed.push(probed);
      group.chains.add(`${filter.family} ${filter.table} ${stop.chain}`);
      groups.set(key, group);
    }
  }
  return {
    drops: [...groups.values()].map((group) => dropOf(group, options.marked)),
    unknown: unknownOf(unread, [...open]),
    markUsers: MARK_USERS.filter(([, names]) => chainNames.some((name) => names.test(name))).map(
      ([program]) => program,
    ),
  };
}

async function stopsOf(filters: readonly Filter[], packet: ProbePacket, effort: Effort): Promise<Stop[]> {
  const stops: Stop[] = [];
  for (const filter of filters) {
    const stop = await stopOf(filter, packet, effort);
    if (stop) stops.push(stop);
  }
  return stops;
}

/**
 * Networks come by their interfaces or by their ids; the reports about them are the same then. The default network's
 * bridge first, and those that have names.
 */
function inOneOrder({ bridge: one }: ProbedNetwork, { bridge: other }: ProbedNetwork): number {
  return Number(one.startsWith('br-')) - Number(other.startsWith('br-')) || (one < other ? -1 : 1);
}

function dropOf(
  {
    stop,
    probed,
    chains,
  }: { readonly stop: Stop; readonly probed: readonly Probed[]; readonly chains: ReadonlySet<string> },
  marked: boolean,
): ForeignDrop {
  const bridges = [...new Set(probed.map(({ bridge }) => bridge))];
  return {
    program: programOf(stop),
    chains: [...chains],
    by: stop.by,
    bridges,
    outgoing: probed.some(({ outgoing, packet }) => outgoing && !packet.bridged),
    published: probed.some(({ outgoing }) => !outgoing),
    between: probed.some(({ packet }) => packet.bridged),
    advice: adviceFor(stop, bridges, {
      direct: probed.some(({ outgoing, packet }) => !outgoing && !packet.translated),
      marked,
    }),
  };
}

function unknownOf(unread: readonly Unread[], bridges: readonly string[]): string[] {
  return [
    ...unread.map(({ what, why }) => `whether ${what} drops traffic of containers was not evaluated: ${why}`),
    ...(bridges.length > 0
      ? [
          `whether other firewalls drop traffic of containers on ${bridges.join(', ')} was not evaluated: too many rules`,
        ]
      : []),
  ];
}

function packetsOf(
  { bridge, ipv4, ipv6, translated, uplink4, uplink6 }: ProbedNetwork,
  { marked }: { readonly marked: boolean },
): Probed[] {
  const mark = marked ? WAY_MARK : 0;
  return (
    [
      ['ip', ipv4, uplink4],
      ['ip6', ipv6, uplink6],
    ] as const
  )
    .filter(([, address]) => address !== '')
    .flatMap(([family, address, uplink]): Probed[] => [
      {
        bridge,
        outgoing: true,
        packet: {
          family,
          iifname: bridge,
          oifname: uplink,
          saddr: address,
          daddr: '',
          translated: false,
          masqueraded: translated,
          mark,
        },
      },
      {
        bridge,
        outgoing: true,
        packet: { family, iifname: '', oifname: '', saddr: '', daddr: '', translated: false, mark: 0, bridged: true },
      },
      {
        bridge,
        outgoing: false,
        packet: { family, iifname: uplink, oifname: bridge, saddr: '', daddr: address, translated, mark },
      },
    ]);
}

/** By its own chain, or for a policy by the chains that it set along with it. */
function programOf(stop: Stop): ForeignDrop['program'] {
  const { filter, chain, by } = stop;
  if (isOfFirewalld(stop)) return 'firewalld';
  if (filter.writer === 'nft') return 'nftables';
  const names = by === 'policy drop' || chain === filter.base ? [...filter.chains.keys()] : [chain];
  if (names.some((name) => /^(FWD|FORWARD)_/.test(name))) return 'firewalld';
  if (names.some((name) => /^ufw6?-/.test(name)) && by === 'policy drop') return 'ufw';
  if (/^ufw6?-/.test(chain)) return 'ufw';
  if (chain.startsWith('DOCKER') || (by === 'policy drop' && names.some((name) => name.startsWith('DOCKER'))))
    return 'Docker';
  return filter.writer;
}

function adviceFor(
  stop: Stop,
  names: readonly string[],
  { direct, marked }: { readonly direct: boolean; readonly marked: boolean },
): string {
  const bridges = names.map(shellWord);
  const { filter, chain } = stop;
  const program = filter.writer === 'iptables-legacy' ? 'iptables-legacy' : 'iptables';
  const iptables = filter.family === 'ip6' ? program.replace('ip', 'ip6') : program;
  // One for all networks, also those that come, where packets are marked: before that priority none is.
  const byMark = marked && filter.hook === 'forward' && filter.family !== 'bridge' && filter.priority > WAY_PRIORITY;
  const matches = byMark
    ? [`-m mark --mark 0x${WAY_MARK.toString(16)}/0x${WAY_MARK.toString(16)}`]
    : bridges.flatMap((bridge) => [`-i ${bridge}`, `-o ${bridge}`]);
  const table = filter.table === 'filter' ? '' : `-t ${filter.table} `;
  const insert = (into: string) =>
    matches.map((match) => `${iptables} ${table}-I ${into} ${match} -j ACCEPT`).join('; ');
  // Nothing there tells what is for containers from what is not: the rule itself has to be changed.
  if (!isOfFirewalld(stop) && (filter.hook !== 'forward' || filter.family === 'bridge')) return lookAt(stop, iptables);
  switch (programOf(stop)) {
    case 'ufw':
      return /-user-/.test(chain)
        ? bridges
            .flatMap((bridge) => ['in', 'out'].map((side) => `ufw route prepend allow ${side} on ${bridge}`))
            .join('; ')
        : 'ufw default allow routed';
    case 'firewalld':
      return firewalldAdvice(stop, names, bridges, { direct, marked });
    case 'Docker':
      // What is accepted there is not asked by Docker's own rules any more.
      return `${insert('DOCKER-USER')} # they reach containers of a Docker before 28 then, too; with --firewall-integration=true Docker's rules decide about that`;
    case 'nftables': {
      const place = `${filter.family} ${filter.table} ${filter.base}`;
      if (byMark)
        return `nft ${shellWord(`insert rule ${place} meta mark and 0x${WAY_MARK.toString(16)} != 0 accept`)}`;
      const set = `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
      return `nft ${shellWord(`insert rule ${place} oifname ${set} accept; insert rule ${place} iifname ${set} accept`)}`;
    }
    default:
      return insert(filter.base);
  }
}

function lookAt({ filter, chain, by }: Stop, iptables: string): string {
  const change = `change ${by === 'policy drop' ? 'its policy' : 'this rule'}, for packets of containers do not carry the mark there`;
  return filter.writer === 'nft'
    ? `nft -a list chain ${filter.family} ${shellWord(filter.table)} ${shellWord(chain)} # ${change}`
    : `${iptables} -t ${filter.table} -S ${shellWord(chain)} # ${change}`;
}

/** As `info` and the doctor report it. */
export function sentenceOf({ program, chains, by, bridges, outgoing, published, between }: ForeignDrop): string {
  const what = [
    ...(outgoing ? ['outgoing traffic'] : []),
    ...(published ? ['connections to published ports'] : []),
    ...(between ? ['bridged traffic'] : []),
  ].join(' and ');
  return `${program} drops ${what} of containers on ${bridges.join(', ')} (chain "${chains.join('", "')}": ${by})`;
}

/** About a program that also uses the engine's bit of the mark. */
export function markWarning(program: string): string {
  return `the marks of ${program} contain the bit 0x${WAY_MARK.toString(16)}, by which way is made for containers in other firewalls: it is taken off what is forwarded; give ${program} another mask, or start the daemon with --firewall-integration=false`;
}
