/**
 * Whether a container has IPv6, which its sysctls may turn off: what has none gets no address of it, and by that is
 * nowhere advertised over it.
 */
import type { EndpointSpec } from '../../model/endpoint.ts';
import type { JoinRequest } from './sandbox.ts';

/** Whether the kernel has IPv6 at all. */
interface KernelFacts {
  readonly ipv6: boolean;
}

/** As in Docker it is its loopback's: `conf.all` counts too, `conf.default` does not, as links are made with IPv6. */
export function containerHasIpv6({ sysctls }: Pick<JoinRequest, 'sysctls'>, facts: KernelFacts): boolean {
  let [all, lo]: [string?, string?] = [];
  for (const [name, value] of Object.entries(sysctls)) {
    const [, , , link, setting] = name.split(name.includes('/') ? /[./]/ : '.');
    if (!/^net[./]ipv6[./]conf[./]/.test(name) || setting !== 'disable_ipv6') continue;
    if (link === 'all') all = value;
    if (link === 'lo') lo = value;
  }
  return facts.ipv6 && !isOn(lo ?? all ?? '0');
}

/** The same for one of its interfaces, for which a sysctl of the endpoint may say otherwise. */
export function interfaceHasIpv6(
  request: Pick<JoinRequest, 'sysctls'>,
  { driverOpts }: Pick<EndpointSpec, 'driverOpts'>,
  facts: KernelFacts,
): boolean {
  const own = (driverOpts['com.docker.network.endpoint.sysctls'] ?? '')
    .split(',')
    .findLast((entry) => /^net\.ipv6\.conf\.[^.]*\.disable_ipv6=/.test(entry));
  return containerHasIpv6(request, facts) && !isOn(own?.slice(own.indexOf('=') + 1) ?? '0');
}

const isOn = (value: string): boolean => Number(value) !== 0;
