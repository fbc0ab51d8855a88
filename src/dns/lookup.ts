/**
 * What a name resolves to on a container's own networks: pure, over compiled zones. Order and precedence are Docker's:
 * for `a.b.c` first the whole name in every network of the container, then `a.b` in network `c`, then `a` in network
 * `b.c`; a private alias (link) goes before names and hides the same name of its network; the first network with an
 * address of the wanted family answers. A name that exists somewhere but has no such address is known and empty.
 */
import { addressBytes, formatAddress, reverseName } from './address.ts';
import { RecordType } from './constants.ts';
import { foldName } from './name.ts';
import {
  patchZone,
  type NameAddresses,
  type NetworkZone,
  type SandboxView,
  type ServiceTarget,
  type ZonePatch,
} from '../base/dns-zone.ts';

/** Addresses in wire form, at hand for the answers. */
export interface CompiledName {
  readonly a: readonly Uint8Array[];
  readonly aaaa: readonly Uint8Array[];
  readonly services: readonly ServiceTarget[];
}

/** A zone as maps; a record from JSON would answer for 'constructor'. */
export interface CompiledZone {
  readonly source: NetworkZone;
  readonly name: string;
  readonly ttlS: number;
  readonly names: Map<string, CompiledName>;
  /** By the name that a reverse lookup asks for. */
  readonly reverse: Map<string, string>;
}

export type LocalRecord =
  | { readonly type: typeof RecordType.A | typeof RecordType.AAAA; readonly bytes: Uint8Array }
  | { readonly type: typeof RecordType.PTR; readonly name: string }
  | { readonly type: typeof RecordType.SRV; readonly target: ServiceTarget };

/** Empty records: known, nothing of that type. */
export interface LocalAnswer {
  readonly ttlS: number;
  readonly records: readonly LocalRecord[];
}

const EMPTY: CompiledName = { a: [], aaaa: [], services: [] };

/** '_http._tcp.web': a service, and the name that it is asked of. */
const SERVICE = /^(_[^.]+\._(?:tcp|udp|sctp))\.(.+)$/;

type Report = (problem: string) => void;

function compileName({ a, aaaa, services = [] }: NameAddresses, report: Report): CompiledName {
  const compile = (texts: readonly string[], bytes: 4 | 16): readonly Uint8Array[] =>
    texts.flatMap((text) => {
      const address = addressBytes(text);
      if (address?.length === bytes) return [address];
      report(`not an IPv${bytes === 4 ? 4 : 6} address: ${text}`);
      return [];
    });
  return a.length + aaaa.length === 0 ? EMPTY : { a: compile(a, 4), aaaa: compile(aaaa, 16), services };
}

/**
 * Makes the difference in the compiled zone and in its source. Lookups are synchronous: each sees all of it or nothing.
 */
export function patchCompiledZone(zone: CompiledZone, patch: ZonePatch, report: Report = () => {}): void {
  patchZone(zone.source, patch);
  for (const [name, addresses] of Object.entries(patch.names)) {
    if (addresses === null) zone.names.delete(foldName(name));
    else zone.names.set(foldName(name), compileName(addresses, report));
  }
  for (const [address, name] of Object.entries(patch.ptr)) {
    const bytes = addressBytes(address);
    if (bytes === undefined) report(`not an address: ${address}`);
    else if (name === null) zone.reverse.delete(reverseName(bytes));
    else zone.reverse.set(reverseName(bytes), name);
  }
}

/** Invalid addresses are left out, and their texts are passed to `report`. */
export function compileZone(zone: NetworkZone, report: Report = () => {}): CompiledZone {
  const names = new Map<string, CompiledName>();
  for (const [name, addresses] of Object.entries(zone.names)) names.set(foldName(name), compileName(addresses, report));
  const reverse = new Map<string, string>();
  for (const [address, name] of Object.entries(zone.ptr)) {
    const bytes = addressBytes(address);
    if (bytes === undefined) report(`not an address: ${address}`);
    else reverse.set(reverseName(bytes), name);
  }
  return { source: zone, name: foldName(zone.name), ttlS: Math.max(0, Math.floor(zone.ttlS)), names, reverse };
}

/** `name` is lower case, without final dot. Undefined: not a local name, ask the upstream servers. */
export function lookup(
  view: SandboxView,
  zones: ReadonlyMap<string, CompiledZone>,
  name: string,
  type: number,
): LocalAnswer | undefined {
  const mine: CompiledZone[] = [];
  for (const id of view.networks) {
    const zone = zones.get(id);
    if (zone) mine.push(zone);
  }
  if (type === RecordType.PTR || type === RecordType.ANY) {
    const pointer = lookupReverse(mine, name);
    if (pointer) return pointer;
  }
  const any = type === RecordType.ANY;
  const found = lookupName(view, zones, mine, name, ({ a, aaaa }) => [
    ...(any || type === RecordType.A ? a.map((bytes) => ({ type: RecordType.A, bytes })) : []),
    ...(any || type === RecordType.AAAA ? aaaa.map((bytes) => ({ type: RecordType.AAAA, bytes })) : []),
  ]);
  if (found) return found;
  const [, service, owner] = SERVICE.exec(name) ?? [];
  if (owner === undefined) return undefined;
  // Services of a known name are known too, whatever is asked: there are those that it offers, and no others.
  return lookupName(view, zones, mine, owner, ({ services }) =>
    any || type === RecordType.SRV
      ? services.filter((one) => one.service === service).map((target) => ({ type: RecordType.SRV, target }))
      : [],
  );
}

type Pick = (name: CompiledName) => LocalRecord[];

function aliasTargets(view: SandboxView, name: string): SandboxView['aliases'][string] {
  return Object.hasOwn(view.aliases, name) ? view.aliases[name]! : [];
}

function lookupName(
  view: SandboxView,
  zones: ReadonlyMap<string, CompiledZone>,
  mine: readonly CompiledZone[],
  name: string,
  pick: Pick,
): LocalAnswer | undefined {
  // '' asks every network; then the name is cut at each dot, from the last to the first.
  for (let cut = name.length; cut > 0; cut = name.lastIndexOf('.', cut - 1)) {
    const label = name.slice(0, cut);
    const network = name.slice(cut + 1);
    let known: LocalAnswer | undefined;
    const hiding = new Set<CompiledZone>(); // zones in which the alias hides the same name
    for (const target of aliasTargets(view, label)) {
      const zone = zones.get(target.network);
      if (network !== '' && zone?.name !== network) continue;
      // A link whose source is gone is still the container's own word: it is never asked elsewhere.
      const records = pick(zone?.names.get(foldName(target.name)) ?? EMPTY);
      const answer = { ttlS: zone?.ttlS ?? 0, records };
      if (records.length > 0) return answer;
      known ??= answer;
      if (zone) hiding.add(zone);
    }
    for (const zone of mine) {
      if (network !== '' && zone.name !== network) continue;
      if (hiding.has(zone)) continue;
      const found = zone.names.get(label);
      if (found === undefined) continue;
      const answer = { ttlS: zone.ttlS, records: pick(found) };
      if (answer.records.length > 0) return answer;
      known ??= answer;
    }
    if (known) return known;
  }
  return undefined;
}

function lookupReverse(mine: readonly CompiledZone[], name: string): LocalAnswer | undefined {
  if (!name.endsWith('.arpa')) return undefined;
  for (const zone of mine) {
    const target = zone.reverse.get(name);
    if (target !== undefined) return { ttlS: zone.ttlS, records: [{ type: RecordType.PTR, name: target }] };
  }
  return undefined;
}

/** Everything that `lookup` could answer for a view, for people to read. */
export function listAnswers(
  view: SandboxView,
  zones: ReadonlyMap<string, CompiledZone>,
): { name: string; network: string; addresses: string[]; alias: boolean }[] {
  const list: { name: string; network: string; addresses: string[]; alias: boolean }[] = [];
  const texts = ({ a, aaaa }: CompiledName) => [...a, ...aaaa].map(formatAddress);
  for (const alias of Object.keys(view.aliases)) {
    for (const target of aliasTargets(view, alias)) {
      const zone = zones.get(target.network);
      list.push({
        name: alias,
        network: zone?.source.name ?? target.network,
        addresses: texts(zone?.names.get(foldName(target.name)) ?? EMPTY),
        alias: true,
      });
    }
  }
  for (const id of view.networks) {
    const zone = zones.get(id);
    if (!zone) continue;
    for (const [name, found] of zone.names) {
      const hidden = aliasTargets(view, name).some((target) => target.network === id);
      if (!hidden) list.push({ name, network: zone.source.name, addresses: texts(found), alias: false });
    }
  }
  return list;
}
