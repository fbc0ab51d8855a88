/**
 * Flows that began while the firewall table was gone. Connection tracking remembers that their addresses were not
 * translated, and would keep it so: the client of a published port that tries again would never come through.
 */
import { errorMessage } from '../../base/errors.ts';
import { deleteFlows, relaxFlows, type Flow } from '../../kernel/conntrack.ts';
import { endpointAddresses } from '../../model/endpoint.ts';
import type { Protocol } from '../../model/port.ts';
import type { NetworkCore } from './core.ts';
import { reaches } from '../plan/firewall-facts.ts';

const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

type FlowNeeds = Pick<NetworkCore, 'log' | 'route' | 'table'>;

/**
 * Those to published ports of this host, and those of containers to elsewhere. What goes on is tracked again with its
 * next packet.
 */
export function forgetUntranslated(needs: FlowNeeds): void {
  try {
    // What was answered has found its way; and the kernel can leave it out of what it lists, where connections are
    // many.
    deleteFlows({ answered: false, where: strays(needs) });
  } catch (error) {
    needs.log.warn({ error: errorMessage(error) }, 'flows that began without the firewall table are not forgotten');
  }
}

function strays(needs: FlowNeeds): (flow: Flow) => boolean {
  const own = new Set(needs.route.addresses().map((info) => info.address));
  const containers = containerAddresses(needs);
  const led = new Set<string>();
  for (const { sandbox } of needs.table.sandboxes()) {
    for (const { ipv4, ipv6, published } of sandbox.endpoints) {
      for (const port of published) {
        for (const version of [4, 6] as const) {
          if ((version === 4 ? ipv4 : ipv6) !== '' && reaches(port, version))
            led.add(portOf(version, PROTOCOL_NUMBERS[port.protocol], port.hostPort));
        }
      }
    }
  }
  return (flow) => {
    const { original, reply, version, protocol } = flow;
    if (reply.source !== original.destination || reply.destination !== original.source) return false;
    if (own.has(original.destination)) return led.has(portOf(version, protocol, original.destinationPort));
    return containers.has(original.source) && !containers.has(original.destination);
  };
}

/**
 * Connections of containers that lived through a moment without the table. The kernel restarts their windows from the
 * next packet that it sees; if an acknowledgement was lost just then, it takes the one that is sent again for invalid,
 * for ever, and the connection stands still. So they are no longer held to windows.
 */
export async function keepAlive(needs: FlowNeeds): Promise<void> {
  const containers = containerAddresses(needs);
  try {
    await relaxFlows({
      where: ({ answered, original, reply }) =>
        answered && (containers.has(original.source) || containers.has(reply.source)),
    });
  } catch (error) {
    needs.log.warn({ error: errorMessage(error) }, 'connections that lived through a repair may stand still');
  }
}

function containerAddresses(needs: Pick<FlowNeeds, 'table'>): Set<string> {
  return new Set(needs.table.sandboxes().flatMap(({ sandbox }) => sandbox.endpoints.flatMap(endpointAddresses)));
}

const portOf = (version: number, protocol: number, port: number): string => `${version} ${protocol} ${port}`;
