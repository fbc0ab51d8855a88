/** What the processes of a container find in their environment of its links on the default bridge. */
import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { parsePort } from '../../model/port.ts';
import { linkVariables } from '../../network/links/variables.ts';
import type { EngineContext } from '../engine-context.ts';

/** As things are now: a source that does not run has no address to tell, and is left out. */
export function linkEnvironment(context: EngineContext, recipient: ContainerRecord): string[] {
  if (recipient.links.length === 0 || !onDefaultBridge(context, recipient.id)) return [];
  return recipient.links.flatMap(({ alias, sourceId }) => {
    const source = context.table.get(sourceId);
    const endpoint = onDefaultBridge(context, sourceId);
    if (!source || !endpoint) return [];
    return linkVariables({
      alias,
      recipientName: recipient.name,
      address: endpoint.ipv4,
      ports: source.spec.connection.exposedPorts.map(parsePort),
      sourceEnv: source.spec.process.env,
    });
  });
}

function onDefaultBridge(context: EngineContext, containerId: string): Endpoint | undefined {
  return context.network.sandbox(containerId)?.endpoints.find((endpoint) => endpoint.networkName === 'bridge');
}
