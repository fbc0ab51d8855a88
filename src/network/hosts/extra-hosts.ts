import { invalid } from '../../base/errors.ts';
import { parseExtraHost } from '../../model/extra-host.ts';
import type { HostsEntry } from './hosts.ts';

/**
 * --add-host values as lines of a hosts file. `hostGateways` are the addresses that replace 'host-gateway', one line
 * each. Throws `invalid` in Docker's words.
 */
export function parseExtraHosts(values: readonly string[], hostGateways: readonly string[]): HostsEntry[] {
  return values.flatMap((value) => {
    const { name, address } = parseExtraHost(value);
    if (address !== 'host-gateway') return [{ address, names: [name] }];
    if (hostGateways.length === 0) throw invalid('unable to derive the IP value for host-gateway');
    return hostGateways.map((gateway) => ({ address: gateway, names: [name] }));
  });
}
