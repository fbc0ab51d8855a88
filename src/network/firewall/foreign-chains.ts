/**
 * What others' firewalls do to packets of containers: an accept of ours ends nothing but our own chain, a drop anywhere is final. Decided by what
 * would become of a packet of each network, said with the name of the program that wrote the rule, and with what helps in that program's own words.
 */
import type { RulesetContext } from '../../kernel/nftables/ruleset.ts';
import { shellWord } from '../plan/link-name.ts';
import { stopOf, type ProbePacket, type Stop } from './filter-model.ts';
import { foreignFilters } from './foreign-filters.ts';
import { WAY_MARK } from './ruleset.ts';

/** A network as its packets look to others. */
export interface ProbedNetwork {
  readonly bridge: string;
  /** An address of a container on it; '' where it has none of that version. */
  readonly ipv4: string;
  readonly ipv6: string;
  /** Published ports are translated: false on routed networks. */
  readonly translated: boolean;
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
  /** What to do about it, as a command. */
  readonly advice: string;
}

interface Probed {
  readonly bridge: string;
  readonly outgoing: boolean;
  readonly packet: ProbePacket;
}

/** In the namespace of this process. `uplink` is where packets of containers leave; `marked`: way is made for them (way-maker.ts). */
export async function foreignDrops(context: RulesetContext, networks: readonly ProbedNetwork[], options: { readonly uplink: string; readonly marked: boolean }): Promise<ForeignDrop[]> {
  const filters = await foreignFilters(context);
  const groups = new Map<string, { stop: Stop; probed: Probed[]; chains: Set<string> }>();
  for (const probed of networks.flatMap((network) => packetsOf(network, options))) {
    for (const filter of filters) {
      const stop = stopOf(filter, probed.packet);
      if (!stop) continue;
      const program = programOf(stop);
      const key = program === 'ufw' || program === 'firewalld' ? program : `${program} ${filter.family} ${filter.table} ${stop.chain} ${stop.by}`;
      const group = groups.get(key) ?? { stop, probed: [], chains: new Set() };
      group.probed.push(probed);
      group.chains.add(`${filter.family} ${filter.table} ${stop.chain}`);
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ stop, probed, chains }) => {
    const bridges = [...new Set(probed.map(({ bridge }) => bridge))];
    return {
      program: programOf(stop),
      chains: [...chains],
      by: stop.by,
      bridges,
      outgoing: probed.some(({ outgoing }) => outgoing),
      published: probed.some(({ outgoing }) => !outgoing),
      advice: adviceFor(stop, bridges, probed.some(({ outgoing, packet }) => !outgoing && !packet.translated)),
    };
  });
}

function packetsOf({ bridge, ipv4, ipv6, translated }: ProbedNetwork, { uplink, marked }: { readonly uplink: string; readonly marked: boolean }): Probed[] {
  const mark = marked ? WAY_MARK : 0;
  return ([['ip', ipv4], ['ip6', ipv6]] as const).filter(([, address]) => address !== '').flatMap(([family, address]): Probed[] => [
    { bridge, outgoing: true, packet: { family, iifname: bridge, oifname: uplink, saddr: address, daddr: '', translated: false, mark } },
    { bridge, outgoing: false, packet: { family, iifname: uplink, oifname: bridge, saddr: '', daddr: address, translated, mark } },
  ]);
}

/** By its own chain, or for a policy by the chains that it set beside it. */
function programOf({ filter, chain, by }: Stop): ForeignDrop['program'] {
  if (filter.table === 'firewalld') return 'firewalld';
  if (filter.writer === 'nft') return 'nftables';
  const names = by === 'policy drop' || chain === filter.base ? [...filter.chains.keys()] : [chain];
  if (names.some((name) => /^(FWD|FORWARD)_/.test(name))) return 'firewalld';
  if (names.some((name) => /^ufw6?-/.test(name)) && by === 'policy drop') return 'ufw';
  if (/^ufw6?-/.test(chain)) return 'ufw';
  if (chain.startsWith('DOCKER') || (by === 'policy drop' && names.some((name) => name.startsWith('DOCKER')))) return 'Docker';
  return filter.writer;
}

function adviceFor(stop: Stop, names: readonly string[], direct: boolean): string {
  const bridges = names.map(shellWord);
  const { filter, chain } = stop;
  const program = filter.writer === 'iptables-legacy' ? 'iptables-legacy' : 'iptables';
  const iptables = filter.family === 'ip6' ? program.replace('ip', 'ip6') : program;
  const insert = (into: string) => bridges.flatMap((bridge) => ['-i', '-o'].map((side) => `${iptables} -I ${into} ${side} ${bridge} -j ACCEPT`)).join('; ');
  switch (programOf(stop)) {
    case 'ufw':
      return /-user-/.test(chain) ? bridges.flatMap((bridge) => ['in', 'out'].map((side) => `ufw route prepend allow ${side} on ${bridge}`)).join('; ') : 'ufw default allow routed';
    case 'firewalld':
      return [
        `firewall-cmd --permanent --zone=trusted ${bridges.map((bridge) => `--change-interface=${bridge}`).join(' ')}`,
        ...(direct ? ['firewall-cmd --permanent --new-policy=to-containers', ...['--add-ingress-zone=ANY', '--add-egress-zone=trusted', '--set-target=ACCEPT'].map((what) => `firewall-cmd --permanent --policy=to-containers ${what}`)] : []),
        'firewall-cmd --reload',
      ].join('; ');
    case 'Docker':
      return insert('DOCKER-USER');
    case 'nftables': {
      const place = `${filter.family} ${filter.table} ${filter.base}`;
      const set = `{ ${names.map((name) => `"${name}"`).join(', ')} }`;
      return `nft ${shellWord(`insert rule ${place} oifname ${set} accept; insert rule ${place} iifname ${set} accept`)}`;
    }
    default:
      return insert('FORWARD');
  }
}

/** As `info` and the doctor say it. */
export function sentenceOf({ program, chains, by, bridges, outgoing, published }: ForeignDrop): string {
  const what = [...(outgoing ? ['outgoing traffic'] : []), ...(published ? ['connections to published ports'] : [])].join(' and ');
  return `${program} drops ${what} of containers on ${bridges.join(', ')} (chain "${chains.join('", "')}": ${by})`;
}
