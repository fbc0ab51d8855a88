/** Published ports of a container that come and go: our own routes, under /causeway/, where Docker will never have any. */
import { formatPort, parsePort, type PortBinding } from '../../model/port.ts';
import { portsRequestSchema, type PortsResponseJson } from '../../wire/ports.ts';
import { MAX_PORTS_JSON_BYTES, type Call } from '../call.ts';
import { addPublished } from '../map/network-settings.ts';
import type { RouteTable } from '../route-table.ts';

export function addPortRoutes(routes: RouteTable): void {
  routes.add('POST', '/causeway/containers/:name/ports', addPorts);
  routes.add('DELETE', '/causeway/containers/:name/ports', removePorts);
}

async function addPorts(call: Call): Promise<void> {
  const { PortBindings } = await call.json(portsRequestSchema, 'PortsRequest', { maxBytes: MAX_PORTS_JSON_BYTES });
  const { running, ports } = await call.backend.containers.addPorts(call.name, toBindings(PortBindings));
  call.reply(200, { Running: running, Ports: addPublished({}, ports) } satisfies PortsResponseJson);
}

/** Named in the body, as a thousand ports have no place in a query. */
async function removePorts(call: Call): Promise<void> {
  const { PortBindings } = await call.json(portsRequestSchema, 'PortsRequest', { maxBytes: MAX_PORTS_JSON_BYTES });
  const { running, ports } = await call.backend.containers.removePorts(call.name, toBindings(PortBindings));
  call.reply(200, { Running: running, Ports: addPublished({}, ports) } satisfies PortsResponseJson);
}

function toBindings(map: Readonly<Record<string, readonly { HostIp: string; HostPort: string }[]>>): Record<string, PortBinding[]> {
  const bindings: Record<string, PortBinding[]> = {};
  for (const [port, list] of Object.entries(map)) {
    (bindings[formatPort(parsePort(port))] ??= []).push(...list.map(({ HostIp, HostPort }) => ({ hostIp: HostIp, hostPort: HostPort })));
  }
  return bindings;
}
