/** What a connection to a network asks for, as far as it can be judged without the network. */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import { invalid } from '../base/errors.ts';
import type { EndpointSettingsRequest } from '../wire/container-create.ts';
import { joinMessages } from './error-list.ts';
import { isUserDefined } from './network-mode.ts';

const SYSCTL_OPTION = 'com.docker.network.endpoint.sysctls';

/** `network` is the name or id as given. Throws Docker's "invalid endpoint settings" with every complaint. */
export function validateEndpoint(network: string, endpoint: EndpointSettingsRequest): void {
  const messages = endpointComplaints(network, endpoint);
  if (messages.length > 0) throw invalid(`invalid endpoint settings:\n${joinMessages(messages)}`);
}

/** The same for every network of a create request. */
export function validateEndpoints(endpoints: Readonly<Record<string, EndpointSettingsRequest>>): void {
  const messages: string[] = [];
  for (const [network, endpoint] of Object.entries(endpoints)) {
    try {
      validateEndpoint(network, endpoint);
    } catch (error) {
      messages.push(`invalid config for network ${network}: ${(error as Error).message}`);
    }
  }
  if (messages.length > 0) throw invalid(joinMessages(messages));
}

function endpointComplaints(network: string, endpoint: EndpointSettingsRequest): string[] {
  const ipam = endpoint.IPAMConfig;
  if (endpoint.MacAddress !== '' && !isMac(endpoint.MacAddress)) throw invalid(`invalid MAC address ${endpoint.MacAddress}`);
  const messages: string[] = [];
  if (!isUserDefined(network)) {
    if (ipam && (ipam.IPv4Address !== '' || ipam.IPv6Address !== '')) {
      messages.push('user specified IP address is supported on user defined networks only');
    }
    if (endpoint.Aliases.length > 0) {
      messages.push('network-scoped alias is supported only for containers in user defined networks');
    }
  }
  if (ipam) {
    if (ipam.IPv4Address !== '' && (!isIPv4(ipam.IPv4Address) || ipam.IPv4Address === '0.0.0.0')) {
      messages.push(`invalid IPv4 address: ${ipam.IPv4Address}`);
    }
    if (ipam.IPv6Address !== '' && (!isIPv6(ipam.IPv6Address) || isUnspecified6(ipam.IPv6Address))) {
      messages.push(`invalid IPv6 address: ${ipam.IPv6Address}`);
    }
    for (const address of ipam.LinkLocalIPs) {
      if (isIP(address) === 0 || address === '0.0.0.0' || isUnspecified6(address)) messages.push(`invalid link-local IP address: ${address}`);
    }
  }
  messages.push(...sysctlComplaints(endpoint.DriverOpts[SYSCTL_OPTION]));
  return messages;
}

function sysctlComplaints(sysctls: string | undefined): string[] {
  if (sysctls === undefined) return [];
  return sysctls
    .split(',')
    .filter((sysctl) => !/^net\.(ipv4|ipv6|mpls)\.[^.]+\.(IFNAME|ifname)\./.test(sysctl))
    .map(
      (sysctl) =>
        `unrecognised network interface sysctl '${sysctl}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
}

/** An Ethernet address in the spellings that Go takes. */
function isMac(text: string): boolean {
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text) || /^([0-9a-f]{2}-){5}[0-9a-f]{2}$/i.test(text) || /^([0-9a-f]{4}\.){2}[0-9a-f]{4}$/i.test(text);
}

function isUnspecified6(address: string): boolean {
  return isIPv6(address) && /^[0:]+$/.test(address);
}
