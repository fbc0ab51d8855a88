/** A pool of addresses, as far as it can be judged without knowing the others. */
import { formatSubnet, ipVersion, parseSubnet, subnetContains, subnetsOverlap, type Subnet } from './addresses.ts';
import type { IpamPool } from './network.ts';

/** What contradicts itself in one pool of a network, in Docker's words; [] where nothing does. */
export function poolFaults(pool: IpamPool, enableIpv6: boolean): string[] {
  const subnet = parseSubnet(pool.subnet);
  if (!subnet) return [`invalid subnet ${pool.subnet}: invalid CIDR block notation`];
  if (subnet.version === 6 && !enableIpv6) return []; // not used, so not judged
  const faults: string[] = [];
  if (!isMasked(pool.subnet, subnet))
    faults.push(`invalid subnet ${pool.subnet}: it should be ${formatSubnet(subnet)}`);
  if (pool.ipRange !== '') faults.push(...rangeFaults(pool.ipRange, pool.subnet, subnet));
  const gatewayFault = addressFault(pool.gateway, pool.subnet, subnet);
  if (gatewayFault) faults.push(`invalid gateway ${pool.gateway}: ${gatewayFault}`);
  for (const [name, address] of Object.entries(pool.auxAddresses)) {
    const fault = addressFault(address, pool.subnet, subnet);
    if (fault) faults.push(`invalid auxiliary address ${name}: ${fault}`);
  }
  return faults;
}

function rangeFaults(text: string, subnetText: string, subnet: Subnet): string[] {
  const range = parseSubnet(text);
  if (!range) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.version !== subnet.version)
    return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.version} block`];
  const faults: string[] = [];
  if (range.prefix < subnet.prefix) {
    faults.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${subnetText}`);
  }
  if (!isMasked(text, range)) faults.push(`invalid ip-range ${text}: it should be ${formatSubnet(range)}`);
  if (!subnetsOverlap(subnet, range)) {
    faults.push(`invalid ip-range ${text}: parent subnet ${subnetText} doesn't contain ip-range`);
  }
  return faults;
}

function addressFault(address: string, subnetText: string, subnet: Subnet): string | undefined {
  if (address === '') return undefined;
  const version = ipVersion(address);
  if (version === 0) return 'invalid address';
  if (version !== subnet.version) return `parent subnet is an IPv${subnet.version} block`;
  if (!subnetContains(subnet, address)) return `parent subnet ${subnetText} doesn't contain this address`;
  return undefined;
}

function isMasked(text: string, subnet: Subnet): boolean {
  const own = parseSubnet(`${text.slice(0, text.indexOf('/'))}/${subnet.version === 4 ? 32 : 128}`);
  return own?.first === subnet.first;
}
