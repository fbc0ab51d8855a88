/** `update`: limits of a container that may be running, and its restart policy. */
import { invalid } from '../../base/errors.ts';
import type { ContainerRecord, RestartPolicy } from '../../model/container.ts';
import type { ResourceSpec } from '../../model/resources.ts';
import { buildResources } from '../../oci/resources.ts';
import type { EngineContext } from '../engine-context.ts';
import { publishContainerEvent } from './container-events.ts';
import { isUp } from './container-stop.ts';
import { checkRestartPolicy } from './restart-policy.ts';

export interface ContainerUpdate {
  readonly resources: Partial<ResourceSpec>;
  readonly restartPolicy?: RestartPolicy;
}

export function updateContainer(context: EngineContext, ref: string, changes: ContainerUpdate): Promise<{ warnings: string[] }> {
  const { id } = context.table.find(ref);
  return context.lock.run(id, async () => {
    const record = context.table.find(id);
    const { host } = record.spec;
    const policy = changes.restartPolicy ?? host.restartPolicy;
    checkRestartPolicy(policy, host.autoRemove);
    const resources: ResourceSpec = { ...host.resources, ...changes.resources };
    if (resources.memorySwapBytes > 0 && resources.memoryBytes > resources.memorySwapBytes) {
      throw invalid('Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time');
    }
    const updated: ContainerRecord = { ...record, spec: { ...record.spec, host: { ...host, resources, restartPolicy: policy } } };
    if (isUp(record) && Object.keys(changes.resources).length > 0) await context.runtime.update(id, buildResources(changes.resources));
    await context.table.save(updated);
    publishContainerEvent(context.events, updated, 'update');
    return { warnings: [] };
  });
}
