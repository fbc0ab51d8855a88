/** The drivers there are. */
import { notFound } from '../../../base/errors.ts';
import { bridgeDriver } from './bridge/driver.ts';
import { hostDriver } from './host/driver.ts';
import { ipvlanDriver, macvlanDriver } from './macvlan/driver.ts';
import { noneDriver } from './none/driver.ts';
import type { NetworkDriver } from '../driver.ts';

const DRIVERS = new Map(
  [bridgeDriver, hostDriver, noneDriver, macvlanDriver, ipvlanDriver].map((driver) => [driver.name, driver]),
);

const DEFAULT_DRIVER = bridgeDriver;

export function findDriver(name: string): NetworkDriver | undefined {
  return name === '' ? DEFAULT_DRIVER : DRIVERS.get(name);
}

/** Throws `notFound` in Docker's words. */
export function driverNamed(name: string): NetworkDriver {
  const driver = findDriver(name);
  if (!driver) throw notFound(`plugin ${JSON.stringify(name)} not found`);
  return driver;
}

export function drivers(): NetworkDriver[] {
  return [...DRIVERS.values()];
}
