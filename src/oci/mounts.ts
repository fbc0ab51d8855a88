/**
 * The mounts of a container: those that every one has (proc, sysfs, devpts, ...), the files that the engine writes, and
 * the user's. The user's win where they have the same target.
 */
import { invalid, systemError } from '../base/errors.ts';
import { ownField } from '../base/own-field.ts';
import type { MountPoint } from '../model/mount.ts';
import { editMounts } from './device-edits.ts';
import type { OciMount } from './oci-spec.ts';

export const INIT_PATH = '/sbin/docker-init';
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export interface MountRequest {
  readonly mounts: readonly MountPoint[];
  readonly tmpfs: Readonly<Record<string, string>>;
  readonly files: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string };
  readonly initPath: string | undefined;
  readonly privileged: boolean;
  readonly readonlyRootfs: boolean;
  readonly writableCgroups: boolean;
  readonly ipc: 'private' | 'host' | 'shared' | 'none';
  readonly shmDir: string | null;
  readonly shmSizeBytes: number;
  /** The kernel can make a whole tree of mounts read-only (mount_setattr, Linux 5.12). */
  readonly recursiveReadonly: boolean;
  /** Sources that are no directories. */
  readonly fileSources: ReadonlySet<string>;
  /** Of devices that are asked for by name. */
  readonly ofDevices?: readonly OciMount[];
}

export function buildMounts(request: MountRequest): OciMount[] {
  const user = userMounts(request);
  const taken = new Set(user.map((mount) => mount.destination));
  const covered = (path: string) => taken.has(path) || (taken.has('/dev') && path.startsWith('/dev/'));
  const own = fileMounts(request).filter((mount) => !taken.has(mount.destination));
  const files = new Set(own.map((mount) => mount.destination));
  const system = editMounts([...systemMounts(request), ...shmMounts(request)], mountsOfDevices(request)).filter(
    ({ destination }) => !covered(destination) && !files.has(destination),
  );
  // What is deeper comes later, or the shallower mount would hide it.
  const sorted = [...own, ...user].sort((a, b) => depth(a.destination) - depth(b.destination));
  return [...system, ...sorted];
}

function mountsOfDevices({ ofDevices = [], readonlyRootfs }: MountRequest): readonly OciMount[] {
  if (!readonlyRootfs) return ofDevices;
  return ofDevices.map((mount) =>
    mount.options.includes('ro') ? mount : { ...mount, options: [...mount.options, 'ro'] },
  );
}

const mountOf = (destination: string, type: string, source: string, ...options: string[]): OciMount => ({
  destination,
  type,
  source,
  options,
});

function systemMounts(request: MountRequest): OciMount[] {
  const sysfs = request.privileged && !request.readonlyRootfs ? [] : ['ro'];
  const cgroup = (request.privileged && !request.readonlyRootfs) || request.writableCgroups ? [] : ['ro'];
  const mounts = [
    mountOf('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
    mountOf('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
    mountOf('/dev/pts', 'devpts', 'devpts', 'nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
    mountOf('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', ...sysfs),
    mountOf('/sys/fs/cgroup', 'cgroup', 'cgroup', ...cgroup, 'nosuid', 'noexec', 'nodev'),
  ];
  if (request.ipc === 'host')
    mounts.push(mountOf('/dev/mqueue', 'bind', '/dev/mqueue', 'rbind', 'rprivate', 'nosuid', 'noexec', 'nodev'));
  else mounts.push(mountOf('/dev/mqueue', 'mqueue', 'mqueue', 'nosuid', 'noexec', 'nodev'));
  return mounts;
}

function shmMounts(request: MountRequest): OciMount[] {
  if (request.ipc === 'none') return [];
  if (request.ipc === 'host') return [mountOf('/dev/shm', 'bind', '/dev/shm', 'rbind', 'rprivate')];
  if (request.shmDir !== null)
    return [mountOf('/dev/shm', 'bind', request.shmDir, 'rbind', 'rprivate', 'nosuid', 'noexec', 'nodev')];
  const size = request.shmSizeBytes || DEFAULT_SHM_BYTES;
  return [mountOf('/dev/shm', 'tmpfs', 'shm', 'nosuid', 'noexec', 'nodev', 'mode=1777', `size=${size}`)];
}

function fileMounts(request: MountRequest): OciMount[] {
  const options = ['rbind', 'rprivate', ...(request.readonlyRootfs ? ['ro'] : [])];
  const { hosts, hostname, resolvConf } = request.files;
  const mounts = [
    mountOf('/etc/resolv.conf', 'bind', resolvConf, ...options),
    mountOf('/etc/hostname', 'bind', hostname, ...options),
    mountOf('/etc/hosts', 'bind', hosts, ...options),
  ].filter((mount) => mount.source !== '');
  if (request.initPath !== undefined) mounts.push(mountOf(INIT_PATH, 'bind', request.initPath, 'bind', 'ro'));
  return mounts;
}

function userMounts(request: MountRequest): OciMount[] {
  const mounts = request.mounts.map((mount) => {
    if (mount.type === 'tmpfs') return tmpfsMount(mount.destination, mount.tmpfsOptions, mount.rw);
    const isFile = request.fileSources.has(mount.source);
    if (mount.below === 'readonly' && !request.recursiveReadonly && !isFile)
      throw systemError(
        `cannot mount ${mount.source} on ${mount.destination} read-only with all that is mounted below it: that takes Linux 5.12; leave out bind-recursive=readonly (ReadOnlyForceRecursive), or use bind-recursive=disabled`,
      );
    const alone = mount.below === 'left out';
    // Since Docker 25 what is mounted below a read-only bind is read-only too.
    // Of a file that is all there is, and crun 1.8 takes what it makes read-only to the bottom for a directory.
    const deep = !alone && mount.below !== 'writable' && request.recursiveReadonly && !isFile;
    const readonly = mount.rw ? [] : deep ? ['ro', 'rro'] : ['ro'];
    const options = [alone ? 'bind' : 'rbind', mount.propagation || 'rprivate', ...readonly];
    return mountOf(mount.destination, 'bind', mount.source, ...options);
  });
  const listed = new Set(mounts.map((mount) => mount.destination));
  for (const [destination, options] of Object.entries(request.tmpfs)) {
    if (!listed.has(destination)) mounts.push(tmpfsMount(destination, options, true));
  }
  return mounts;
}

function tmpfsMount(destination: string, options: string, writable: boolean): OciMount {
  const merged = mergeTmpfsOptions(options);
  const propagation = merged.some((option) => PROPAGATIONS.has(option)) ? [] : ['rprivate'];
  return mountOf(destination, 'tmpfs', 'tmpfs', ...merged, ...(writable ? [] : ['ro']), ...propagation);
}

// A flag and its opposite: the one given last holds.
const OPPOSITES: Readonly<Record<string, string>> = {
  exec: 'noexec', noexec: 'exec', suid: 'nosuid', nosuid: 'suid', dev: 'nodev', nodev: 'dev', rw: 'ro', ro: 'rw',
  atime: 'noatime', noatime: 'atime', diratime: 'nodiratime', nodiratime: 'diratime', relatime: 'norelatime',
  norelatime: 'relatime', strictatime: 'nostrictatime', nostrictatime: 'strictatime', async: 'sync', sync: 'async',
}; // prettier-ignore
const PROPAGATIONS = new Set([
  'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave', 'unbindable', 'runbindable',
]); // prettier-ignore
const PLAIN = new Set(['defaults', 'bind', 'rbind', ...PROPAGATIONS]);
const VALUED = new Set(['size', 'mode', 'uid', 'gid', 'nr_inodes', 'nr_blocks', 'mpol']);

/** Docker's defaults for a tmpfs (noexec, nosuid, nodev) with the user's options over them. */
export function mergeTmpfsOptions(text: string): string[] {
  const merged = new Map<string, string>([
    ['noexec', 'noexec'],
    ['nosuid', 'nosuid'],
    ['nodev', 'nodev'],
  ]);
  for (const option of text.split(',').filter((part) => part !== '')) {
    const [key = '', value] = option.split('=', 2);
    if (value !== undefined ? !VALUED.has(key) : !Object.hasOwn(OPPOSITES, key) && !PLAIN.has(key)) {
      throw invalid(value === undefined ? `invalid tmpfs option "${option}"` : `invalid tmpfs option "${key}"`);
    }
    const opposite = ownField(OPPOSITES, key);
    if (opposite !== undefined) merged.delete(opposite);
    // The runtime takes one propagation.
    if (PROPAGATIONS.has(key)) for (const other of PROPAGATIONS) merged.delete(other);
    merged.set(key, option);
  }
  return [...merged.values()];
}

const depth = (path: string): number => path.split('/').filter((part) => part !== '').length;

/** 'shared' or 'rslave' when a bind needs its rootfs to pass mounts on; undefined otherwise. */
export function rootfsPropagation(mounts: readonly MountPoint[]): string | undefined {
  const wanted = mounts.map((mount) => mount.propagation.replace(/^r/, ''));
  if (wanted.includes('shared')) return 'shared';
  return wanted.includes('slave') ? 'rslave' : undefined;
}
