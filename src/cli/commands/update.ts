/** `update` */
import type { UpdateBody } from '../../wire/container-create.ts';
import type { UpdateResponseJson } from '../../wire/container-summary.ts';
import type { Call, Command } from '../command/command.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { parseRestartPolicy } from '../container/create-request.ts';
import { printLine } from '../terminal/output.ts';

const flags = [
  {
    name: 'blkio-weight',
    type: type.uint16,
    usage: 'Block IO (relative weight), between 10 and 1000, or 0 to disable (default 0)',
  },
  { name: 'cpu-period', type: type.int, usage: 'Limit CPU CFS (Completely Fair Scheduler) period' },
  { name: 'cpu-quota', type: type.int, usage: 'Limit CPU CFS (Completely Fair Scheduler) quota' },
  { name: 'cpu-rt-period', type: type.int, usage: 'Limit the CPU real-time period in microseconds' },
  { name: 'cpu-rt-runtime', type: type.int, usage: 'Limit the CPU real-time runtime in microseconds' },
  { name: 'cpu-shares', short: 'c', type: type.int, usage: 'CPU shares (relative weight)' },
  { name: 'cpus', type: type.cpus, usage: 'Number of CPUs' },
  { name: 'cpuset-cpus', type: type.string, usage: 'CPUs in which to allow execution (0-3, 0,1)' },
  { name: 'cpuset-mems', type: type.string, usage: 'MEMs in which to allow execution (0-3, 0,1)' },
  { name: 'memory', short: 'm', type: type.bytes, usage: 'Memory limit' },
  { name: 'memory-reservation', type: type.bytes, usage: 'Memory soft limit' },
  {
    name: 'memory-swap',
    type: type.bytesOrUnlimited,
    usage: 'Swap limit equal to memory plus swap: -1 to enable unlimited swap',
  },
  { name: 'pids-limit', type: type.int, usage: 'Tune container pids limit (set -1 for unlimited)' },
  { name: 'restart', type: type.string, usage: 'Restart policy to apply when a container exits' },
] as const;

export const updateCommand: Command = {
  use: 'update [OPTIONS] CONTAINER [CONTAINER...]',
  short: 'Update configuration of one or more containers',
  aliases: ['container update', 'update'],
  args: [1, Infinity],
  flags,
  run,
};

async function run({ flags: given, args, client }: Call): Promise<void> {
  if (!flags.some(({ name }) => given.changed(name)))
    throw new StatusError('you must provide one or more flags when using this command');
  const body: UpdateBody = {
    BlkioWeight: given.number('blkio-weight'),
    CpusetCpus: given.string('cpuset-cpus'),
    CpusetMems: given.string('cpuset-mems'),
    CpuShares: given.number('cpu-shares'),
    Memory: given.number('memory'),
    MemoryReservation: given.number('memory-reservation'),
    MemorySwap: given.number('memory-swap'),
    CpuPeriod: given.number('cpu-period'),
    CpuQuota: given.number('cpu-quota'),
    CpuRealtimePeriod: given.number('cpu-rt-period'),
    CpuRealtimeRuntime: given.number('cpu-rt-runtime'),
    NanoCpus: given.number('cpus'),
    PidsLimit: given.number('pids-limit') || undefined,
    RestartPolicy:
      given.string('restart') === '' ? { Name: '', MaximumRetryCount: 0 } : parseRestartPolicy(given.string('restart')),
  };
  const warnings: string[] = [];
  const failures: string[] = [];
  for (const name of args) {
    try {
      const { Warnings } = await client.json<UpdateResponseJson>(
        'POST',
        `/containers/${encodeURIComponent(name)}/update`,
        { body },
      );
      printLine(name);
      warnings.push(...(Warnings ?? []));
    } catch (error) {
      failures.push(errorText(error));
    }
  }
  if (warnings.length > 0) printLine(warnings.join('\n'));
  if (failures.length > 0) throw new StatusError(failures.join('\n'));
}
