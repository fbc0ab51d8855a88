import { invalid } from '../../base/errors.ts';
import { ipVersion } from '../../model/addresses.ts';
import type { HostsEntry } from './hosts.ts';

/**
 * Parses --add-host values ('name:ip', 'name:host-gateway'; the ip may be IPv6, in brackets or not) into lines of a
 * hosts file. `hostGateways` are the addresses that 'host-gateway' stands for, one line each. Throws `invalid` in
 * Docker's words.
 */
export function parseExtraHosts(values: readonly string[], hostGateways: readonly string[]): HostsEntry[] {
  return values.flatMap((value) => {
    const split = value.indexOf(':');
    if (split <= 0) throw invalid(`bad format for add-host: ${JSON.stringify(value)}`);
    const name = value.slice(0, split);
    const text = value.slice(split + 1);
    if (text === 'host-gateway') {
      if (hostGateways.length === 0) throw invalid('unable to derive the IP value for host-gateway');
      return hostGateways.map((address) => ({ address, names: [name] }));
    }
    const address = text.replace(/^\[(.*)\]$/, '$1');
    if (ipVersion(address) === 0) throw invalid(`invalid IP address in add-host: ${JSON.stringify(text)}`);
    return [{ address, names: [name] }];
  });
}
