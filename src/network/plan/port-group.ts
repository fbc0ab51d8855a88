/**
 * The group of a bridge port, by which rules know whose containers are isolated (firewall/bridged.ts): it is given in
 * the request that makes the port, so there is no moment without.
 */
import type { NetworkSpec } from '../../model/network.ts';
import { parseBridgeOptions } from './bridge-options.ts';

/** `ip link show group 22055` lists them. */
export const APART_GROUP = 22055;

/** Of a network's ports; 0 is the kernel's default. */
export function portGroup(network: Pick<NetworkSpec, 'options'>): number {
  return parseBridgeOptions(network).icc ? 0 : APART_GROUP;
}

/**
 * What the group of a port that exists has to become, if anything; a group that was set from outside is left where the
 * engine needs none.
 */
export function groupChange(
  present: number | undefined,
  network: Pick<NetworkSpec, 'options'>,
): { readonly group?: number } {
  const wanted = portGroup(network);
  const isApart = present === APART_GROUP;
  return isApart === (wanted === APART_GROUP) ? {} : { group: wanted };
}
