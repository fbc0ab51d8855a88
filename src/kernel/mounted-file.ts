/**
 * New content for a file that is bind-mounted in another mount namespace, so that a process that opens it there sees
 * the whole old or the whole new text. `path` is the file's name here and always names what is seen there (also what a
 * program over there has written into it).
 *
 * From Linux 6.5 on the mounted file is replaced by another one. Before, there are two mounts on one target in turn: a
 * new file covers the old one; the next time the old one, which cannot be opened now, is rewritten and uncovered. Never
 * more than two. There, a reader that has kept the file open over two changes can see both; with replacement none ever
 * can.
 */
import { closeSync, constants, existsSync, openSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { errnoNumber, check, KernelError } from './errors.ts';
import { umount2 } from './ffi.ts';
import { canReplaceMountedFile, coverMountedFile, replaceMountedFile, runInMountNamespace } from './mount-namespace.ts';
import { swapFile } from './swap-file.ts';

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;
const FILE_MODE = 0o644;

export interface MountedFile {
  readonly mountNamespace: string;
  /** Where it is mounted there. */
  readonly target: string;
  /** The file here; `path.next` and `path.beneath` are this function's own. */
  readonly path: string;
}

let replaces: boolean | undefined;

/** Throws KernelError if the target is not a mount of `path` there, and nothing has changed then. */
export function writeMountedFile(file: MountedFile, text: string, method?: 'replace' | 'alternate'): void {
  settle(file);
  const beneath = `${file.path}.beneath`;
  if (existsSync(beneath)) return uncover(file, text, beneath);
  const replace = method === undefined ? (replaces ??= canReplaceMountedFile()) : method === 'replace';
  const next = `${file.path}.next`;
  writeFileSync(next, text, { mode: FILE_MODE });
  try {
    if (replace) replaceMountedFile({ ...file, source: next });
    else coverMountedFile({ ...file, source: next });
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
  // The mounts are of the files, whatever they are called.
  if (replace) return swapFile(next, file.path);
  renameSync(file.path, beneath);
  renameSync(next, file.path);
}

/** Whether it is this very file that is mounted there, and not another one, of the user's. */
export function isMountedThere({ mountNamespace, target, path }: MountedFile): boolean {
  return runInMountNamespace(mountNamespace, () => identity(target)) === identity(path);
}

/** What a container that ends leaves next to `path`; before the file is mounted again. */
export function forgetMountedFile(path: string): void {
  for (const rest of [`${path}.next`, `${path}.beneath`]) rmSync(rest, { force: true });
}

function uncover(file: MountedFile, text: string, beneath: string): void {
  // A process that still has it open may hold a lease on it.
  const fd = openSync(beneath, constants.O_WRONLY | constants.O_TRUNC | constants.O_NONBLOCK);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
  runInMountNamespace(file.mountNamespace, () =>
    check(umount2(file.target, MNT_DETACH | UMOUNT_NOFOLLOW), `take the upper file off ${file.target}`),
  );
  swapFile(beneath, file.path);
}

/**
 * Finishes the renames of a process that was killed between a mount and its rename: the inode that is seen there
 * decides, and `path` names it then. Throws as `writeMountedFile` does.
 */
export function settleMountedFile(file: MountedFile): void {
  settle(file);
}

function settle({ mountNamespace, target, path }: MountedFile): void {
  const seen = runInMountNamespace(mountNamespace, () => identity(target));
  const beneath = `${path}.beneath`;
  const next = `${path}.next`;
  if (seen === identity(next)) {
    if (!existsSync(beneath) && !(replaces ??= canReplaceMountedFile())) renameSync(path, beneath);
    renameSync(next, path);
  } else if (seen === identity(beneath)) renameSync(beneath, path);
  else if (seen === identity(path)) rmSync(next, { force: true }); // what was replaced last, which sharers may still see
  else
    throw new KernelError(`write the file mounted at ${target}`, errnoNumber('ESTALE'), `${path} is not mounted there`);
}

function identity(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && `${stat.dev}:${stat.ino}`;
}
