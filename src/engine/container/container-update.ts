/** `update`: limits of a container that may be running, and its restart policy. */
import type { ContainerUpdate } from '../../model/container.ts';
import type { ResourceSpec } from '../../model/resources.ts';
import { changedBlockIo } from '../../oci/block-io.ts';
import { checkDevicePaths } from '../../oci/device-paths.ts';
import { possibleLimits } from '../../oci/possible-limits.ts';
import { buildResources } from '../../oci/resources.ts';
import type { LiveRuntime } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishContainerEvent } from './container-events.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';
import { checkTogether } from './resource-limits.ts';
import { checkChangedRestartPolicy } from './restart-policy.ts';

export interface UpdateNeeds {
  readonly containers: Pick<ContainerTable, 'locked'>;
  readonly runtime: Pick<LiveRuntime, 'runs' | 'update'>;
  readonly events: EventBus;
}

export function updateContainer(
  needs: UpdateNeeds,
  ref: string,
  changes: ContainerUpdate,
): Promise<{ warnings: string[] }> {
  return needs.containers.locked(ref, async (held) => {
    const { host } = held.record.spec;
    const policy = changes.restartPolicy ?? host.restartPolicy;
    checkChangedRestartPolicy(policy, host.autoRemove);
    const { limits, warnings } = possibleLimits(changes.resources);
    checkTogether(held.id, host.resources, limits);
    if (isUp(held.record)) checkDevicePaths(limits);
    const resources: ResourceSpec = { ...host.resources, ...limits };
    if (isUp(held.record) && Object.keys(limits).length > 0)
      await applyNow(needs, held.id, changedBlockIo(host.resources, limits));
    const updated = await held.save((now) => ({
      ...now,
      spec: { ...now.spec, host: { ...now.spec.host, resources, restartPolicy: policy } },
    }));
    publishContainerEvent(needs.events, updated, 'update');
    return { warnings };
  });
}

/** One that has just ended has them with its next start. */
async function applyNow(needs: UpdateNeeds, id: string, limits: Partial<ResourceSpec>): Promise<void> {
  try {
    await needs.runtime.update(id, buildResources(limits));
  } catch (error) {
    if (needs.runtime.runs(id)) throw error;
  }
}
