/** From the daemon's counters to the figures that `stats` shows. */
import { shortId, type ListShape, type Row } from '../format/list-output.ts';
import { binarySize, humanSize } from '../format/size.ts';

interface CpuCounters {
  readonly cpu_usage: { readonly total_usage: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

export interface StatsSample {
  readonly name: string;
  readonly id: string;
  readonly cpu_stats: CpuCounters;
  readonly precpu_stats: CpuCounters;
  readonly memory_stats: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>> | null;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>> | null;
  readonly blkio_stats: {
    readonly io_service_bytes_recursive?: readonly { readonly op: string; readonly value: number }[] | null;
  };
  readonly pids_stats?: { readonly current?: number };
}

export interface StatsFigures {
  readonly cpuPercent: number;
  readonly memoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly pids: number;
}

export interface StatsEntry {
  /** As the user named it. */
  readonly container: string;
  readonly name: string;
  readonly id: string;
  /** Nothing is known yet, or any more. */
  readonly figures?: StatsFigures;
}

export function measure(sample: StatsSample): Omit<StatsEntry, 'container'> {
  const networks = Object.values(sample.networks ?? {});
  const io = sample.blkio_stats.io_service_bytes_recursive ?? [];
  const ioBytes = (letter: string) =>
    sum(io.filter(({ op }) => op.toLowerCase().startsWith(letter)).map(({ value }) => value));
  return {
    name: sample.name,
    id: sample.id,
    figures: {
      cpuPercent: cpuPercent(sample.precpu_stats, sample.cpu_stats),
      memoryBytes: memoryWithoutCache(sample.memory_stats),
      memoryLimitBytes: sample.memory_stats.limit ?? 0,
      receivedBytes: sum(networks.map(({ rx_bytes }) => rx_bytes)),
      sentBytes: sum(networks.map(({ tx_bytes }) => tx_bytes)),
      readBytes: ioBytes('r'),
      writtenBytes: ioBytes('w'),
      pids: sample.pids_stats?.current ?? 0,
    },
  };
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/** 100 % is one CPU. */
function cpuPercent(before: CpuCounters, now: CpuCounters): number {
  const own = now.cpu_usage.total_usage - before.cpu_usage.total_usage;
  const all = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const cpus = now.online_cpus || (now.cpu_usage.percpu_usage?.length ?? 0);
  return own > 0 && all > 0 ? (own / all) * cpus * 100 : 0;
}

/** Inactive file cache is memory that anyone may have: total_inactive_file is cgroup v1's name for it. */
function memoryWithoutCache({ usage = 0, stats }: StatsSample['memory_stats']): number {
  const cache = stats?.['total_inactive_file'] ?? stats?.['inactive_file'] ?? 0;
  return cache < usage ? usage - cache : usage;
}

export const statsShape: ListShape = {
  type: '*container.statsContext',
  headers: {
    Container: 'CONTAINER',
    Name: 'NAME',
    ID: 'CONTAINER ID',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
};

const UNKNOWN = '--';

export function statsRow({ container, name, id, figures }: StatsEntry, truncate: boolean): Row {
  const percent = (value: number) => `${value.toFixed(2)}%`;
  const size = (bytes: number) => humanSize(bytes, 3);
  return {
    BlockIO: () => (figures ? `${size(figures.readBytes)} / ${size(figures.writtenBytes)}` : UNKNOWN),
    CPUPerc: () => (figures ? percent(figures.cpuPercent) : UNKNOWN),
    Container: () => container,
    ID: () => (truncate ? shortId(id) : id),
    MemPerc: () =>
      figures
        ? percent(figures.memoryLimitBytes > 0 ? (figures.memoryBytes / figures.memoryLimitBytes) * 100 : 0)
        : UNKNOWN,
    MemUsage: () =>
      figures ? `${binarySize(figures.memoryBytes)} / ${binarySize(figures.memoryLimitBytes)}` : '-- / --',
    Name: () => name.replace(/^\//, '') || UNKNOWN,
    NetIO: () => (figures ? `${size(figures.receivedBytes)} / ${size(figures.sentBytes)}` : UNKNOWN),
    PIDs: () => (figures ? String(figures.pids) : UNKNOWN),
  };
}
