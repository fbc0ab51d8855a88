/** Checks of a new network that need no other state; the texts are Docker's. */
import { forbidden, invalid } from '../base/errors.ts';
import { joinFaults } from '../model/faults.ts';
import { poolFaults } from '../model/ipam-check.ts';
import type { NetworkSpec } from '../model/network.ts';

const PREDEFINED = new Set(['bridge', 'host', 'none', 'default']);

export function validateNetwork(spec: NetworkSpec): void {
  if (PREDEFINED.has(spec.name)) throw forbidden(`operation is not permitted on predefined ${spec.name} network `);
  const messages = spec.ipam.pools.flatMap((pool) => poolFaults(pool, spec.enableIpv6));
  if (messages.length > 0) throw invalid(`invalid network config:\n${joinFaults(messages)}`);
  if (spec.name.trim() === '') throw invalid('invalid name: name is empty');
}
