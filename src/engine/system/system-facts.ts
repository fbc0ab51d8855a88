/** What `info` and `version` tell: facts of the host that the daemon gathers, and counts of the engine. */
import type { ContainerTable } from '../container/container-table.ts';
import type { ImageStore } from '../../image/image-store.ts';
import type { ContainerCounts } from '../../model/host-summary.ts';

export function countContainers(table: ContainerTable, images: ImageStore): ContainerCounts {
  const records = table.all();
  const paused = records.filter((record) => record.state.status === 'paused').length;
  const running = records.filter(
    (record) => record.state.status === 'running' || record.state.status === 'restarting',
  ).length;
  return {
    containers: records.length,
    running,
    paused,
    stopped: records.length - running - paused,
    images: images.list().length,
  };
}
