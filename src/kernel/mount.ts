/**
 * Mounts in this process's own mount namespace: the old call where it does, the newer calls (fsopen, mount_setattr)
 * where the old one cannot. What must happen in another mount namespace is in mount-namespace.ts.
 */
import { readFileSync } from 'node:fs';
import { closeFd, O_PATH, openFd } from './descriptors.ts';
import { check, isKernelError, KernelError } from './errors.ts';
import {
  errnoOfLastCall,
  mount as mountCall,
  syscallFdConfig,
  syscallMoveMount,
  syscallNameFlags,
  syscallPathFlags,
  syscallPathFlagsBuffer,
  syscallThreeInts,
  umount2,
} from './ffi.ts';

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_REMOUNT = 32;
const MS_BIND = 4096;
export const MS_MOVE = 8192;
const MS_REC = 16384;

// The same numbers on every architecture: system calls from 424 on share one table.
const SYS_OPEN_TREE = 428;
const SYS_MOVE_MOUNT = 429;
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const SYS_MOUNT_SETATTR = 442;

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0o2000000;
const MNT_DETACH = 2;

export type Propagation =
  | 'private'
  | 'slave'
  | 'shared'
  | 'unbindable'
  | 'rprivate'
  | 'rslave'
  | 'rshared'
  | 'runbindable';

const propagationFlags: Readonly<Record<Propagation, number>> = {
  unbindable: 1 << 17,
  private: 1 << 18,
  slave: 1 << 19,
  shared: 1 << 20,
  runbindable: (1 << 17) | MS_REC,
  rprivate: (1 << 18) | MS_REC,
  rslave: (1 << 19) | MS_REC,
  rshared: (1 << 20) | MS_REC,
};

/** A new instance of a file system, at no place in the tree: a descriptor of its root, which ends with it. */
export function openFilesystem(type: string): number {
  const operation = `open a ${type} file system`;
  const context = check(syscallNameFlags(SYS_FSOPEN, type, FD_CLOEXEC_FLAG), operation);
  try {
    check(syscallFdConfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0), operation);
    return check(syscallThreeInts(SYS_FSMOUNT, context, FD_CLOEXEC_FLAG, 0), operation);
  } finally {
    closeFd(context);
  }
}

/** mount(2). `flags` are MS_* numbers; `data` is the comma-separated option string, at most 4095 bytes. */
export function mount(request: {
  source?: string;
  target: string;
  type?: string;
  flags?: number;
  data?: string;
}): void {
  const { source = 'none', target, type, flags = 0, data } = request;
  check(mountCall(source, target, type ?? null, flags, data ?? null), `mount ${type ?? source} on ${target}`);
}

/** Unmounts; `detach` takes it out of the tree now and lets users finish (lazy). Not mounted: KernelError EINVAL. */
export function unmount(target: string, options: { detach?: boolean } = {}): void {
  check(umount2(target, options.detach ? MNT_DETACH : 0), `unmount ${target}`);
}

/** How mounts and unmounts under `target` travel to and from its peers. */
export function setPropagation(target: string, propagation: Propagation): void {
  const result = mountCall('none', target, null, propagationFlags[propagation], null);
  check(result, `make ${target} ${propagation}`);
}

/** Turns `directory` into a mount point of its own, private, if it is not one: what is mounted below stays here. */
export function makeMountPrivate(directory: string): void {
  if (!mountPoints().some((point) => point.target === directory)) bindMount(directory, directory, { recursive: true });
  setPropagation(directory, 'private');
}

export interface BindOptions {
  /** Take the mounts below the source along. */
  readonly recursive?: boolean;
  /** Read-only, with all that was taken along (needs Linux 5.12 for the recursive case, else only the top is). */
  readonly readonly?: boolean;
  readonly propagation?: Propagation;
}

/** Bind-mounts a file or directory on an existing one of the same kind. A failure after the bind takes it off again. */
export function bindMount(source: string, target: string, options: BindOptions = {}): void {
  const { recursive = false, readonly = false, propagation } = options;
  const flags = MS_BIND | (recursive ? MS_REC : 0);
  check(mountCall(source, target, null, flags, null), `bind mount ${source} on ${target}`);
  try {
    if (readonly) makeReadonly(target, recursive);
    if (propagation !== undefined) setPropagation(target, propagation);
  } catch (error) {
    umount2(target, MNT_DETACH);
    throw error;
  }
}

/**
 * Mounts what a descriptor (O_PATH too) names on an existing file or directory: no path is resolved a second time.
 * Private: what happens to it later is not seen elsewhere, but where `passing` mounts pass as they do at the source.
 */
export function mountDescriptor(
  descriptor: number,
  target: string,
  options: { recursive?: boolean; passing?: boolean } = {},
): void {
  const flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive ? AT_RECURSIVE : 0);
  const tree = check(syscallPathFlags(SYS_OPEN_TREE, descriptor, '', flags), `open what is to be mounted on ${target}`);
  try {
    attachTree(tree, target);
  } finally {
    closeFd(tree);
  }
  if (!options.passing) setPropagation(target, options.recursive ? 'rprivate' : 'private');
}

/**
 * A copy of the mount at a path, with what is mounted below it where `recursive`: a descriptor of a tree that is at no
 * place yet, and ends with the descriptor unless `attachTree` gives it one, also in another mount namespace than this.
 * What is shared there passes mounts between the two from now on, and an unmount of what is mounted in the tree, too:
 * it must be made private before it is taken away.
 */
export function copyTree(path: string, options: { recursive: boolean }): number {
  const flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (options.recursive ? AT_RECURSIVE : 0);
  return check(syscallPathFlags(SYS_OPEN_TREE, AT_FDCWD, path, flags), `copy the mounts of ${path}`);
}

/** Mounts such a tree on an existing file or directory. */
export function attachTree(tree: number, target: string): void {
  check(syscallMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), `mount on ${target}`);
}

/** Makes such a tree, and all that is mounted in it, receive mounts and pass none. Linux 5.12. */
export function makeTreeSlave(tree: number): void {
  const attributes = Buffer.alloc(MOUNT_ATTR_BYTES);
  attributes.writeUInt32LE(propagationFlags.slave, 16);
  const result = syscallPathFlagsBuffer(
    SYS_MOUNT_SETATTR,
    tree,
    '',
    AT_EMPTY_PATH | AT_RECURSIVE,
    attributes,
    MOUNT_ATTR_BYTES,
  );
  check(result, 'make a copy of mounts receive only');
}

// struct mount_attr: attr_set, attr_clr, propagation, userns_fd.
const MOUNT_ATTR_BYTES = 32;

function makeReadonly(target: string, recursive: boolean): void {
  // struct mount_attr: attr_set, attr_clr, propagation, userns_fd. It changes this one attribute and keeps nosuid and
  // the like, which a remount would clear.
  const attributes = Buffer.alloc(32);
  attributes.writeUInt32LE(1, 0); // MOUNT_ATTR_RDONLY
  const flags = recursive ? AT_RECURSIVE : 0;
  if (syscallPathFlagsBuffer(SYS_MOUNT_SETATTR, AT_FDCWD, target, flags, attributes, 32) === 0) return;
  const error = new KernelError(`make ${target} read-only`, errnoOfLastCall());
  if (error.code !== 'ENOSYS') throw error;
  check(mountCall('none', target, null, MS_REMOUNT | MS_BIND | MS_RDONLY, null), error.operation);
}

export interface OverlayLayers {
  /** Read-only directories, the topmost first; 1 to 500 of them. */
  readonly lower: readonly string[];
  /** Absent together with `work`: a read-only overlay. */
  readonly upper?: string;
  readonly work?: string;
  readonly target: string;
  /** Further options as overlayfs names them, e.g. ['index=off']. */
  readonly options?: readonly string[];
}

const OPTIONS_MAX_BYTES = 4095; // mount(2) copies one page

/**
 * Mounts an overlay of any number of lower directories. mount(2) reads one page of options; where the list is longer,
 * layers are added one by one through fsconfig (lowerdir+, Linux 6.7), and where that is unknown, named by descriptor.
 */
export function mountOverlay(layers: OverlayLayers): void {
  const operation = `mount overlay on ${layers.target}`;
  const data = overlayOptions(layers.lower.map(escapeLower), layers);
  if (Buffer.byteLength(data) <= OPTIONS_MAX_BYTES) {
    check(mountCall('overlay', layers.target, 'overlay', 0, data), operation);
    return;
  }
  try {
    mountOverlayByLayers(layers, operation);
  } catch (error) {
    if (!isKernelError(error, 'EINVAL', 'ENOSYS', 'EOPNOTSUPP')) throw error;
    mountOverlayByDescriptors(layers, operation);
  }
}

/** Escapes what overlayfs's option parser splits at. Exported for the test. */
function escapeLower(path: string): string {
  return path.replace(/[\\:,]/g, (character) => `\\${character}`);
}

function escapeValue(path: string): string {
  return path.replace(/[\\,]/g, (character) => `\\${character}`);
}

function overlayOptions(lower: readonly string[], layers: OverlayLayers): string {
  const options = [`lowerdir=${lower.join(':')}`];
  if (layers.upper !== undefined) options.push(`upperdir=${escapeValue(layers.upper)}`);
  if (layers.work !== undefined) options.push(`workdir=${escapeValue(layers.work)}`);
  return [...options, ...(layers.options ?? [])].join(',');
}

const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const FSCONFIG_VALUE_MAX_BYTES = 255;
const FD_CLOEXEC_FLAG = 1; // FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC alike
const MOVE_MOUNT_F_EMPTY_PATH = 4;

function mountOverlayByLayers(layers: OverlayLayers, operation: string): void {
  const descriptors: number[] = [];
  // fsconfig takes strings of 255 bytes; a longer path goes by the magic link of an open descriptor.
  const short = (path: string) => {
    if (Buffer.byteLength(path) <= FSCONFIG_VALUE_MAX_BYTES) return path;
    return `/proc/self/fd/${descriptors[descriptors.push(openFd(path, O_PATH)) - 1]}`;
  };
  try {
    const context = check(syscallNameFlags(SYS_FSOPEN, 'overlay', FD_CLOEXEC_FLAG), operation);
    descriptors.push(context);
    const set = (key: string, value: string) =>
      check(
        syscallFdConfig(SYS_FSCONFIG, context, FSCONFIG_SET_STRING, key, value, 0),
        `${operation}: ${key}=${value}`,
      );
    set('source', 'overlay');
    for (const directory of layers.lower) set('lowerdir+', short(directory));
    if (layers.upper !== undefined) set('upperdir', short(escapeUpper(layers.upper)));
    if (layers.work !== undefined) set('workdir', short(escapeUpper(layers.work)));
    for (const option of layers.options ?? []) {
      const [key = '', value] = option.split('=', 2);
      if (value !== undefined) set(key, value);
      else check(syscallFdConfig(SYS_FSCONFIG, context, FSCONFIG_SET_FLAG, key, null, 0), `${operation}: ${key}`);
    }
    check(syscallFdConfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0), operation);
    const tree = check(syscallThreeInts(SYS_FSMOUNT, context, FD_CLOEXEC_FLAG, 0), operation);
    descriptors.push(tree);
    check(syscallMoveMount(SYS_MOVE_MOUNT, tree, '', AT_FDCWD, layers.target, MOVE_MOUNT_F_EMPTY_PATH), operation);
  } finally {
    for (const descriptor of descriptors) closeFd(descriptor);
  }
}

// Overlayfs unescapes backslashes in the upper and work directory even where nothing is split, but not in lowerdir+.
function escapeUpper(path: string): string {
  return path.replaceAll('\\', '\\\\');
}

function mountOverlayByDescriptors(layers: OverlayLayers, operation: string): void {
  const descriptors: number[] = [];
  try {
    const lower = layers.lower.map((directory) => {
      const descriptor = openFd(directory, O_PATH);
      descriptors.push(descriptor);
      return `/proc/self/fd/${descriptor}`;
    });
    const data = overlayOptions(lower, layers);
    if (Buffer.byteLength(data) > OPTIONS_MAX_BYTES) {
      throw new KernelError(operation, 7, `${layers.lower.length} layers are more than this kernel can be told of`);
    }
    check(mountCall('overlay', layers.target, 'overlay', 0, data), operation);
  } finally {
    for (const descriptor of descriptors) closeFd(descriptor);
  }
}

export interface MountPoint {
  readonly id: number;
  readonly parentId: number;
  readonly device: string; // '0:42'
  /** The part of the filesystem that is mounted; for a bind mount of a file, that file. */
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly propagation: readonly string[]; // 'shared:1', 'master:2'
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** The mounts of a process (default: this thread's), in mount order: of two on one target the later one is on top. */
export function mountPoints(file = '/proc/thread-self/mountinfo'): MountPoint[] {
  return parseMountinfo(readFileSync(file, 'utf8'));
}

export function parseMountinfo(text: string): MountPoint[] {
  const points: MountPoint[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    if (dash < 0) continue;
    points.push({
      id: Number(fields[0]),
      parentId: Number(fields[1]),
      device: fields[2]!,
      root: unescapeOctal(fields[3]!),
      target: unescapeOctal(fields[4]!),
      options: fields[5]!.split(','),
      propagation: fields.slice(6, dash),
      type: unescapeOctal(fields[dash + 1] ?? ''),
      source: unescapeOctal(fields[dash + 2] ?? ''),
      superOptions: (fields[dash + 3] ?? '').split(','),
    });
  }
  return points;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
