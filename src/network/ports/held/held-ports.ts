/**
 * Host ports of containers: held by real sockets, so that no program can take them and every program sees them taken.
 * IPv6 ones are served as well: what reaches the socket is what the kernel could not forward to the container.
 */
import { portHolder } from '../../../kernel/port-holder.ts';
import { closeFd, holdPort } from '../../../kernel/socket.ts';
import type { HostPort } from '../../../model/port.ts';
import { ephemeralPorts, reservedPorts } from '../../host/host-facts.ts';
import type { NetworkTable } from '../../table/table.ts';
import { PortAllocator } from '../allocator.ts';
import { relayTcp, type Arrival, type RelayTarget } from './tcp-relay.ts';
import { relayUdp } from './udp-relay.ts';

export function createPortAllocator(table: NetworkTable): PortAllocator {
  const allocator: PortAllocator = new PortAllocator({
    holder: {
      hold(port) {
        const { protocol, hostIp, hostPort } = port;
        const target = (arrival: Arrival) =>
          isInternal(arrival, table) ? undefined : targetOf(allocator, table, port);
        if (hostIp.includes(':') && protocol === 'tcp') return relayTcp(hostIp, hostPort, target);
        if (hostIp.includes(':') && protocol === 'udp') return relayUdp(hostIp, hostPort, target);
        const fd = holdPort({ protocol, address: hostIp, port: hostPort });
        return { close: () => closeFd(fd) };
      },
    },
    ephemeral: ephemeralPorts,
    reserved: reservedPorts,
    describeHolder: ({ protocol, hostIp, hostPort }) => portHolder({ protocol, address: hostIp, port: hostPort }),
  });
  return allocator;
}

/** Whether a container of an internal network calls: all that it reaches of the host is its own gateway's addresses. */
function isInternal({ address, link }: Arrival, table: NetworkTable): boolean {
  return table
    .networks()
    .some(
      ({ internal, bridgeName, pools }) =>
        internal && bridgeName !== '' && (bridgeName === link || pools.some(({ gateway }) => gateway === address)),
    );
}

/**
 * Where a relayed connection goes: looked up for each, as the port may have moved to another of the container's
 * networks.
 */
function targetOf(allocator: PortAllocator, table: NetworkTable, host: HostPort): RelayTarget | undefined {
  const owner = allocator.holderOf(host);
  const endpoints = (owner && table.sandbox(owner.containerId)?.sandbox.endpoints) ?? [];
  for (const endpoint of endpoints) {
    for (const published of endpoint.published) {
      if (
        published.protocol !== host.protocol ||
        published.hostIp !== host.hostIp ||
        published.hostPort !== host.hostPort
      )
        continue;
      const address = host.hostIp.includes(':') ? endpoint.ipv6 || endpoint.ipv4 : endpoint.ipv4;
      return address === '' ? undefined : { address, port: published.port };
    }
  }
  return undefined;
}
