/**
 * Published ports of a container that come and go: the engine's own routes, under /causeway/, where Docker will never
 * have any.
 */
import { parsePort } from '../../model/port.ts';
import { portsRequestSchema, type PortsResponseJson } from '../../wire/ports.ts';
import { MAX_PORTS_JSON_BYTES, type Call } from '../call.ts';
import { addPublished } from '../map/network-settings.ts';
import { toPortBindings } from '../map/port-bindings.ts';
import type { RouteTable } from '../route-table.ts';

export function addPortRoutes(routes: RouteTable): void {
  routes.add('POST', '/causeway/containers/:name/ports', addPorts);
  routes.add('DELETE', '/causeway/containers/:name/ports', removePorts);
}

async function addPorts(call: Call): Promise<void> {
  const { PortBindings } = await call.json(portsRequestSchema, 'PortsRequest', { maxBytes: MAX_PORTS_JSON_BYTES });
  const { running, ports } = await call.backend.containers.addPorts(call.name, toPortBindings(PortBindings, parsePort));
  call.reply(200, { Running: running, Ports: addPublished({}, ports) } satisfies PortsResponseJson);
}

/** Named in the body, as a thousand ports have no place in a query. */
async function removePorts(call: Call): Promise<void> {
  const { PortBindings } = await call.json(portsRequestSchema, 'PortsRequest', { maxBytes: MAX_PORTS_JSON_BYTES });
  const { running, ports } = await call.backend.containers.removePorts(
    call.name,
    toPortBindings(PortBindings, parsePort),
  );
  call.reply(200, { Running: running, Ports: addPublished({}, ports) } satisfies PortsResponseJson);
}
