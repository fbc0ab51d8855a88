/**
 * The daemon lives in a mount namespace of its own (a slave of the host's): root filesystems and network namespace
 * files are seen by no other process, and when the engine's last process has ended, nothing stays mounted anywhere. A
 * daemon that is started again joins the namespace that its containers' monitors still hold. It keeps a descriptor of
 * the namespace that it came from: binds that share mounts with the host are of that one (oci/subpath-mounts.ts).
 *
 * On hosts with "hybrid" cgroups that have a controller on the v2 side, crun refuses to work ("cgroups in hybrid mode
 * not supported"); in the daemon's namespace that v2 mount is left out.
 */
import {
  accessSync,
  constants,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { errorCode, errorMessage, systemError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { cgroupMode, cgroupMounts, forgetCgroupMounts, hasControllersOnUnified } from '../kernel/cgroup.ts';
import { openFd, setInherited } from '../kernel/descriptors.ts';
import { bindMount, mount, MS_MOVE, unmount } from '../kernel/mount.ts';
import { protectNullDevice } from '../kernel/null-device.ts';
import { execve, hasOurNamespace, hasOurRoot, processName, unlessEnded } from '../kernel/process.ts';
import { ENTERED } from './entered.ts';

/**
 * Replaces this process by the same program in the private namespace. When it is there already, answers with the path of
 * the namespace that it came from, the host's.
 */
export function enterPrivateMounts(execRoot: string): string {
  const before = process.env[ENTERED];
  if (before !== undefined) {
    delete process.env[ENTERED];
    return hostNamespace(before);
  }
  const host = openFd('/proc/self/ns/mnt');
  setInherited(host, true);
  const holder = findHolder(execRoot);
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const argv = holder
    ? ['nsenter', `--mount=/proc/${holder}/ns/mnt`, `--wd=${process.cwd()}`, '--', ...again]
    : ['unshare', '--mount', '--propagation', 'slave', '--', ...again];
  const program = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].map((dir) => join(dir, argv[0]!)).find(isExecutable);
  if (program === undefined) throw new Error(`${argv[0]} was not found: install util-linux`);
  execve(program, argv, { ...process.env, [ENTERED]: String(host) });
}

/** From the number of the descriptor, which no program is to inherit from here on. */
function hostNamespace(descriptor: string): string {
  const path = `/proc/self/fd/${descriptor}`;
  if (!/^\d+$/.test(descriptor) || !NAMESPACE.test(unlessEnded(() => readlinkSync(path)) ?? ''))
    throw new Error(`the daemon sets ${ENTERED} in its environment itself: start it without that variable`);
  setInherited(Number(descriptor), false);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * Where a namespace of the engine identifies itself ('mnt:[4026532300]'): a file in a mount of its own, which is not
 * visible outside. There is no note of it anywhere else that could be lost or damaged: the processes that hold the
 * namespace are looked at.
 */
const idFile = (execRoot: string): string => join(execRoot, 'mounts', 'id');

/**
 * A process that still is in the namespace of an earlier daemon; undefined: there is none. @throws systemError where
 * that cannot be determined
 */
function findHolder(execRoot: string): string | undefined {
  try {
    const real = realpathSync(execRoot); // an absolute link in it would resolve from a process's root into the daemon's own
    return readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && holdsOurs(pid, real));
  } catch (error) {
    // No exec root: the first daemon, or the first since a reboot. What is in its place is refused where it is made.
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw systemError(
      `failed to start daemon: whether containers of an earlier daemon run in its mount namespace cannot be told (${errorMessage(error)}); they would lose their networks in a new one: mend this and start the daemon again`,
      error,
    );
  }
}

/**
 * A copy of the namespace (of a runtime that makes a container) has the file too, but another number. Containers have
 * other roots; what users make themselves in user namespaces of theirs may look like the daemon's.
 */
function holdsOurs(pid: string, execRoot: string): boolean {
  if (!inOurWorld(pid)) return false;
  const id = unlessEnded(() => readFileSync(`/proc/${pid}/root${idFile(execRoot)}`, 'utf8'));
  if (id === undefined) return false;
  // A text that is not a number is from before it was written there.
  return NAMESPACE.test(id)
    ? id === unlessEnded(() => readlinkSync(`/proc/${pid}/ns/mnt`))
    : processName(Number(pid)) === 'conmon';
}

const NAMESPACE = /^mnt:\[\d+\]$/;

/** With this process's root directory and user namespace. */
function inOurWorld(pid: string): boolean {
  try {
    return hasOurNamespace(pid, 'user') && hasOurRoot(pid); // in this order: see isOfTheHost of the room oci
  } catch {
    return false; // it has ended, or its root cannot be looked at
  }
}

/** To be called once inside: marks the namespace as the daemon's and leaves out what keeps crun from working. */
export function preparePrivateMounts(execRoot: string, log: Log): 'v1' | 'hybrid' | 'v2' {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  markNamespace(execRoot);
  protectNullDevice();
  const mode = cgroupMode();
  if (mode === 'hybrid' && hasControllersOnUnified()) {
    showOnlyV1Cgroups(execRoot);
    log.info({}, 'hybrid cgroups: the v2 hierarchy is left out of our mount namespace, so that crun works');
    return 'v1';
  }
  return mode;
}

/**
 * A directory of the v1 hierarchies alone, in the place of /sys/fs/cgroup. Only unmounting the v2 one would leave its
 * mount point, a directory that the host sees too, and crun would fill it with plain directories.
 */
function showOnlyV1Cgroups(execRoot: string): void {
  const { controllers, unified } = cgroupMounts();
  const fresh = join(execRoot, 'cgroup');
  mkdirSync(fresh, { recursive: true });
  mount({ source: 'tmpfs', target: fresh, type: 'tmpfs', data: 'mode=755,size=64k' });
  for (const path of new Set(controllers.values())) {
    const target = join(fresh, relative('/sys/fs/cgroup', path));
    mkdirSync(target, { recursive: true });
    bindMount(path, target);
  }
  // Distributions link names such as `cpu` to the directory of `cpu,cpuacct`.
  for (const entry of readdirSync('/sys/fs/cgroup', { withFileTypes: true })) {
    if (entry.isSymbolicLink()) symlinkSync(readlinkSync(join('/sys/fs/cgroup', entry.name)), join(fresh, entry.name));
  }
  if (unified !== undefined) unmount(unified, { detach: true });
  mount({ source: fresh, target: '/sys/fs/cgroup', flags: MS_MOVE });
  forgetCgroupMounts();
}

function markNamespace(execRoot: string): void {
  const file = idFile(execRoot);
  const namespace = readlinkSync('/proc/self/ns/mnt');
  if (unlessEnded(() => readFileSync(file, 'utf8')) === namespace) return;
  mkdirSync(dirname(file), { recursive: true });
  mount({ source: 'causeway', target: dirname(file), type: 'tmpfs', data: 'mode=700,size=16k' });
  writeFileSync(file, namespace);
}
