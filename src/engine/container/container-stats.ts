/** One sample of a container's use of the machine. */
import { readContainerUsage } from '../../oci/container-usage.ts';
import type { EngineContext } from '../engine-context.ts';
import { cgroupsPathOf } from './container-paths.ts';
import { isUp } from './container-stop.ts';

export async function readStats(context: EngineContext, ref: string) {
  const record = context.containers.find(ref);
  const { id, name } = record;
  if (!isUp(record)) return { id, name, stats: null };
  const usage = readContainerUsage(cgroupsPathOf(context, record));
  return { id, name, stats: { ...usage, networks: context.network.statistics(id) } };
}
