/** What is to be checked after a change on the host: as little as possible, as each change of any interface is looked at. */
import type { RouteNews } from '../../../kernel/netlink/route-monitor.ts';
import type { LinkInfo } from '../../../kernel/netlink/route-socket.ts';
import type { RulesetNews } from '../../../kernel/nftables/monitor.ts';
import { TABLE } from '../../firewall/schema.ts';
import { isHostInterface } from '../../interfaces/interface-name.ts';
import type { NetworkTable } from '../../table/table.ts';

const TABLE_KEY = `1 ${TABLE}`; // 1: the number of the inet family
const TABLE_KEYS = [TABLE_KEY, `7 ${TABLE}`]; // 7: of the bridge family

/** So that a change costs the same on a crowded and an empty network. */
export class Suspects {
  rules = false;
  forwarding = false;
  networks = false;
  others = false;
  clashes = false;
  way = false;
  everything = false;
  readonly containers = new Set<string>();
  /** Of one network each; `networks` stands for all of them. */
  readonly bridges = new Set<string>();

  add(
    other: Partial<Omit<Suspects, 'containers' | 'bridges' | 'add'>> & {
      readonly containers?: Iterable<string>;
      readonly bridges?: Iterable<string>;
    },
  ): void {
    this.rules ||= other.rules ?? false;
    this.forwarding ||= other.forwarding ?? false;
    this.networks ||= other.networks ?? false;
    this.others ||= other.others ?? false;
    this.clashes ||= other.clashes ?? false;
    this.way ||= other.way ?? false;
    this.everything ||= other.everything ?? false;
    for (const id of other.containers ?? []) this.containers.add(id);
    for (const name of other.bridges ?? []) this.bridges.add(name);
  }
}

export type Suspicion = Parameters<Suspects['add']>[0];

/** What is known without a question to the kernel. `othersCount`: bridges of other engines matter. */
export interface Known {
  readonly table: Pick<NetworkTable, 'containerOfHostLink' | 'isBridge'>;
  readonly othersCount: boolean;
}

/** Undefined: it is none of the engine's business. */
export function suspicionOf(news: RouteNews, known: Known): Suspicion | undefined {
  switch (news.type) {
    case 'overrun':
      return { everything: true };
    case 'link':
      return suspicionOfLink(news, known);
    case 'address':
      if (news.address.scope !== 'global') return undefined;
      return news.removed ? { networks: true } : { clashes: true };
    case 'forwarding':
      return news.on || news.linkIndex !== -1 ? undefined : { forwarding: true };
    default:
      return undefined;
  }
}

function suspicionOfLink({ removed, link }: Extract<RouteNews, { type: 'link' }>, known: Known): Suspicion | undefined {
  const bridges = isLostBridge(removed, link, known) ? [link.name] : [];
  const containerId = known.table.containerOfHostLink(link.name);
  if (containerId !== undefined) return { containers: [containerId], bridges };
  const suspicion = {
    bridges,
    others: concernsOthers(link, known),
    clashes: !removed && link.masterIndex !== 0 && !isHostInterface(link.name, link.mac),
  };
  return bridges.length > 0 || suspicion.others || suspicion.clashes ? suspicion : undefined;
}

const isLostBridge = (removed: boolean, link: LinkInfo, { table }: Known): boolean =>
  (removed || !link.up) && table.isBridge(link.name);

/** A bridge or a port of one that others made, where it matters. */
function concernsOthers(link: LinkInfo, { othersCount, table }: Known): boolean {
  if (!othersCount) return false;
  if (link.kind === 'bridge') return !table.isBridge(link.name);
  return link.kind === 'veth' && link.masterIndex !== 0 && !isHostInterface(link.name, link.mac);
}

/** What a change of rules means: for the engine's own table, and for the rules of others. */
export type RulesetVerdict = 'own' | 'table lost' | 'user rules' | 'others';

export function verdictOn(news: RulesetNews | 'overrun'): RulesetVerdict {
  if (news === 'overrun') return 'others';
  if (news.own) return 'own';
  if (news.deletedTables.some((key) => TABLE_KEYS.includes(key))) return 'table lost';
  return news.ruleTables.has(TABLE_KEY) ? 'user rules' : 'others';
}
