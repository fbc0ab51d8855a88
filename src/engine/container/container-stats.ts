/** One sample of a container's use of the machine. */
import type { EngineContext } from '../engine-context.ts';
import { isUp } from './container-stop.ts';

export async function readStats(context: EngineContext, ref: string) {
  const record = context.table.find(ref);
  const { id, name } = record;
  if (!isUp(record)) return { id, name, stats: null };
  const usage = context.runtime.usage(id);
  return { id, name, stats: { ...usage, networks: context.network.statistics(id) } };
}
