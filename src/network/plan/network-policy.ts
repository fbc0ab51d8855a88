/**
 * What a network is to code that knows no drivers: its driver's policy, queried by meaning. A network whose driver
 * is not known any more has none of it.
 */
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { NetworkDriver } from './driver.ts';
import { findDriver } from './drivers/registry.ts';

export type FindDriver = (name: string) => NetworkDriver | undefined;

/** The bridge through which a network's packets pass the engine's firewall; '' where there is none. */
export function guardedBridge(
  { driver, bridgeName, configOnly }: Pick<NetworkRecord, 'driver' | 'bridgeName' | 'configOnly'>,
  find: FindDriver = findDriver,
): string {
  return !configOnly && find(driver)?.policy.firewalled ? bridgeName : '';
}

/** Whether its containers reach each other by links only. */
export function keepsNeighboursApart(
  network: Pick<NetworkRecord, 'driver' | 'options'>,
  find: FindDriver = findDriver,
): boolean {
  return find(network.driver)?.policy.separates(network) ?? false;
}

/** Whether the host has to forward for it. */
export function needsForwarding(
  { driver, configOnly, internal }: Pick<NetworkRecord, 'driver' | 'configOnly' | 'internal'>,
  find: FindDriver = findDriver,
): boolean {
  return !configOnly && !internal && (find(driver)?.policy.firewalled ?? false);
}

/** Whether it takes an address of its pool for a gateway. */
export function needsGateway(spec: NetworkSpec, version: 4 | 6, find: FindDriver = findDriver): boolean {
  return find(spec.driver)?.policy.needsGateway(spec, version) ?? true;
}

/** Whether several may be on one subnet: those that are on a wire of the host, which is one for all of them. */
export function sharesSubnets({ driver }: Pick<NetworkSpec, 'driver'>, find: FindDriver = findDriver): boolean {
  return find(driver)?.policy.firewalled === false;
}

/** The network that containers are on which name none. */
export function isDefaultBridge(
  { predefined, driver }: Pick<NetworkRecord, 'predefined' | 'driver'>,
  find: FindDriver = findDriver,
): boolean {
  return predefined && (find(driver)?.policy.firewalled ?? false);
}

/** Whose namespace containers on it have: one of their own, the host's, or one without any network. */
export function namespaceOn(
  { driver }: Pick<NetworkRecord, 'driver'>,
  find: FindDriver = findDriver,
): 'own' | 'host' | 'none' {
  return find(driver)?.policy.namespace ?? 'own';
}
