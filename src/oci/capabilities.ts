/** Which capabilities a container's processes may hold: Docker's default set, --cap-add, --cap-drop and --privileged. */
import { invalid } from '../base/errors.ts';

/** By number: the position is the kernel's. */
const NAMES = [
  'CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP', 'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE', 'NET_BROADCAST', 'NET_ADMIN', 'NET_RAW', 'IPC_LOCK', 'IPC_OWNER', 'SYS_MODULE', 'SYS_RAWIO',
  'SYS_CHROOT', 'SYS_PTRACE', 'SYS_PACCT', 'SYS_ADMIN', 'SYS_BOOT', 'SYS_NICE', 'SYS_RESOURCE', 'SYS_TIME',
  'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL', 'SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG',
  'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ', 'PERFMON', 'BPF', 'CHECKPOINT_RESTORE',
].map((name) => `CAP_${name}`); // prettier-ignore

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
  return NAMES.filter((_, number) => (mask >> BigInt(number)) & 1n);
}

/** 'CAP_NET_ADMIN' for 'net_admin', 'NET_ADMIN' and 'CAP_NET_ADMIN'; 'ALL' for 'all'. Unknown: kind `invalid`, Docker's text. */
function normalizeCapability(text: string): string {
  const upper = text.toUpperCase();
  if (upper === 'ALL' || upper === 'CAP_ALL') return 'ALL';
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
  if (!NAMES.includes(name)) throw invalid(`unknown capability: "${name}"`);
  return name;
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
  return NAMES.filter((name) => has(name) && available.includes(name));
}
