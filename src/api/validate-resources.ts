/**
 * Limits that contradict each other or cannot be. Returns warnings; what the kernel lacks is reported by the engine.
 */
import { cpus } from 'node:os';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import { parseCpuset } from '../model/cpuset.ts';
import type { UpdateRequest } from '../wire/container-create.ts';

const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const MAX_CPU_QUOTA_US = 2 ** 44 - 1;

export type ResourcesRequest = Omit<UpdateRequest, 'RestartPolicy'>;

export function validateResources(resources: ResourcesRequest, update: boolean): string[] {
  validateMemory(resources, update);
  validateCpu(resources);
  validateBlockDevices(resources);
  if (resources.BlkioWeight > 0 && (resources.BlkioWeight < 10 || resources.BlkioWeight > 1000)) {
    throw invalid('Range of blkio weight is from 10 to 1000');
  }
  if (resources.IOMaximumBandwidth !== 0)
    throw invalid('invalid option: QoS maximum bandwidth configuration is not supported on linux');
  if (resources.IOMaximumIOps !== 0)
    throw invalid('invalid option: QoS maximum IOPs configuration is not supported on linux');
  const warnings: string[] = [];
  if (resources.OomKillDisable === true && resources.Memory === 0 && !update) {
    warnings.push(
      'OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.',
    );
  }
  if (resources.CpuPercent > 0) warnings.push('linux does not support CPU percent. Percent discarded.');
  return warnings;
}

function validateMemory(resources: ResourcesRequest, update: boolean): void {
  const { Memory: memory, MemorySwap: swap, MemoryReservation: reservation, MemorySwappiness: swappiness } = resources;
  if (memory !== 0 && memory < MIN_MEMORY_BYTES) throw invalid('Minimum memory limit allowed is 6MB');
  if (memory > 0 && swap > 0 && swap < memory)
    throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  if (memory === 0 && swap > 0 && !update)
    throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (swappiness !== null && swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  }
  if (reservation > 0 && reservation < MIN_MEMORY_BYTES) throw invalid('Minimum memory reservation allowed is 6MB');
  if (memory > 0 && reservation > 0 && memory < reservation) {
    throw invalid('Minimum memory limit can not be less than memory reservation limit, see usage');
  }
}

function validateCpu(resources: ResourcesRequest): void {
  const { NanoCpus: nano, CpuPeriod: period, CpuQuota: quota, CpuRealtimePeriod, CpuRealtimeRuntime } = resources;
  if (nano > 0 && period > 0) throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set');
  if (nano > 0 && quota > 0) throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set');
  const available = cpus().length;
  if (nano < 0 || nano > available * 1e9) {
    throw invalid(`range of CPUs is from 0.01 to ${available}.00, as there are only ${available} CPUs available`);
  }
  if (period !== 0 && (period < 1000 || period > 1_000_000)) {
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)');
  }
  if (quota > 0 && quota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)');
  if (quota > MAX_CPU_QUOTA_US)
    throw invalid(`invalid CPU quota (${quota}): the kernel takes at most ${MAX_CPU_QUOTA_US} microseconds`);
  if (resources.CpuShares < 0)
    throw invalid(`invalid CPU shares (${resources.CpuShares}): value must be a positive integer`);
  // The words are runc's, with which Docker refuses the start.
  if (resources.CpuShares === 1) throw invalid('the minimum allowed cpu-shares is 2');
  if (resources.CpuShares > 262_144) throw invalid('the maximum allowed cpu-shares is 262144');
  for (const [name, value] of [
    ['period', CpuRealtimePeriod],
    ['runtime', CpuRealtimeRuntime],
  ] as const) {
    if (value < 0) throw invalid(`invalid CPU real-time ${name} (${value}): value must be a positive integer`);
  }
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod) {
    throw invalid('cpu real-time runtime cannot be higher than cpu real-time period');
  }
  for (const [name, value] of [
    ['cpus', resources.CpusetCpus],
    ['mems', resources.CpusetMems],
  ] as const) {
    const set = parseCpuset(value);
    if (typeof set === 'string') throw invalid(`Invalid value ${value} for cpuset ${name}: ${set}`);
  }
}

/** Whatever is below /dev is looked up when the container starts; elsewhere a path may not answer. */
function validateBlockDevices(resources: ResourcesRequest): void {
  const { BlkioDeviceReadBps, BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps } = resources;
  const rates = [BlkioDeviceReadBps, BlkioDeviceWriteBps, BlkioDeviceReadIOps, BlkioDeviceWriteIOps].flat();
  for (const { Path } of [...rates, ...resources.BlkioWeightDevice])
    if (!posix.normalize(Path).startsWith('/dev/')) throw invalid(`bad format for device path: ${Path}`);
  for (const { Path, Weight } of resources.BlkioWeightDevice)
    if (Weight !== 0 && (Weight < 10 || Weight > 1000)) throw invalid(`invalid weight for device: ${Path}:${Weight}`);
}
