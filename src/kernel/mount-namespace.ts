/**
 * Work inside another mount namespace, and the atomic swap of a file that is mounted in one.
 *
 * setns(CLONE_NEWNS) refuses a thread that shares its root and working directory with others, as all threads of a
 * process do: the first use gives this thread its own (unshare(CLONE_FS)). From then on process.chdir() here no longer
 * moves libuv's pool threads; nothing in Causeway uses relative paths after start.
 */
import { closeFd, O_DIRECTORY, O_PATH, openFd } from './descriptors.ts';
import { check, errnoNumber, KernelError } from './errors.ts';
import { chroot, errnoOfLastCall, fchdir, setns, syscallMoveMount, syscallPathFlags, umount2, unshare } from './ffi.ts';
import { setPropagation } from './mount.ts';

const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOVE_MOUNT_BENEATH = 0x200;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/**
 * Runs `work` with this thread in the mount namespace at the path ('/proc/PID/ns/mnt'), its root that namespace's root.
 * Synchronous, as runInNetns; a return that fails aborts the process. 15 us.
 */
export function runInMountNamespace<T>(mountNamespace: string, work: () => T): T {
  const target = openFd(mountNamespace);
  try {
    return elsewhere(() => check(setns(target, CLONE_NEWNS), `enter mount namespace ${mountNamespace}`), work);
  } finally {
    closeFd(target);
  }
}

/**
 * Runs `work` in a new mount namespace that is a copy of the one behind the descriptor (undefined: of this thread's
 * own), with nothing shared between the two. It ends with the last process in it and the last descriptor of it.
 */
export function runInPrivateCopy<T>(mountNamespace: number | undefined, work: () => T): T {
  const enter = () => {
    if (mountNamespace !== undefined) check(setns(mountNamespace, CLONE_NEWNS), 'enter a mount namespace');
    check(unshare(CLONE_NEWNS), 'make a mount namespace');
  };
  return elsewhere(enter, () => {
    setPropagation('/', 'rprivate');
    return work();
  });
}

function elsewhere<T>(enter: () => void, work: () => T): T {
  const descriptors: number[] = [];
  const keep = (fd: number) => (descriptors.push(fd), fd);
  try {
    const own = keep(openFd('/proc/thread-self/ns/mnt'));
    const root = keep(openFd('/', O_PATH | O_DIRECTORY));
    const directory = keep(openFd('.', O_PATH | O_DIRECTORY));
    // Each time: a thread that was started from this one since then shares with it again. Free when nothing is shared.
    check(unshare(CLONE_FS), 'separate this thread from the working directory of others');
    try {
      enter();
      const result = work();
      if (result instanceof Promise) throw new TypeError('work in another mount namespace must be synchronous');
      return result;
    } finally {
      returnTo(own, root, directory);
    }
  } finally {
    for (const fd of descriptors) closeFd(fd);
  }
}

function returnTo(own: number, root: number, directory: number): void {
  if (setns(own, CLONE_NEWNS) === 0 && fchdir(root) === 0 && chroot('.') === 0 && fchdir(directory) === 0) return;
  // Going on here would read and write a container's files as if they were the host's.
  process.stderr.write(`causeway: cannot return to the own mount namespace (errno ${errnoOfLastCall()}), aborting\n`);
  process.abort();
}

/**
 * Swaps the file that is mounted at `target` in another mount namespace for the file `source` of this one. Opening
 * `target` yields the whole old or the whole new file, never neither: the new mount goes beneath the old one, then the
 * old one is taken off. What is open stays open. Needs Linux 6.5; before it throws KernelError EINVAL or ENOSYS and
 * nothing has changed. `target` must be a mount point there (EINVAL too), and is not followed if it is a symbolic link.
 */
export function replaceMountedFile(request: { mountNamespace: string; source: string; target: string }): void {
  const { mountNamespace, source, target } = request;
  const operation = `replace the file mounted at ${target}`;
  const tree = check(
    syscallPathFlags(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC),
    `${operation}: open ${source}`,
  );
  try {
    runInMountNamespace(mountNamespace, () => {
      const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH;
      check(syscallMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, flags), operation);
      check(umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW), `${operation}: take the old one off`);
    });
  } finally {
    closeFd(tree);
  }
}

/** True if this kernel can put a mount beneath another (Linux 6.5): asked with arguments that can do nothing. */
export function canReplaceMountedFile(): boolean {
  // An unknown flag is refused as EINVAL before the descriptor is looked at, a known one goes on to EBADF.
  const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH;
  const result = syscallMoveMount(SYS_MOVE_MOUNT, -1, '', AT_FDCWD, '/', flags);
  return result < 0 && errnoOfLastCall() === errnoNumber('EBADF');
}

/** Leaves the file mounted at `target` there as it is and mounts `source` over it: what older kernels can do. */
export function coverMountedFile(request: { mountNamespace: string; source: string; target: string }): void {
  const { mountNamespace, source, target } = request;
  const tree = syscallPathFlags(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree < 0) throw new KernelError(`open ${source}`, errnoOfLastCall());
  try {
    runInMountNamespace(mountNamespace, () =>
      check(syscallMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), `cover ${target}`),
    );
  } finally {
    closeFd(tree);
  }
}
