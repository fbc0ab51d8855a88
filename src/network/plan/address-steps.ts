/** The steps that give an endpoint's interface its addresses, the same for every driver whose endpoints have one. */
import { unmappedIp } from '../../model/addresses.ts';
import { endpointAddresses } from '../../model/endpoint.ts';
import { parseBridgeOptions } from './bridge-options.ts';
import type { Attachment, HostFacts } from './driver.ts';
import type { Step } from './step.ts';

/** Addresses, then up, then heard of. Without a MAC of its own (ipvlan) there is nothing to tell the neighbours. */
export function addressSteps(
  { network, endpoint, netns }: Attachment,
  facts: HostFacts,
  { ownMac = true } = {},
): Step[] {
  const link = endpoint.ifname;
  const { announcements, announceEveryMs } = parseBridgeOptions(network);
  const steps: Step[] = [];
  const sysctl = (name: string, value: string): Step => ({ kind: 'write-sysctl', netns, name, value, optional: true });
  if (facts.ipv6) {
    // No link-local address where the network has no IPv6, and no router advertisements accepted inside a container.
    steps.push(sysctl(sysctlOf(6, link, 'disable_ipv6'), endpoint.ipv6 ? '0' : '1'));
    if (endpoint.ipv6)
      steps.push(sysctl(sysctlOf(6, link, 'accept_dad'), '0'), sysctl(sysctlOf(6, link, 'accept_ra'), '0'));
  }
  if (endpoint.ipv4) steps.push({ kind: 'add-address', netns, link, address: `${endpoint.ipv4}/${endpoint.prefix4}` });
  if (endpoint.ipv6) steps.push({ kind: 'add-address', netns, link, address: `${endpoint.ipv6}/${endpoint.prefix6}` });
  for (const address of endpoint.spec.linkLocalIps.map(unmappedIp)) {
    steps.push({ kind: 'add-address', netns, link, address: `${address}/${address.includes(':') ? 64 : 16}` });
  }
  for (const entry of (endpoint.spec.driverOpts['com.docker.network.endpoint.sysctls'] ?? '').split(',')) {
    const split = entry.indexOf('=');
    if (split < 0) continue;
    // 'net.ipv4.conf.IFNAME.forwarding'; Docker's client makes it 'ifname'.
    const parts = entry.slice(0, split).split('.');
    const name = [...parts.slice(0, 3), link, ...parts.slice(4)].join('/');
    steps.push({ kind: 'write-sysctl', netns, name, value: entry.slice(split + 1), optional: false });
  }
  steps.push({ kind: 'raise-link', netns, link });
  if (ownMac) {
    for (const address of endpointAddresses(endpoint)) {
      steps.push({
        kind: 'announce-address',
        networkId: endpoint.networkId,
        netns,
        link,
        address,
        mac: endpoint.mac,
        times: announcements,
        everyMs: announceEveryMs,
      });
    }
  }
  return steps;
}

/** Slashes separate, so that a dot in the name of an interface is literal. */
export function sysctlOf(version: 4 | 6, link: string, name: string): string {
  return `net/ipv${version}/conf/${link}/${name}`;
}
