/** What a spec depends on of the machine, read once; buildSpec itself reads nothing. */
import { lstatSync, readdirSync, readFileSync, statSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { errorCode, systemError } from '../base/errors.ts';
import { deviceNumbers } from '../kernel/device-numbers.ts';
import { capabilitiesOfMask } from './capabilities.ts';
import type { OciDevice } from './oci-spec.ts';
import { goArchitecture } from './seccomp.ts';

export interface ConfinementFacts {
  readonly architecture: string; // Go's name: 'amd64'
  readonly kernelRelease: string; // '6.1.0-18-amd64'
  readonly capabilities: readonly string[]; // that this process may hand on
  /** Paths that exist here and tell a container too much: masked besides the constant ones. */
  readonly thermalPaths: readonly string[];
  /** The devices at a path on the host: one for a device, all below it for a directory. Throws Docker's text. */
  devicesAt(path: string): readonly OciDevice[];
  /** Every device of the host, for --privileged. */
  allDevices(): readonly OciDevice[];
}

let facts: ConfinementFacts | undefined;

export function hostFacts(): ConfinementFacts {
  facts ??= {
    architecture: goArchitecture(process.arch),
    kernelRelease: release(),
    capabilities: capabilitiesOfMask(
      /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0',
    ),
    thermalPaths: findThermalPaths(),
    devicesAt,
    allDevices: () => listDevices('/dev'),
  };
  return facts;
}

function findThermalPaths(): string[] {
  const base = '/sys/devices/system/cpu';
  try {
    return readdirSync(base)
      .filter((name) => /^cpu\d+$/.test(name))
      .map((name) => join(base, name, 'thermal_throttle'))
      .filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
  } catch {
    return []; // no sysfs: nothing to mask
  }
}

function devicesAt(path: string): readonly OciDevice[] {
  try {
    const stats = statSync(path); // through links: /dev/fd/.., /dev/disk/by-id/..
    const devices = stats.isDirectory() ? listDevices(path) : [toDevice(path, stats)].filter((device) => !!device);
    if (devices.length > 0) return devices;
  } catch (error) {
    const reason = errorCode(error) === 'ENOENT' ? 'no such file or directory' : String((error as Error).message);
    throw systemError(`error gathering device information while adding custom device "${path}": ${reason}`, error);
  }
  throw systemError(`error gathering device information while adding custom device "${path}": not a device node`);
}

// Devices of the mount's owner, not of the host.
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);

function listDevices(directory: string): OciDevice[] {
  const devices: OciDevice[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (SKIPPED.has(entry.name)) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) devices.push(...listDevices(path));
    else if (entry.isCharacterDevice() || entry.isBlockDevice()) {
      const device = toDevice(path, lstatSync(path));
      if (device) devices.push(device);
    }
  }
  return devices;
}

function toDevice(path: string, stats: Stats): OciDevice | undefined {
  const type = stats.isCharacterDevice() ? 'c' : stats.isBlockDevice() ? 'b' : undefined;
  if (type === undefined) return undefined;
  return {
    path,
    type,
    ...deviceNumbers(stats.rdev),
    fileMode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
  };
}
