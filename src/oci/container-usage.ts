/** What a container uses of the machine, from its cgroup, in the terms of Docker's stats. */
import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { readCgroupStats } from '../kernel/cgroup.ts';

export interface ContainerUsage {
  readonly readAt: string;
  readonly pids: { readonly current: number; readonly limit: number }; // 0 = no limit
  readonly cpu: {
    readonly totalNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    /** CPU time of the whole host since boot, of all processors together. */
    readonly hostNs: number;
    readonly onlineCpus: number;
    readonly perCpuNs: number[];
    readonly throttled: { readonly periods: number; readonly throttledPeriods: number; readonly throttledNs: number };
  };
  readonly memory: {
    readonly usage: number;
    readonly limit: number;
    readonly maxUsage: number;
    readonly stats: Record<string, number>;
  };
  readonly blkio: { readonly op: string; readonly major: number; readonly minor: number; readonly value: number }[];
}

export function readContainerUsage(cgroupsPath: string): ContainerUsage {
  const { cpu, memory, pids, io } = readCgroupStats(cgroupsPath);
  return {
    readAt: new Date().toISOString(),
    pids: { current: pids.current, limit: pids.limit ?? 0 },
    cpu: {
      totalNs: cpu.usageNs,
      userNs: cpu.userNs,
      systemNs: cpu.systemNs,
      hostNs: hostCpuNs(),
      onlineCpus: availableParallelism(),
      perCpuNs: [...cpu.perCpuNs],
      throttled: { periods: cpu.periods, throttledPeriods: cpu.throttledPeriods, throttledNs: cpu.throttledNs },
    },
    memory: {
      usage: memory.usageBytes,
      limit: memory.limitBytes ?? totalmem(),
      maxUsage: memory.maxUsageBytes,
      stats: { ...memory.details },
    },
    blkio: io.flatMap(({ major, minor, readBytes, writeBytes }) => [
      { op: 'read', major, minor, value: readBytes },
      { op: 'write', major, minor, value: writeBytes },
    ]),
  };
}

/**
 * The first line of /proc/stat, in ticks of 10 ms: what Docker relates a container's time to. Guest time is in user's
 * already.
 */
function hostCpuNs(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]!.trim().split(/\s+/).slice(1, 8);
  return fields.reduce((sum, ticks) => sum + Number(ticks), 0) * 10_000_000;
}
