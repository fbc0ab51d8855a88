import { invalid } from '../../base/errors.ts';
import type { ResourceSpec } from '../../model/resources.ts';

/** What a change may not ask for given the existing limits. @throws invalid, in Docker's words */
export function checkTogether(id: string, before: ResourceSpec, changes: Partial<ResourceSpec>): void {
  const cannot = (why: string) => invalid(`Cannot update container ${id}: ${why}`);
  const { nanoCpus = 0, cpuPeriodUs = 0, cpuQuotaUs = 0, memoryBytes = 0, memorySwapBytes = 0 } = changes;
  if (before.nanoCpus > 0 && cpuPeriodUs > 0)
    throw cannot('Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set');
  if (before.nanoCpus > 0 && cpuQuotaUs > 0)
    throw cannot('Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set');
  if (nanoCpus > 0 && before.cpuPeriodUs > 0)
    throw cannot('Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set');
  if (nanoCpus > 0 && before.cpuQuotaUs > 0)
    throw cannot('Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set');
  const memory = memoryBytes || before.memoryBytes;
  const swap = memorySwapBytes || before.memorySwapBytes;
  if (swap <= 0) return;
  if (memory === 0) throw invalid('You should always set the Memory limit when using Memoryswap limit, see usage');
  if (memory <= swap) return;
  if (memorySwapBytes > 0) throw invalid('Minimum memoryswap limit should be larger than memory limit, see usage');
  throw cannot(
    'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
  );
}
