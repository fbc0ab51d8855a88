/**
 * A sample of a container's use of the host, with the one before it, as `docker stats` computes its columns from them.
 */
import { ZERO_TIME } from '../../base/clock.ts';
import type { ContainerStats } from '../backend/container.ts';

export interface StatsSample {
  readonly id: string;
  readonly name: string;
  readonly stats: ContainerStats | null;
}

export function toStatsJson(sample: StatsSample, previous: ContainerStats | null): object {
  const { stats } = sample;
  return {
    name: `/${sample.name.replace(/^\//, '')}`,
    id: sample.id,
    os_type: 'linux',
    read: stats?.readAt ?? ZERO_TIME,
    preread: previous?.readAt ?? ZERO_TIME,
    pids_stats: stats ? { ...nonZero({ current: stats.pids.current, limit: stats.pids.limit }) } : {},
    blkio_stats: toBlkioJson(stats),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: toCpuJson(stats),
    precpu_stats: toCpuJson(previous),
    memory_stats: stats ? toMemoryJson(stats.memory) : {},
    ...(stats && Object.keys(stats.networks).length > 0 ? { networks: toNetworksJson(stats.networks) } : {}),
  };
}

function toCpuJson(stats: ContainerStats | null): object {
  const cpu = stats?.cpu;
  return {
    cpu_usage: {
      total_usage: cpu?.totalNs ?? 0,
      ...(cpu && cpu.perCpuNs.length > 0 ? { percpu_usage: cpu.perCpuNs } : {}),
      usage_in_kernelmode: cpu?.systemNs ?? 0,
      usage_in_usermode: cpu?.userNs ?? 0,
    },
    ...nonZero({ system_cpu_usage: cpu?.hostNs ?? 0, online_cpus: cpu?.onlineCpus ?? 0 }),
    throttling_data: {
      periods: cpu?.throttled.periods ?? 0,
      throttled_periods: cpu?.throttled.throttledPeriods ?? 0,
      throttled_time: cpu?.throttled.throttledNs ?? 0,
    },
  };
}

function toMemoryJson(memory: ContainerStats['memory']): object {
  return {
    ...nonZero({ usage: memory.usage, max_usage: memory.maxUsage }),
    ...(Object.keys(memory.stats).length > 0 ? { stats: memory.stats } : {}),
    ...nonZero({ limit: memory.limit }),
  };
}

function toBlkioJson(stats: ContainerStats | null): object {
  const bytes = (stats?.blkio ?? []).map(({ op, major, minor, value }) => ({ major, minor, op, value }));
  return {
    io_service_bytes_recursive: stats ? bytes : null,
    io_serviced_recursive: null,
    io_queue_recursive: null,
    io_service_time_recursive: null,
    io_wait_time_recursive: null,
    io_merged_recursive: null,
    io_time_recursive: null,
    sectors_recursive: null,
  };
}

function toNetworksJson(networks: ContainerStats['networks']): object {
  return Object.fromEntries(
    Object.entries(networks).map(([name, counters]) => [
      name,
      {
        rx_bytes: counters.rxBytes,
        rx_packets: counters.rxPackets,
        rx_errors: counters.rxErrors,
        rx_dropped: counters.rxDropped,
        tx_bytes: counters.txBytes,
        tx_packets: counters.txPackets,
        tx_errors: counters.txErrors,
        tx_dropped: counters.txDropped,
      },
    ]),
  );
}

/** Go leaves zeros out of these fields. */
function nonZero(values: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0));
}
