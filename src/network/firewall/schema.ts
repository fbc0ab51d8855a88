/**
 * The types of the engine's sets and maps: one list from which the ruleset's text and the bytes of an element are both
 * made, so that they cannot disagree. All are hash tables: an element costs the same whatever is there already.
 */
import type { SetName } from './facts/element.ts';

export type FieldType = 'ifname' | 'ipv4_addr' | 'ipv6_addr' | 'inet_proto' | 'inet_service' | 'nf_proto';

export interface SetSchema {
  readonly key: readonly FieldType[];
  readonly data?: readonly FieldType[] | 'verdict';
  readonly comment: string;
}

export const FAMILY = 'inet';
export const TABLE = 'causeway';

const target4 = ['ipv4_addr', 'inet_proto', 'inet_service'] as const;
const target6 = ['ipv6_addr', 'inet_proto', 'inet_service'] as const;

export const SETS: Readonly<Record<SetName, SetSchema>> = {
  bridges: { key: ['ifname'], comment: 'bridges of container networks' },
  internal: { key: ['ifname'], comment: 'bridges of internal networks: nothing leaves them' },
  neighbours: { key: ['ifname', 'ifname'], data: 'verdict', comment: 'between two containers of one network' },
  inbound: { key: ['nf_proto', 'ifname'], data: 'verdict', comment: 'from elsewhere straight to a container address' },
  trusted: {
    key: ['ifname', 'ifname'],
    comment: 'host interface . bridge whose published ports it may reach directly',
  },
  strangers: { key: ['nf_proto'], data: 'verdict', comment: 'forwarded traffic that is not of containers' },
  earlier: {
    key: ['nf_proto', 'ifname'],
    comment: 'bridges and veths that were there when the engine turned forwarding on',
  },
  bridged: { key: ['ifname', 'ifname'], comment: 'from port to port of what was a bridge then: that is no forwarding' },
  routers4: { key: ['ifname'], comment: 'interfaces whose packets were forwarded before that' },
  'other-engines': {
    key: ['ifname'],
    comment: 'bridges of other engines: what containers send there is for their rules to decide',
  },
  masqueraded: { key: ['nf_proto', 'ifname'], comment: 'networks that leave with the address of the host' },
  source4: { key: ['ifname'], data: ['ipv4_addr'], comment: 'networks that leave with a chosen address' },
  source6: { key: ['ifname'], data: ['ipv6_addr'], comment: 'networks that leave with a chosen address' },
  'publish-any4': {
    key: ['inet_proto', 'inet_service'],
    data: ['ipv4_addr', 'inet_service'],
    comment: 'ports published on all host addresses',
  },
  'publish-any6': {
    key: ['inet_proto', 'inet_service'],
    data: ['ipv6_addr', 'inet_service'],
    comment: 'ports published on all host addresses',
  },
  publish4: { key: target4, data: ['ipv4_addr', 'inet_service'], comment: 'ports published on one host address' },
  publish6: { key: target6, data: ['ipv6_addr', 'inet_service'], comment: 'ports published on one host address' },
  'input-any': {
    key: ['nf_proto', 'inet_proto', 'inet_service'],
    comment: 'ports on all host addresses that the input policy of this host decides about',
  },
  input4: { key: target4, comment: 'the same on one host address' },
  input6: { key: target6, comment: 'the same on one host address' },
  open4: { key: target4, comment: 'container ports that are published' },
  open6: { key: target6, comment: 'container ports that are published' },
  detour4: { key: ['ipv4_addr', 'ifname'], comment: 'published container . bridge that it could answer over directly' },
  detour6: { key: ['ipv6_addr', 'ifname'], comment: 'published container . bridge that it could answer over directly' },
  hairpin4: { key: ['ipv4_addr', 'ipv4_addr'], comment: 'a published container that calls itself' },
  hairpin6: { key: ['ipv6_addr', 'ipv6_addr'], comment: 'a published container that calls itself' },
  astride4: { key: ['ifname', 'ipv4_addr'], comment: 'bridge . address that a container on it has on another network' },
  astride6: { key: ['ifname', 'ipv6_addr'], comment: 'bridge . address that a container on it has on another network' },
  holes4: { key: ['ipv4_addr', ...target4], comment: 'links: from . to . port' },
  holes6: { key: ['ipv6_addr', ...target6], comment: 'links: from . to . port' },
};
