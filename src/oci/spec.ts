/**
 * From a container's record to the runtime's config.json. Pure: what depends on the machine comes in as `host`, and
 * what depends on the running engine (the user's ids, the environment, paths of namespaces) as the other fields.
 */
import type { ContainerRecord } from '../model/container.ts';
import type { MountPoint } from '../model/mount.ts';
import { isNetworkSysctl } from '../model/sysctl-name.ts';
import { harmlessAnnotations } from './annotations.ts';
import { resolveCapabilities } from './capabilities.ts';
import { editDevices, editEnvironment, NO_EDITS, type DeviceEdits } from './device-edits.ts';
import { resolveDevices } from './devices.ts';
import { hostFacts, type ConfinementFacts } from './host-facts.ts';
import { buildMounts, INIT_PATH, rootfsPropagation } from './mounts.ts';
import type { OciNamespace, OciProcess, OciSeccomp, OciSpec } from './oci-spec.ts';
import { buildResources, buildRlimits, UNLIMITED, type Ulimit } from './resources.ts';
import { defaultSeccomp, olderThan, parseSeccomp } from './seccomp.ts';
import { parseSecurityOptions, type SecurityOptions } from '../model/security-options.ts';

/** What Docker hides from a container; `inspect` shows these where the user gave none. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];

export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** A namespace of the container's own, the host's, or that of another container (a path as /proc/PID/ns/ipc). */
export type NamespaceChoice = 'private' | 'host' | { readonly path: string };

/** The daemon's settings for containers that do not say otherwise. */
export interface ConfinementDefaults {
  readonly ulimits: readonly Ulimit[];
  readonly noNewPrivileges: boolean;
  /** 'builtin', 'unconfined' or a profile's JSON text. */
  readonly seccomp: string;
}

export const NO_DEFAULTS: ConfinementDefaults = { ulimits: [], noNewPrivileges: false, seccomp: 'builtin' };

/** `home`: what HOME is where `env` does not set it, or sets it to nothing. */
export type SpecUser = { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] } & {
  readonly home?: string;
};

export interface SpecInput {
  readonly record: ContainerRecord;
  readonly rootfs: string;
  readonly user: SpecUser;
  /** With PATH, HOSTNAME and link variables. */
  readonly env: readonly string[];
  readonly mounts: readonly MountPoint[];
  /** Sources among them that are no directories. */
  readonly fileSources: ReadonlySet<string>;
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }; // '' = not mounted
  readonly hostname: string;
  readonly domainname: string;
  readonly netns: string | null; // null = the host's
  readonly ipc: NamespaceChoice;
  readonly pid: NamespaceChoice;
  readonly uts: NamespaceChoice;
  readonly cgroupsPath: string; // '/causeway/ID'
  readonly cgroupMode: 'v1' | 'hybrid' | 'v2';
  /**
   * tini, where the container (or the daemon for all) asks for it; used where the pid namespace is the container's own.
   */
  readonly initPath?: string;
  /** A tmpfs that the engine mounted, to be shared between containers; null: one of the container's own. */
  readonly shmDir?: string | null;
  /** Of devices that are asked for by name. */
  readonly edits?: DeviceEdits;
  readonly defaults?: ConfinementDefaults;
  readonly host?: ConfinementFacts;
}

/**
 * Refuses with kind `invalid` and Docker's text: unknown capabilities, ulimits, security options, tmpfs options,
 * profiles.
 */
export function buildSpec(input: SpecInput): OciSpec {
  const { record, defaults = NO_DEFAULTS, edits = NO_EDITS } = input;
  const { process, host: wanted } = record.spec;
  const host = input.host ?? hostFacts();
  const security = parseSecurityOptions(wanted.securityOpt);
  const capabilities = capabilitiesOf(record, host);
  const own = { privileged: wanted.privileged, ...wanted.resources, rules: wanted.resources.deviceCgroupRules };
  const devices = editDevices(resolveDevices(own, host), edits.devices);
  const init = input.initPath !== undefined && wanted.init !== false && input.pid === 'private';
  const command = [record.path, ...record.args];
  const seccomp = seccompOf({ privileged: wanted.privileged, security, defaults }, capabilities, host);
  const propagation = rootfsPropagation(input.mounts);
  const ipc =
    wanted.ipcMode === 'none' ? 'none' : input.ipc === 'host' ? 'host' : input.ipc === 'private' ? 'private' : 'shared';
  const [rows, columns] = wanted.consoleSize;
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: process.tty,
      ...(process.tty && rows > 0 && columns > 0 ? { consoleSize: terminalSize(rows, columns) } : {}),
      user: withGroups(input.user, edits.additionalGids),
      args: init ? [INIT_PATH, '--', ...command] : command,
      env: withHome(editEnvironment(input.env, edits.env), input.user),
      cwd: process.workingDir || '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      rlimits: buildRlimits(wanted.resources.ulimits, defaults.ulimits),
      noNewPrivileges: security.noNewPrivileges ?? defaults.noNewPrivileges,
      oomScoreAdj: wanted.oomScoreAdj,
      ...appArmorOf(security, host),
    },
    root: { path: input.rootfs, readonly: wanted.readonlyRootfs },
    ...(input.uts === 'private' ? { hostname: input.hostname } : {}),
    mounts: buildMounts({
      mounts: input.mounts,
      tmpfs: wanted.tmpfs,
      files: input.files,
      initPath: init ? input.initPath : undefined,
      privileged: wanted.privileged,
      readonlyRootfs: wanted.readonlyRootfs,
      writableCgroups: security.writableCgroups,
      ipc,
      shmDir: input.shmDir ?? null,
      shmSizeBytes: wanted.shmSizeBytes,
      recursiveReadonly: !olderThan(host.kernelRelease, '5.12'),
      fileSources: input.fileSources,
      ofDevices: edits.mounts,
    }),
    annotations: harmlessAnnotations(wanted.annotations),
    ...(Object.keys(edits.hooks).length > 0 ? { hooks: edits.hooks } : {}),
    linux: {
      ...(edits.intelRdt ? { intelRdt: edits.intelRdt } : {}),
      namespaces: namespacesOf(input),
      cgroupsPath: input.cgroupsPath,
      resources: buildResources(wanted.resources, devices.rules),
      devices: devices.devices,
      sysctl: sysctlsOf(input),
      ...(seccomp ? { seccomp } : {}),
      ...(wanted.privileged
        ? {}
        : {
            maskedPaths: wanted.maskedPaths ?? [...MASKED_PATHS, ...host.thermalPaths],
            readonlyPaths: wanted.readonlyPaths ?? READONLY_PATHS,
          }),
      ...(propagation ? { rootfsPropagation: propagation } : {}),
    },
  };
}

export interface ExecProcessInput {
  readonly record: ContainerRecord;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string; // '' = the container's
  readonly tty: boolean;
  readonly privileged: boolean;
  readonly user: SpecUser;
  readonly consoleSize?: readonly [number, number] | null;
  readonly defaults?: ConfinementDefaults;
  readonly host?: ConfinementFacts;
}

/** A profile that is asked for where nothing could enforce it is left out, as dockerd does; `create` warns of it. */
function appArmorOf({ apparmor }: SecurityOptions, host: ConfinementFacts): { apparmorProfile?: string } {
  return host.apparmor && apparmor !== '' && apparmor !== 'unconfined' ? { apparmorProfile: apparmor } : {};
}

/**
 * The process of an exec: the container's confinement; --privileged adds every capability and, as with Docker, nothing
 * else.
 */
export function buildExecProcess(input: ExecProcessInput): OciProcess {
  const { record, defaults = NO_DEFAULTS } = input;
  const host = input.host ?? hostFacts();
  const security = parseSecurityOptions(record.spec.host.securityOpt);
  const capabilities = input.privileged ? host.capabilities : capabilitiesOf(record, host);
  const [rows, columns] = input.consoleSize ?? [0, 0];
  return {
    terminal: input.tty,
    ...(input.tty && rows > 0 && columns > 0 ? { consoleSize: terminalSize(rows, columns) } : {}),
    user: input.user,
    args: input.args,
    env: withHome(input.env, input.user),
    cwd: input.cwd || record.spec.process.workingDir || '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    rlimits: buildRlimits(record.spec.host.resources.ulimits, defaults.ulimits),
    noNewPrivileges: security.noNewPrivileges ?? defaults.noNewPrivileges,
    ...appArmorOf(security, host),
  };
}

function withGroups(user: SpecUser, more: readonly number[]): SpecUser {
  return more.length === 0 ? user : { ...user, additionalGids: [...new Set([...user.additionalGids, ...more])] };
}

/** The kernel has 16 bits for each. */
function terminalSize(rows: number, columns: number): { height: number; width: number } {
  return { height: Math.min(rows, 65_535), width: Math.min(columns, 65_535) };
}

function capabilitiesOf(record: ContainerRecord, host: ConfinementFacts): readonly string[] {
  const { privileged, capAdd, capDrop } = record.spec.host;
  return resolveCapabilities({ privileged, add: capAdd, drop: capDrop, available: host.capabilities });
}

function seccompOf(
  { privileged, security, defaults }: { privileged: boolean; security: SecurityOptions; defaults: ConfinementDefaults },
  capabilities: readonly string[],
  host: ConfinementFacts,
): OciSeccomp | undefined {
  // --privileged means no profile only as long as none is asked for.
  const wanted = security.seccomp ?? (privileged ? 'unconfined' : defaults.seccomp);
  if (wanted === 'unconfined') return undefined;
  if (wanted === 'builtin') return defaultSeccomp(capabilities, host.architecture);
  return parseSeccomp(wanted, capabilities, host.architecture, host.kernelRelease);
}

function namespacesOf(input: SpecInput): OciNamespace[] {
  const namespaces: OciNamespace[] = [{ type: 'mount' }];
  if (input.netns !== null) namespaces.push({ type: 'network', path: input.netns });
  for (const type of ['uts', 'pid', 'ipc'] as const) {
    const choice = input[type];
    if (choice === 'private') namespaces.push({ type });
    else if (choice !== 'host') namespaces.push({ type, path: choice.path });
  }
  // Docker's default: private with cgroup v2, the host's with v1.
  const { cgroupnsMode } = input.record.spec.host;
  const own = cgroupnsMode === '' ? input.cgroupMode === 'v2' : cgroupnsMode === 'private';
  if (own) namespaces.push({ type: 'cgroup' });
  return namespaces;
}

// Docker's: any user may bind low ports and send pings in a network namespace that is the container's own.
const OWN_NETNS_SYSCTLS = { 'net.ipv4.ip_unprivileged_port_start': '0', 'net.ipv4.ping_group_range': '0 2147483647' };

function sysctlsOf(input: SpecInput): Record<string, string> {
  const ownNetns = input.netns !== null && !input.record.spec.connection.networkMode.startsWith('container:');
  return {
    ...(ownNetns ? OWN_NETNS_SYSCTLS : {}),
    ...(input.domainname !== '' && input.uts === 'private' ? { 'kernel.domainname': input.domainname } : {}),
    ...Object.fromEntries(
      Object.entries(input.record.spec.host.sysctls).filter(
        ([name]) => !ownNetns || !isNetworkSysctl(name) || name in OWN_NETNS_SYSCTLS,
      ),
    ),
  };
}

/** The text of config.json. */
export function serializeSpec(value: OciSpec | OciProcess): string {
  return JSON.stringify(value).replaceAll(`:${UNLIMITED}`, ':18446744073709551615');
}

/**
 * Without it the runtime looks for the home itself, in the container's /etc/passwd: whatever that is and however long.
 */
function withHome(env: readonly string[], { home }: SpecUser): readonly string[] {
  if (home === undefined || env.some((entry) => /^HOME=./s.test(entry))) return env;
  const rest = env.filter((entry) => entry !== 'HOME=');
  return [...rest, `HOME=${home}`];
}
