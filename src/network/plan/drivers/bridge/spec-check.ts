/** What a bridge network cannot be, in Docker's words. */
import { conflict, forbidden, invalid, systemError } from '../../../../base/errors.ts';
import { bigintToIp, parseSubnet, subnetsOverlap, type Subnet } from '../../../../model/addresses.ts';
import type { IpamPool, NetworkSpec } from '../../../../model/network.ts';
import { BRIDGE_OPTION, checkMtu, checkOptions, parseBridgeOptions } from '../../bridge-options.ts';
import type { HostFacts } from '../../driver.ts';
import { linkNameComplaint } from '../../../interfaces/link-name.ts';
import { foreignBridgeComplaint } from '../../../interfaces/other-engines.ts';

const LINK_LOCAL = parseSubnet('fe80::/64')!;
const MULTICAST = parseSubnet('ff00::/8')!;
const MAPPED = parseSubnet('::ffff:0:0/96')!;

type BridgeFacts = Pick<HostFacts, 'defaultMtu' | 'linkKind' | 'engineOfBridge'>;

export function checkBridgeSpec(spec: NetworkSpec, facts: BridgeFacts): void {
  checkOptions(spec);
  const { mode4, mode6, mtu } = parseBridgeOptions(spec);
  checkMtu(spec, mtu || facts.defaultMtu);
  if ((mode4 === 'isolated' || mode6 === 'isolated') && !spec.internal) {
    throw invalid("gateway mode 'isolated' can only be used for an internal network");
  }
  checkName(spec.options[BRIDGE_OPTION.name] ?? '', facts);
  if (!spec.enableIpv4 && !spec.enableIpv6) throw invalid('IPv4 or IPv6 must be enabled');
  for (const version of [4, 6] as const) {
    if (!(version === 4 ? spec.enableIpv4 : spec.enableIpv6)) continue;
    if (spec.ipam.driver === 'null') {
      if (spec.ipam.pools.length === 0) throw invalid(`ipv${version} pool is empty`);
      return; // the null driver refuses pools itself
    }
    const pools = spec.ipam.pools.filter((pool) => parseSubnet(pool.subnet)?.version === version);
    if (pools.length > 1) throw forbidden("bridge driver doesn't support multiple subnets");
    if (version === 6 && pools[0]) checkIpv6Subnet(pools[0]);
  }
}

function checkName(name: string, facts: BridgeFacts): void {
  if (name === '') return;
  const complaint = linkNameComplaint(name);
  if (complaint !== undefined) throw invalid(`invalid bridge name ${JSON.stringify(name)}: ${complaint}`);
  const kind = facts.linkKind(name);
  if (kind !== undefined && kind !== 'bridge') throw systemError(`existing interface ${name} is not a bridge`);
  const engine = facts.engineOfBridge(name);
  if (engine !== undefined) throw conflict(foreignBridgeComplaint(name, engine));
}

/** Docker looks at the address that the bridge will have. */
function checkIpv6Subnet(pool: IpamPool): void {
  const subnet = parseSubnet(pool.subnet)!;
  const shown = `${pool.gateway || bigintToIp(subnet.last - subnet.first > 1n ? subnet.first + 1n : subnet.first, 6)}/${subnet.prefix}`;
  if (subnetsOverlap(subnet, MAPPED) && subnet.prefix >= MAPPED.prefix)
    throw invalid(`'${shown}' is not a valid IPv6 subnet`);
  if (subnetsOverlap(subnet, MULTICAST)) throw invalid(`multicast subnet '${shown}' is not allowed`);
  if (!isSame(subnet, LINK_LOCAL) && subnetsOverlap(subnet, LINK_LOCAL))
    throw invalid(`'${shown}' clashes with the Link-Local prefix 'fe80::/64'`);
}

const isSame = (a: Subnet, b: Subnet): boolean => a.first === b.first && a.prefix === b.prefix;
