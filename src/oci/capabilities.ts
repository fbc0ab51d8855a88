/**
 * Which capabilities a container's processes may hold: Docker's default set, --cap-add, --cap-drop and --privileged.
 */
import { CAPABILITIES, normalizeCapability } from '../model/capability.ts';

export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

/** The capabilities that a bounding set ('CapBnd' of /proc/self/status, in hex) has and that have a name. */
export function capabilitiesOfMask(hexMask: string): readonly string[] {
  const mask = BigInt(`0x${hexMask}`);
  return CAPABILITIES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly add: readonly string[];
  readonly drop: readonly string[];
  /** What this process itself may hand on. */
  readonly available: readonly string[];
}

/** The bounding set, in the kernel's order. */
export function resolveCapabilities(request: CapabilityRequest): readonly string[] {
  const { privileged, available } = request;
  const add = new Set(request.add.map(normalizeCapability));
  const drop = new Set(request.drop.map(normalizeCapability));
  const has = (name: string): boolean => {
    if (privileged) return true;
    if (drop.has('ALL')) return add.has('ALL') ? !drop.has(name) : add.has(name);
    if (add.has('ALL')) return !drop.has(name);
    return add.has(name) || (DEFAULT_CAPABILITIES.includes(name) && !drop.has(name));
  };
  return CAPABILITIES.filter((name) => has(name) && available.includes(name));
}
