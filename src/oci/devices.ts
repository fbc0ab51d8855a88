/** Devices of a container: which nodes are made in its /dev, and which may be opened (the cgroup's device rules). */
import { invalid } from '../base/errors.ts';
import type { DeviceSpec } from '../model/resources.ts';
import type { ConfinementFacts } from './host-facts.ts';
import type { OciDevice, OciDeviceRule } from './oci-spec.ts';

const character = (major: number, minor: number, allow = true): OciDeviceRule => ({
  allow,
  type: 'c',
  major,
  minor,
  access: 'rwm',
});

/**
 * The runtime makes these nodes by itself (null, zero, full, random, urandom, tty, ptmx, console) and allows its own
 * rest.
 */
const DEFAULT_RULES: readonly OciDeviceRule[] = [
  { allow: false, access: 'rwm' },
  character(1, 5), // zero
  character(1, 3), // null
  character(1, 9), // urandom
  character(1, 8), // random
  character(5, 0), // tty
  character(5, 1), // console
  character(10, 229, false), // fuse
];

export interface DeviceRequest {
  readonly privileged: boolean;
  readonly devices: readonly DeviceSpec[];
  readonly rules: readonly string[]; // --device-cgroup-rule
}

export function resolveDevices(
  request: DeviceRequest,
  host: ConfinementFacts,
): { devices: OciDevice[]; rules: OciDeviceRule[] } {
  if (request.privileged) {
    const byPath = new Map(host.allDevices().map((device) => [device.path, device]));
    for (const wanted of request.devices) for (const device of devicesOf(wanted, host)) byPath.set(device.path, device);
    return { devices: [...byPath.values()], rules: [{ allow: true, access: 'rwm' }] };
  }
  const devices: OciDevice[] = [];
  const rules: OciDeviceRule[] = [...DEFAULT_RULES];
  for (const wanted of request.devices) {
    for (const device of devicesOf(wanted, host)) {
      devices.push(device);
      rules.push({
        allow: true,
        type: device.type === 'b' ? 'b' : 'c',
        major: device.major,
        minor: device.minor,
        access: wanted.cgroupPermissions || 'rwm',
      });
    }
  }
  for (const rule of request.rules) rules.push(parseDeviceRule(rule));
  return { devices, rules };
}

function devicesOf(wanted: DeviceSpec, host: ConfinementFacts): OciDevice[] {
  const target = wanted.pathInContainer || wanted.pathOnHost;
  return host.devicesAt(wanted.pathOnHost).map((device) => ({
    ...device,
    // A directory brings all its devices, each at its place below the target; a single one may have come through a
    // link.
    path: device.path.startsWith(`${wanted.pathOnHost}/`)
      ? target + device.path.slice(wanted.pathOnHost.length)
      : target,
  }));
}

const MAX_DEVICE_NUMBER = 2 ** 32 - 1;

/** 'c 1:3 mr', 'a *:* rwm'. Anything else: kind `invalid`, Docker's text. */
export function parseDeviceRule(text: string): OciDeviceRule {
  const match = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
  if (!match || Number(match[2]) > MAX_DEVICE_NUMBER || Number(match[3]) > MAX_DEVICE_NUMBER)
    throw invalid(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = match;
  return {
    allow: true,
    type: type as 'a' | 'b' | 'c',
    // -1 is every number to both runtimes; left out it is the same, but runc 1.1 then accepts no type either.
    major: major === '*' ? -1 : Number(major),
    minor: minor === '*' ? -1 : Number(minor),
    access: access!,
  };
}
