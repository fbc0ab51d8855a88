/** What a spec depends on of the machine, read once; buildSpec itself reads nothing. */
import { lstatSync, readdirSync, readFileSync, statSync, type Stats } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { errorCode, systemError } from '../base/errors.ts';
import { hostErrorSentence } from '../base/host-errors.ts';
import { deviceNumbers } from '../kernel/device-numbers.ts';
import { capabilitiesOfMask } from './capabilities.ts';
import type { OciDevice } from './oci-spec.ts';
import { goArchitecture } from './seccomp.ts';

export interface ConfinementFacts {
  readonly architecture: string; // Go's name: 'amd64'
  readonly kernelRelease: string; // '6.1.0-18-amd64'
  readonly capabilities: readonly string[]; // that this process may hand on
  /** Whether profiles of it are in force here. */
  readonly apparmor: boolean;
  /** Paths that exist here and tell a container too much: masked besides the constant ones. */
  readonly thermalPaths: readonly string[];
  /** The devices at a path on the host: one for a device, all below it for a directory. Throws Docker's text. */
  devicesAt(path: string): readonly OciDevice[];
  /** Every device of the host, for --privileged. */
  allDevices(): readonly OciDevice[];
}

/** Of the largest hosts' /dev not a tenth; a tree of other things would keep everybody waiting. */
const MAX_FILES = 65_536;

let facts: ConfinementFacts | undefined;

/** `maxFiles`: in a directory of devices, at all depths together. */
export function hostFacts(maxFiles = MAX_FILES): ConfinementFacts {
  if (maxFiles !== MAX_FILES) return { ...hostFacts(), devicesAt: (path) => devicesAt(path, maxFiles) };
  facts ??= {
    architecture: goArchitecture(process.arch),
    kernelRelease: release(),
    capabilities: capabilitiesOfMask(
      /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0',
    ),
    apparmor: hasAppArmor(),
    thermalPaths: findThermalPaths(),
    devicesAt: (path) => devicesAt(path, MAX_FILES),
    allDevices: () => listDevices('/dev', Infinity),
  };
  return facts;
}

/** On, and its files are in sight: a host that is a container itself sees none. containerd looks at the same two. */
function hasAppArmor(): boolean {
  try {
    return (
      readFileSync('/sys/module/apparmor/parameters/enabled', 'latin1').startsWith('Y') &&
      statSync('/sys/kernel/security/apparmor').isDirectory()
    );
  } catch {
    return false;
  }
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

function devicesAt(path: string, maxFiles: number): readonly OciDevice[] {
  const failed = 'error gathering device information while adding custom device';
  let devices: readonly (OciDevice | undefined)[];
  try {
    const stats = statSync(path); // through links: /dev/fd/.., /dev/disk/by-id/..
    devices = stats.isDirectory() ? listDevices(path, maxFiles) : [toDevice(path, stats)];
  } catch (error) {
    const reason =
      errorCode(error) === 'ENOENT'
        ? 'no such file or directory'
        : (hostErrorSentence(error as Error) ?? (error as Error).message);
    throw systemError(`${failed} "${path}": ${reason}`, error);
  }
  const found = devices.filter((device) => device !== undefined);
  if (found.length > 0) return found;
  throw systemError(`${failed} "${path}": not a device node`);
}

// Devices of the mount's owner, not of the host.
const SKIPPED = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console']);

/** Of a directory and those below it. @throws where there are too many files */
function listDevices(top: string, maxFiles: number): OciDevice[] {
  const devices: OciDevice[] = [];
  let files = 0;
  const list = (directory: string): void => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (++files > maxFiles) throw new Error(`there are more than ${maxFiles} files: name a directory of devices`);
      if (SKIPPED.has(entry.name)) continue;
      const path = join(directory, entry.name);
      const device = entry.isCharacterDevice() || entry.isBlockDevice() ? toDevice(path, lstatSync(path)) : undefined;
      if (device) devices.push(device);
      if (entry.isDirectory()) list(path);
    }
  };
  list(top);
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
