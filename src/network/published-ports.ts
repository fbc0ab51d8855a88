/**
 * Host ports of containers: held by real sockets, so that no program can take them and everybody sees them taken. What
 * the kernel cannot lead to a container (::1, and IPv6 to a container that has none) is relayed by this process.
 */
import type { Log } from '../base/log.ts';
import { portHolder } from '../kernel/port-holder.ts';
import { closeFd, holdPort } from '../kernel/socket.ts';
import type { Protocol } from '../model/port.ts';
import { ephemeralPorts, reservedPorts } from './host-facts.ts';
import { PortAllocator, type PortHolder } from './ports/port-plan.ts';

const holder: PortHolder = {
  hold(protocol: Protocol, address: string, port: number) {
    const fd = holdPort({ protocol, address, port });
    return { close: () => closeFd(fd) };
  },
};

export function createPortAllocator(_log: Log): PortAllocator {
  return new PortAllocator({
    holder,
    ephemeral: ephemeralPorts,
    reserved: reservedPorts,
    describeHolder: portHolder,
  });
}
