/** The mounts of another process's mount namespace: what they are, and flags that are added to them. */
import { lstatSync, readFileSync } from 'node:fs';
import { check, isKernelError } from './errors.ts';
import { syscallPathFlagsBuffer } from './ffi.ts';
import { runInMountNamespace } from './mount-namespace.ts';

const SYS_MOUNT_SETATTR = 442;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const ATTRIBUTES = { nosuid: 2, nodev: 4, noexec: 8 } as const;

export interface ForeignMount {
  /** Which part of its file system is visible: '/' for all of it. */
  readonly root: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** In the order in which they were made: what is later covers what is earlier. */
export function mountsOfProcess(pid: number): ForeignMount[] {
  const mounts: ForeignMount[] = [];
  for (const line of readFileSync(`/proc/${pid}/mountinfo`, 'latin1').split('\n')) {
    const [, , , root, target, options] = line.split(' ');
    const type = / - (\S+) /.exec(line)?.[1];
    if (root === undefined || target === undefined || options === undefined || type === undefined) continue;
    mounts.push({ root: unescape(root), target: unescape(target), type, options: options.split(',') });
  }
  return mounts;
}

const unescape = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));

export interface MountRestriction {
  readonly target: string;
  readonly flags: readonly (keyof typeof ATTRIBUTES)[];
}

/** Adds flags to mounts of that namespace; no link is followed at the end. Before Linux 5.12 nothing is done. */
export function restrictMounts(mountNamespace: string, restrictions: readonly MountRestriction[]): void {
  runInMountNamespace(mountNamespace, () => {
    for (const { target, flags } of restrictions) {
      const attributes = Buffer.alloc(32); // struct mount_attr: attr_set, attr_clr, propagation, userns_fd
      attributes.writeUInt32LE(
        flags.reduce((all, flag) => all | ATTRIBUTES[flag], 0),
        0,
      );
      try {
        check(
          syscallPathFlagsBuffer(SYS_MOUNT_SETATTR, AT_FDCWD, target, AT_SYMLINK_NOFOLLOW, attributes, 32),
          `restrict the mount at ${target}`,
        );
      } catch (error) {
        if (isKernelError(error, 'ENOSYS')) return;
        throw error;
      }
    }
  });
}

export interface ForeignFile {
  readonly directory: boolean;
  /** 'c 1:3' for /dev/null; '' for anything else. */
  readonly device: string;
}

/** What is at these paths there, without following a link at the end; undefined for what does not exist. */
export function filesThere(mountNamespace: string, paths: readonly string[]): (ForeignFile | undefined)[] {
  return runInMountNamespace(mountNamespace, () =>
    paths.map((path) => {
      const stats = lstatSync(path, { throwIfNoEntry: false });
      if (stats === undefined) return undefined;
      return {
        directory: stats.isDirectory(),
        device: stats.isCharacterDevice() ? `c ${stats.rdev >>> 8}:${stats.rdev & 0xff}` : '',
      };
    }),
  );
}
