/** What the processes of a container find in their environment of its links on the default bridge. */
import type { ContainerRecord } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { parsePort } from '../../model/port.ts';
import { linkVariables } from '../../network/links/variables.ts';
import type { Sandbox } from '../../network/service.ts';
import type { ContainerTable } from './container-table.ts';

export interface LinkSources {
  readonly containers: Pick<ContainerTable, 'get'>;
  readonly network: { sandbox(containerId: string): Sandbox | undefined };
}

/** As things are now: a source that does not run has no address to tell, and is left out. */
export function linkEnvironment(sources: LinkSources, recipient: ContainerRecord): string[] {
  if (recipient.links.length === 0 || !onDefaultBridge(sources, recipient.id)) return [];
  return recipient.links.flatMap(({ alias, sourceId }) => {
    const source = sources.containers.get(sourceId);
    const endpoint = onDefaultBridge(sources, sourceId);
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

function onDefaultBridge(sources: LinkSources, containerId: string): Endpoint | undefined {
  return sources.network.sandbox(containerId)?.endpoints.find((endpoint) => endpoint.networkName === 'bridge');
}
