/**
 * Standard programs of the host (tar, cp) on a tree that a container fills: they see a private root and nothing of the
 * container but data. The root is a small tmpfs with the host's programs and libraries, read-only; the tree is attached
 * at /from, read-only, and another at /to. What a symbolic link in the tree points to, or is swapped to point to while
 * the program runs, is somewhere in that root: there is no path to the host, and no program, library or configuration
 * is the container's.
 *
 * The room is made once and kept by a descriptor of its mount namespace; each run gets a copy of it (three mounts,
 * however many the daemon has) in one synchronous block. Trees come in as descriptors, so no path is resolved twice.
 */
import { existsSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from './descriptors.ts';
import { check, KernelError } from './errors.ts';
import {
  errnoOfLastCall,
  fchdir,
  pivotRoot,
  syscallMoveMount,
  syscallPathFlags,
  syscallPathFlagsBuffer,
} from './ffi.ts';
import { runInPrivateCopy } from './mount-namespace.ts';
import { mount, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT, setPropagation, unmount } from './mount.ts';
import { spawnProgram } from './spawn.ts';

const SYS_PIVOT_ROOT = process.arch === 'arm64' ? 41 : 155;
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_MOUNT_SETATTR = 442;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const MOUNT_ATTR_RDONLY = 1;
const MOUNT_ATTR_NOSUID = 2;
const MOUNT_ATTR_NODEV = 4;
const MOUNT_ATTR_NOEXEC = 8;

// What a program needs to read any file and give it its owner: no more of root's powers go along.
const READ_CAPABILITIES = ['dac_read_search'];
const WRITE_CAPABILITIES = [...READ_CAPABILITIES, 'dac_override', 'chown', 'fowner', 'fsetid', 'mknod', 'setfcap'];
/** Attributes of overlayfs ("trusted.") are for this one alone to see. */
const TRUSTED_ATTRIBUTES = 'sys_admin';

export interface ConfinedRequest {
  readonly program: 'tar' | 'cp';
  readonly args: readonly string[];
  /** A descriptor of the directory that is /from in there, read-only, with what is mounted below it. */
  readonly from: number;
  /** The one that is /to, writable. */
  readonly to?: number;
  /** Its "trusted." attributes are to be seen. */
  readonly trustedAttributes?: boolean;
  /** The program's descriptors 0, 1, 2. */
  readonly fds: readonly [number, number, number];
}

/** Starts the program with its working directory at the private root; the caller reaps the pid that it answers with. */
export function startConfined(request: ConfinedRequest): number {
  const trees: { fd: number; target: string }[] = [];
  try {
    trees.push({
      fd: cloneTree(request.from, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
      target: '/from',
    });
    if (request.to !== undefined)
      trees.push({
        fd: cloneTree(request.to, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC),
        target: '/to',
      });
    const room = (emptyRoom ??= makeRoom());
    return runInPrivateCopy(room, () => {
      for (const { fd, target } of trees) {
        check(
          syscallMoveMount(SYS_MOVE_MOUNT, fd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH),
          `attach a tree at ${target}`,
        );
      }
      return spawnProgram({ ...limited(request), env: ENVIRONMENT, cwd: '/', fds: request.fds });
    });
  } finally {
    for (const { fd } of trees) closeFd(fd);
  }
}

const ENVIRONMENT = { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC0' };

/** Behind setpriv, which leaves it the capabilities that it needs and no way to more. */
function limited(request: ConfinedRequest): { file: string; args: string[] } {
  const kept = [
    ...(request.to === undefined ? READ_CAPABILITIES : WRITE_CAPABILITIES),
    ...(request.trustedAttributes ? [TRUSTED_ATTRIBUTES] : []),
  ];
  const bounds = `--bounding-set=-all,${kept.map((name) => `+${name}`).join(',')}`;
  return {
    file: '/usr/bin/setpriv',
    args: ['--no-new-privs', '--inh-caps=-all', bounds, '--', `/usr/bin/${request.program}`, ...request.args],
  };
}

/** The tree below a descriptor as a mount of its own that is nowhere yet, with what is mounted in it. */
function cloneTree(directory: number, attributes: number): number {
  const flags = AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  const tree = check(syscallPathFlags(SYS_OPEN_TREE, directory, '', flags), 'open a tree');
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
  const wanted = Buffer.alloc(32);
  wanted.writeUInt32LE(attributes, 0);
  wanted.writeUInt32LE(MS_PRIVATE, 16);
  if (syscallPathFlagsBuffer(SYS_MOUNT_SETATTR, tree, '', AT_EMPTY_PATH | AT_RECURSIVE, wanted, 32) === 0) return tree;
  const error = new KernelError('set the attributes of a tree', errnoOfLastCall());
  closeFd(tree);
  throw error;
}

const MS_PRIVATE = 1 << 18;

let emptyRoom: number | undefined;

/** Where programs and libraries are on a host; those that are links (merged /usr) are links in there too. */
const PROGRAM_DIRECTORIES = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** Makes the private root in a mount namespace of its own; the descriptor of the namespace keeps it. */
function makeRoom(): number {
  const sources: { name: string; tree: number }[] = [];
  const links: { name: string; target: string }[] = [];
  try {
    for (const name of PROGRAM_DIRECTORIES) {
      if (!existsSync(`/${name}`)) continue;
      if (lstatSync(`/${name}`).isSymbolicLink()) {
        links.push({ name, target: readlinkSync(`/${name}`) });
        continue;
      }
      const directory = openFd(`/${name}`, O_PATH | O_DIRECTORY);
      try {
        sources.push({ name, tree: cloneTree(directory, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV) });
      } finally {
        closeFd(directory);
      }
    }
    return runInPrivateCopy(undefined, () => {
      const namespace = openFd('/proc/thread-self/ns/mnt');
      mount({
        source: 'tmpfs',
        target: '/tmp',
        type: 'tmpfs',
        flags: MS_NOSUID | MS_NODEV,
        data: 'mode=755,size=64k,nr_inodes=64',
      });
      const at = (name: string) => `/tmp/${name}`;
      for (const name of ['from', 'to', ...sources.map((source) => source.name)]) mkdirSync(at(name));
      for (const { name, target } of links) symlinkSync(target, at(name));
      for (const { name, tree } of sources) {
        check(
          syscallMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, at(name), MOVE_MOUNT_F_EMPTY_PATH),
          `attach /${name}`,
        );
      }
      const root = openFd('/tmp', O_PATH | O_DIRECTORY);
      try {
        check(fchdir(root), 'enter the private root');
        // The old root comes on top of the new one and is taken off: nothing of it is left in this namespace.
        check(pivotRoot(SYS_PIVOT_ROOT, '.', '.'), 'change the root');
        unmount('.', { detach: true });
      } finally {
        closeFd(root);
      }
      setPropagation('/', 'rprivate');
      mount({
        source: 'tmpfs',
        target: '/',
        type: 'tmpfs',
        flags: MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
        data: 'mode=755',
      });
      return namespace;
    });
  } finally {
    for (const { tree } of sources) closeFd(tree);
  }
}
