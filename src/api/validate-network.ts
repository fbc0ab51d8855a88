/** A network's pools, as far as they can be judged without knowing the others; the texts are Docker's. */
import { forbidden, invalid } from '../base/errors.ts';
import { bigintToIp, formatSubnet, ipToBigint, ipVersion, parseSubnet, subnetContains, subnetsOverlap, type Subnet } from '../model/addresses.ts';
import type { NetworkCreateRequest } from '../wire/network.ts';
import { joinMessages } from './error-list.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

export function validateNetwork(request: NetworkCreateRequest, enableIpv6: boolean): void {
  if (PREDEFINED.has(request.Name)) throw forbidden(`operation is not permitted on predefined ${request.Name} network `);
  const messages = (request.IPAM?.Config ?? []).flatMap((pool) => poolComplaints(pool, enableIpv6));
  if (messages.length > 0) throw invalid(`invalid network config:\n${joinMessages(messages)}`);
  if (request.Name.trim() === '') throw invalid('invalid name: name is empty');
}

type Pool = NonNullable<NetworkCreateRequest['IPAM']>['Config'][number];

function poolComplaints(pool: Pool, enableIpv6: boolean): string[] {
  const subnet = parseSubnet(pool.Subnet);
  if (!subnet) return [`invalid subnet ${pool.Subnet}: invalid CIDR block notation`];
  if (!enableIpv6 && subnet.version === 6) return [];
  const messages: string[] = [];
  if (hasHostBits(pool.Subnet, subnet)) messages.push(`invalid subnet ${pool.Subnet}: it should be ${formatSubnet(subnet)}`);
  messages.push(...rangeComplaints(pool.IPRange, subnet));
  const gateway = addressComplaint(pool.Gateway, subnet);
  if (gateway !== undefined) messages.push(`invalid gateway ${pool.Gateway}: ${gateway}`);
  for (const [name, address] of Object.entries(pool.AuxiliaryAddresses)) {
    const complaint = addressComplaint(address, subnet);
    if (complaint !== undefined) messages.push(`invalid auxiliary address ${name}: ${complaint}`);
  }
  return messages;
}

function rangeComplaints(text: string, subnet: Subnet): string[] {
  if (text === '') return [];
  const range = parseSubnet(text);
  if (!range) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.version !== subnet.version) return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.version} block`];
  const messages: string[] = [];
  if (range.prefix < subnet.prefix) {
    messages.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatSubnet(subnet)}`);
  }
  if (hasHostBits(text, range)) messages.push(`invalid ip-range ${text}: it should be ${formatSubnet(range)}`);
  if (!subnetsOverlap(subnet, range)) messages.push(`invalid ip-range ${text}: parent subnet ${formatSubnet(subnet)} doesn't contain ip-range`);
  return messages;
}

function addressComplaint(address: string, subnet: Subnet): string | undefined {
  if (address === '') return undefined;
  const version = ipVersion(address);
  if (version === 0) return 'invalid address';
  if (version !== subnet.version) return `parent subnet is an IPv${subnet.version} block`;
  return subnetContains(subnet, address) ? undefined : `parent subnet ${formatSubnet(subnet)} doesn't contain this address`;
}

function hasHostBits(text: string, subnet: Subnet): boolean {
  return ipToBigint(text.split('/')[0]!) !== ipToBigint(bigintToIp(subnet.first, subnet.version));
}
