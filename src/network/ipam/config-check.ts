/** Refuses a network's address configuration that contradicts itself, in Docker's words, all faults in one error. */
import { invalid } from '../../base/errors.ts';
import { joinFaults } from '../../model/faults.ts';
import { poolFaults } from '../../model/ipam-check.ts';
import type { NetworkSpec } from '../../model/network.ts';

/** Throws `invalid`. A pool that names nothing at all is fine: its subnet is chosen. */
export function checkIpamConfig(spec: NetworkSpec): void {
  const named = spec.ipam.pools.filter(
    (pool) =>
      pool.subnet !== '' || pool.ipRange !== '' || pool.gateway !== '' || Object.keys(pool.auxAddresses).length > 0,
  );
  const faults = named.flatMap((pool) => poolFaults(pool, spec.enableIpv6));
  if (faults.length > 0) throw invalid(`invalid network config:\n${joinFaults(faults)}`);
}
