/**
 * Control groups, read: which kind this machine has, what a group uses, which processes are in it. Writing is the OCI
 * runtime's work. A group is named by its path below the hierarchy's root ('/causeway/0123...'), the same in every v1
 * hierarchy.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mountPoints } from './mount.ts';

export type CgroupMode = 'v1' | 'hybrid' | 'v2';

export interface CgroupMounts {
  /** Where the v2 hierarchy is mounted. */
  readonly unified: string | undefined;
  /** v1 controller -> where it is mounted; 'name=systemd' counts as one. */
  readonly controllers: ReadonlyMap<string, string>;
}

let mounts: CgroupMounts | undefined;

/** To be called when this process has changed what is mounted in its own mount namespace. */
export function forgetCgroupMounts(): void {
  mounts = undefined;
}

/** Read once: the hierarchies of a machine do not change while it runs. */
export function cgroupMounts(): CgroupMounts {
  if (mounts) return mounts;
  let unified: string | undefined;
  const controllers = new Map<string, string>();
  for (const { type, target, superOptions } of mountPoints()) {
    if (type === 'cgroup2') unified ??= target;
    if (type !== 'cgroup') continue;
    for (const option of superOptions) {
      if (/^(rw|ro|seclabel|xattr|clone_children|noprefix|release_agent=.*)$/.test(option)) continue;
      if (!controllers.has(option)) controllers.set(option, target);
    }
  }
  return (mounts = { unified, controllers });
}

export function cgroupMode(): CgroupMode {
  const { unified, controllers } = cgroupMounts();
  const real = [...controllers.keys()].filter((name) => !name.startsWith('name='));
  if (unified === undefined) return 'v1';
  return real.length === 0 ? 'v2' : 'hybrid';
}

/** On a hybrid machine: whether the v2 side has controllers too (crun 1.8 refuses that). */
export function hasControllersOnUnified(): boolean {
  const { unified } = cgroupMounts();
  return unified !== undefined && (read(join(unified, 'cgroup.controllers')) ?? '').trim() !== '';
}

export interface CgroupStats {
  readonly cpu: {
    readonly usageNs: number;
    readonly userNs: number;
    readonly systemNs: number;
    /** v1 only. */
    readonly perCpuNs: readonly number[];
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNs: number;
  };
  readonly memory: {
    readonly usageBytes: number;
    /** The most there ever was; 0 where the kernel does not keep it. */
    readonly maxUsageBytes: number;
    /** Undefined = no limit. */
    readonly limitBytes: number | undefined;
    /** v1 only: how often the limit was met. */
    readonly failures: number;
    /** memory.stat unchanged. */
    readonly details: Readonly<Record<string, number>>;
  };
  readonly pids: { readonly current: number; readonly limit: number | undefined };
  readonly io: readonly DeviceIo[];
}

export interface DeviceIo {
  readonly major: number;
  readonly minor: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: number;
  readonly writes: number;
}

/** What the group uses now. What the kernel does not report (a controller that is off, a group that is gone) is 0. */
export function readCgroupStats(path: string): CgroupStats {
  return cgroupMode() === 'v2' ? readV2(path) : readV1(path);
}

/** How many processes of the group the kernel has killed for want of memory. */
export function oomKills(path: string): number {
  if (cgroupMode() === 'v2') return keyed(file2(path, 'memory.events'))['oom_kill'] ?? 0;
  return keyed(file1('memory', path, 'memory.oom_control'))['oom_kill'] ?? 0;
}

/**
 * The processors and memory nodes that a container can be kept to, as lists; '' where the kernel does not report them.
 */
export function hostCpuset(): { readonly cpus: string; readonly mems: string } {
  const list = (name: string) =>
    (cgroupMode() === 'v2'
      ? file2('', `cpuset.${name}.effective`)
      : file1('cpuset', '', `cpuset.effective_${name}`)
    )?.trim() ?? '';
  return { cpus: list('cpus'), mems: list('mems') };
}

/** Whether groups can have shares of the disks. */
export function hasBlockIoWeight(): boolean {
  return hasBlockIoFile('blkio.weight');
}

/** Whether groups have a setting of the disks, by its file of cgroup v1; v2 has all of them or none. */
export function hasBlockIoFile(name: string): boolean {
  if (cgroupMode() === 'v2') return (file2('', 'cgroup.controllers') ?? '').trim().split(' ').includes('io');
  const root = cgroupMounts().controllers.get('blkio');
  return root !== undefined && existsSync(join(root, name));
}

/** v1: takes a limit of processor time away, which not every runtime can. */
export function liftCpuQuota(path: string): void {
  const root = cgroupMounts().controllers.get('cpu');
  if (root !== undefined) writeFileSync(join(root, path, 'cpu.cfs_quota_us'), '-1');
}

/** Takes a limit of the number of processes away; nothing where no hierarchy counts them. */
export function liftPidsLimit(path: string): void {
  const { unified, controllers } = cgroupMounts();
  const root = controllers.get('pids') ?? unified;
  const file = root === undefined ? undefined : join(root, path, 'pids.max');
  if (file !== undefined && existsSync(file)) writeFileSync(file, 'max');
}

/** The processes in the group and in those below it; [] if it is gone. */
export function listPids(path: string): number[] {
  const directory = directoryOf(path);
  if (directory === undefined) return [];
  const pids: number[] = [];
  const visit = (group: string) => {
    for (const line of (read(join(group, 'cgroup.procs')) ?? '').split('\n')) if (line !== '') pids.push(Number(line));
    for (const name of subgroups(group)) visit(join(group, name));
  };
  visit(directory);
  return pids;
}

/** The group of a process, by controller for v1 ('' is the v2 hierarchy). */
export function cgroupsOfProcess(pid: number | 'self'): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of (read(`/proc/${pid}/cgroup`) ?? '').split('\n')) {
    const [, names, ...path] = line.split(':'); // the path itself may have colons
    if (names === undefined) continue;
    for (const name of names.split(',')) groups.set(name, path.join(':'));
  }
  return groups;
}

function directoryOf(path: string): string | undefined {
  const { unified, controllers } = cgroupMounts();
  if (cgroupMode() === 'v2') return join(unified!, path);
  const root = ['pids', 'memory', 'devices', 'cpu', 'freezer'].map((name) => controllers.get(name)).find(Boolean);
  return root && join(root, path);
}

function subgroups(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return [];
  }
}

// ---- v1: one hierarchy a controller, times in nanoseconds or ticks

const TICK_NS = 10_000_000; // USER_HZ is 100 for everything that user space sees

function readV1(path: string): CgroupStats {
  const throttling = keyed(file1('cpu', path, 'cpu.stat'));
  const ticks = keyed(file1('cpuacct', path, 'cpuacct.stat'));
  const details = keyed(file1('memory', path, 'memory.stat'));
  const limit = number(file1('memory', path, 'memory.limit_in_bytes'));
  return {
    cpu: {
      usageNs: number(file1('cpuacct', path, 'cpuacct.usage')),
      userNs: (ticks['user'] ?? 0) * TICK_NS,
      systemNs: (ticks['system'] ?? 0) * TICK_NS,
      perCpuNs: (file1('cpuacct', path, 'cpuacct.usage_percpu') ?? '').trim().split(' ').filter(Boolean).map(Number),
      periods: throttling['nr_periods'] ?? 0,
      throttledPeriods: throttling['nr_throttled'] ?? 0,
      throttledNs: throttling['throttled_time'] ?? 0,
    },
    memory: {
      usageBytes: number(file1('memory', path, 'memory.usage_in_bytes')),
      maxUsageBytes: number(file1('memory', path, 'memory.max_usage_in_bytes')),
      // "No limit" is the largest page-aligned number.
      limitBytes: limit > 0 && limit < 2 ** 62 ? limit : undefined,
      failures: number(file1('memory', path, 'memory.failcnt')),
      details,
    },
    pids: readPids(file1('pids', path, 'pids.current'), file1('pids', path, 'pids.max')),
    io: readIo1(path),
  };
}

function readIo1(path: string): DeviceIo[] {
  const first = (...names: string[]) =>
    names.map((name) => file1('blkio', path, name)).find((text) => text?.includes(':')) ?? '';
  const devices = new Map<string, { readBytes: number; writeBytes: number; reads: number; writes: number }>();
  const add = (text: string, read: 'readBytes' | 'reads', write: 'writeBytes' | 'writes') => {
    for (const line of text.split('\n')) {
      const [device, direction, count] = line.split(' ');
      if (device === undefined || count === undefined) continue;
      const entry = devices.get(device) ?? { readBytes: 0, writeBytes: 0, reads: 0, writes: 0 };
      if (direction === 'Read') entry[read] = Number(count);
      if (direction === 'Write') entry[write] = Number(count);
      devices.set(device, entry);
    }
  };
  add(first('blkio.throttle.io_service_bytes_recursive', 'blkio.throttle.io_service_bytes'), 'readBytes', 'writeBytes');
  add(first('blkio.throttle.io_serviced_recursive', 'blkio.throttle.io_serviced'), 'reads', 'writes');
  return [...devices].map(([device, counts]) => ({ ...deviceNumbers(device), ...counts }));
}

// ---- v2: one hierarchy, times in microseconds

function readV2(path: string): CgroupStats {
  const cpu = keyed(file2(path, 'cpu.stat'));
  const us = (name: string) => (cpu[name] ?? 0) * 1000;
  const limit = (file2(path, 'memory.max') ?? '').trim();
  return {
    cpu: {
      usageNs: us('usage_usec'),
      userNs: us('user_usec'),
      systemNs: us('system_usec'),
      perCpuNs: [],
      periods: cpu['nr_periods'] ?? 0,
      throttledPeriods: cpu['nr_throttled'] ?? 0,
      throttledNs: us('throttled_usec'),
    },
    memory: {
      usageBytes: number(file2(path, 'memory.current')),
      maxUsageBytes: number(file2(path, 'memory.peak')),
      limitBytes: limit === '' || limit === 'max' ? undefined : Number(limit),
      failures: 0,
      details: keyed(file2(path, 'memory.stat')),
    },
    pids: readPids(file2(path, 'pids.current'), file2(path, 'pids.max')),
    io: parseIoStat(file2(path, 'io.stat') ?? ''),
  };
}

/** '8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0' a line. */
export function parseIoStat(text: string): DeviceIo[] {
  const devices: DeviceIo[] = [];
  for (const line of text.split('\n')) {
    const [device, ...pairs] = line.trim().split(' ');
    if (!device || pairs.length === 0) continue;
    const values = Object.fromEntries(pairs.map((pair) => pair.split('=', 2) as [string, string]));
    const count = (name: string) => Number(values[name] ?? 0);
    devices.push({
      ...deviceNumbers(device),
      readBytes: count('rbytes'),
      writeBytes: count('wbytes'),
      reads: count('rios'),
      writes: count('wios'),
    });
  }
  return devices;
}

function deviceNumbers(device: string): { major: number; minor: number } {
  const [major, minor] = device.split(':');
  return { major: Number(major), minor: Number(minor) };
}

function readPids(current: string | undefined, limit: string | undefined): CgroupStats['pids'] {
  const text = (limit ?? 'max').trim();
  return { current: number(current), limit: text === 'max' || text === '' ? undefined : Number(text) };
}

function file1(controller: string, path: string, name: string): string | undefined {
  const root = cgroupMounts().controllers.get(controller);
  return root === undefined ? undefined : read(join(root, path, name));
}

function file2(path: string, name: string): string | undefined {
  const root = cgroupMounts().unified;
  return root === undefined ? undefined : read(join(root, path, name));
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // a controller that is off, or a group that has gone meanwhile
  }
}

function number(text: string | undefined): number {
  return Number((text ?? '0').trim()) || 0;
}

/** 'name value' lines. */
function keyed(text: string | undefined): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of (text ?? '').split('\n')) {
    const [name, value] = line.split(' ');
    if (name && value !== undefined) values[name] = Number(value);
  }
  return values;
}
