/**
 * Facts as elements of the engine's nftables sets and maps: fields, in the order of the set's type (schema.ts). Text is
 * made of them where the ruleset is written, bytes in encode.ts.
 */
import type { Fact, IpVersion } from './fact.ts';

export type SetName =
  | 'bridges'
  | 'internal'
  | 'trusted'
  | 'masqueraded'
  | 'source4'
  | 'source6'
  | 'neighbours'
  | 'inbound'
  | 'strangers'
  | 'earlier'
  | 'bridged'
  | 'routers4'
  | 'other-engines'
  | 'publish4'
  | 'publish6'
  | 'publish-any4'
  | 'publish-any6'
  | 'input-any'
  | 'input4'
  | 'input6'
  | 'open4'
  | 'open6'
  | 'detour4'
  | 'detour6'
  | 'hairpin4'
  | 'hairpin6'
  | 'astride4'
  | 'astride6'
  | 'holes4'
  | 'holes6';

/** Names, addresses, protocols and families as words, ports as numbers. */
export type Field = string | number;

/** In nft's words. */
export type ElementVerdict = 'accept' | 'drop' | 'return' | `goto ${string}` | `jump ${string}`;

export interface Element {
  readonly set: SetName;
  readonly key: readonly Field[];
  readonly value?: readonly Field[] | ElementVerdict; // maps only
}

/** Equal for elements that cannot both be in their set. */
export function elementKey({ set, key }: Element): string {
  return `${set} ${key.join(' . ')}`;
}

export function elementsOf(facts: readonly Fact[]): Element[] {
  return facts.map(elementOf);
}

const family = (version: IpVersion): string => `ipv${version}`;

/** The element that a fact stands for. */
export function elementOf(fact: Fact): Element {
  switch (fact.kind) {
    case 'bridge':
      return { set: 'bridges', key: [fact.bridge] };
    case 'internal':
      return { set: 'internal', key: [fact.bridge] };
    case 'neighbours':
      return {
        set: 'neighbours',
        key: [fact.bridge, fact.bridge],
        value: fact.verdict === 'holes' ? 'goto holes' : 'accept',
      };
    case 'inbound':
      return {
        set: 'inbound',
        key: [family(fact.version), fact.bridge],
        value: fact.verdict === 'drop' ? 'drop' : `goto ${fact.verdict}`,
      };
    case 'trusted':
      return { set: 'trusted', key: [fact.from, fact.bridge] };
    case 'masquerade':
      return { set: 'masqueraded', key: [family(fact.version), fact.bridge] };
    case 'source':
      return { set: `source${fact.version}`, key: [fact.bridge], value: [fact.address] };
    case 'strangers':
      return {
        set: 'strangers',
        key: [family(fact.version)],
        value: fact.verdict === 'closed' ? 'goto strangers' : 'accept',
      };
    case 'earlier':
      return { set: 'earlier', key: [family(fact.version), fact.name] };
    case 'bridged':
      return { set: 'bridged', key: [fact.name, fact.name] };
    case 'router':
      return { set: 'routers4', key: [fact.name] };
    case 'other-engine':
      return { set: 'other-engines', key: [fact.bridge] };
    case 'publish': {
      const value = [fact.target.address, fact.target.port];
      const port = [fact.protocol, fact.hostPort];
      return fact.hostIp === ''
        ? { set: `publish-any${fact.version}`, key: port, value }
        : { set: `publish${fact.version}`, key: [fact.hostIp, ...port], value };
    }
    case 'input': {
      const port = [fact.protocol, fact.hostPort];
      return fact.hostIp === ''
        ? { set: 'input-any', key: [family(fact.version), ...port] }
        : { set: `input${fact.version}`, key: [fact.hostIp, ...port] };
    }
    case 'open':
      return { set: `open${fact.version}`, key: [fact.address, fact.protocol, fact.port] };
    case 'detour':
      return { set: `detour${fact.version}`, key: [fact.address, fact.bridge] };
    case 'hairpin':
      return { set: `hairpin${fact.version}`, key: [fact.address, fact.address] };
    case 'astride':
      return { set: `astride${fact.version}`, key: [fact.bridge, fact.address] };
    case 'hole':
      return { set: `holes${fact.version}`, key: [fact.from, fact.to, fact.protocol, fact.port] };
  }
}
