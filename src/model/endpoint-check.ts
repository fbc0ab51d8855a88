/** What a connection to a network asks for, as far as it can be judged without the network; the texts are Docker's. */
import { invalid } from '../base/errors.ts';
import { ipVersion, isLinkLocal, isUnspecified, unmappedIp } from './addresses.ts';
import type { EndpointSpec } from './endpoint.ts';
import { isStationMac, parseMac } from './mac.ts';

const SYSCTL_OPTION = 'com.docker.network.endpoint.sysctls';
const SYSCTL_FORM = "represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'";

/**
 * `elsewhere`: what else is wrong with its addresses, which has its place in the list.
 *
 * @throws invalid for a hardware address that is none, which Docker reports on its own
 */
export function endpointFaults(spec: EndpointSpec, userDefined: boolean, elsewhere: readonly string[]): string[] {
  if (spec.mac !== '') checkMac(spec.mac);
  const faults: string[] = [];
  if (!userDefined) {
    if (spec.ipv4 !== '' || spec.ipv6 !== '')
      faults.push('user specified IP address is supported on user defined networks only');
    if (spec.aliases.length > 0)
      faults.push('network-scoped alias is supported only for containers in user defined networks');
  }
  if (spec.ipv4 !== '' && !isHostAddress(spec.ipv4, 4)) faults.push(`invalid IPv4 address: ${spec.ipv4}`);
  if (spec.ipv6 !== '' && !isHostAddress(spec.ipv6, 6)) faults.push(`invalid IPv6 address: ${spec.ipv6}`);
  for (const address of spec.linkLocalIps) {
    if (!isLinkLocal(address)) faults.push(`invalid link-local IP address: ${address}`);
  }
  return [...faults, ...elsewhere, ...sysctlFaults(spec.driverOpts[SYSCTL_OPTION])];
}

function checkMac(text: string): void {
  const mac = parseMac(text);
  if (mac === undefined) throw invalid(`invalid MAC address ${text}`);
  if (!isStationMac(mac))
    throw invalid(
      `invalid MAC address ${text}: no interface can have it; the first byte of one is even, like 02, and not all are 0`,
    );
}

/** An IPv4 address that is spelled '::ffff:10.1.2.3' is none of IPv6. */
const isHostAddress = (text: string, version: 4 | 6): boolean =>
  ipVersion(text) === version && !isUnspecified(text) && (version === 4 || ipVersion(unmappedIp(text)) === 6);

function sysctlFaults(sysctls: string | undefined): string[] {
  return (sysctls?.split(',') ?? []).flatMap((sysctl) => {
    if (!/^[^.]*\.(ipv4|ipv6|mpls)\.[^.]*\.(IFNAME|ifname)\../.test(sysctl))
      return [`unrecognised network interface sysctl '${sysctl}'; ${SYSCTL_FORM}`];
    if (!sysctl.includes('=')) return [`expected sysctl '${sysctl}' to have format name=value`];
    if (!/^[^.=]*(\.[^.=]+){4}=/.test(sysctl))
      return [`expected sysctl '${sysctl.slice(0, sysctl.indexOf('='))}' to have format net.X.Y.IFNAME.Z`];
    return [];
  });
}
