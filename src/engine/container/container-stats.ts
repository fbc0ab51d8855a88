/** One sample of a container's use of the machine. */
import { readContainerUsage } from '../../oci/container-usage.ts';
import type { EngineConfig } from '../engine-config.ts';
import type { LiveNetwork, LiveRuntime } from '../ports.ts';
import { cgroupsPathOf } from './container-paths.ts';
import { isUp } from './container-stop.ts';
import type { ContainerTable } from './container-table.ts';

export interface StatsNeeds {
  readonly config: Pick<EngineConfig, 'cgroupParent'>;
  readonly containers: Pick<ContainerTable, 'find'>;
  readonly network: Pick<LiveNetwork, 'statistics'>;
  readonly runtime: Pick<LiveRuntime, 'runs'>;
}

export async function readStats(needs: StatsNeeds, ref: string) {
  const record = needs.containers.find(ref);
  const { id, name } = record;
  // One that has just ended has no group any more, or an empty one.
  if (!isUp(record) || !needs.runtime.runs(id)) return { id, name, stats: null };
  const usage = readContainerUsage(cgroupsPathOf(needs.config, record));
  return { id, name, stats: { ...usage, networks: needs.network.statistics(id) } };
}
