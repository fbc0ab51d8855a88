/** The content that an image has where a new, empty volume is mounted: it becomes the volume's. */
import { chmodSync, chownSync, fstatSync, utimesSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { errorKind, systemError } from '../base/errors.ts';
import { hostCodeOf, hostFailure, hostReason } from '../base/host-errors.ts';
import { startConfined } from '../kernel/confined-program.ts';
import { closeFd, openFd } from '../kernel/descriptors.ts';
import { isKernelError } from '../kernel/errors.ts';
import { openMountSource, resolveInRoot, type RootMount, type RootPath } from '../kernel/root-path.ts';
import { childEnd, openPipe } from '../kernel/spawn.ts';
import { complaints } from './pack-tree.ts';

/**
 * Copies the directory where `mount` belongs in a mounted root file system, with owners, modes and attributes, into
 * what is mounted there, and gives that the owner and mode of the directory. Does nothing if there is something in it
 * already or no such directory. Another container may be at work in the volume: cp sees the two trees and nothing else.
 */
export async function copyUp(rootfsDir: string, mount: RootMount): Promise<void> {
  const target = openTarget(mount);
  if (target === undefined) return;
  try {
    const targetPath = `/proc/self/fd/${target}`;
    if (!fstatSync(target).isDirectory() || !(await isEmpty(targetPath))) return;
    const found = find(rootfsDir, mount.destination);
    if (!found) return;
    try {
      if (!found.isDirectory) return;
      if (!(await isEmpty(found.hostPath))) await copy(found.fd, target, mount.destination);
      const { uid, gid, mode, atimeMs, mtimeMs } = found.stats;
      chownSync(targetPath, Number(uid), Number(gid));
      chmodSync(targetPath, Number(mode) & 0o7777);
      utimesSync(targetPath, Number(atimeMs) / 1000, Number(mtimeMs) / 1000);
    } finally {
      found.close();
    }
  } finally {
    closeFd(target);
  }
}

/** One look: a volume may have a million names in it. */
async function isEmpty(path: string): Promise<boolean> {
  const entries = await opendir(path);
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}

/** A path in a volume that is missing, or resolves outside, is for the start to refuse. */
function openTarget(mount: RootMount): number | undefined {
  try {
    return openMountSource(mount);
  } catch (error) {
    if (mount.subpath && isKernelError(error, 'ENOENT', 'ENOTDIR', 'EXDEV', 'ELOOP')) return undefined;
    throw error;
  }
}

function find(rootfsDir: string, path: string): RootPath | undefined {
  try {
    return resolveInRoot({ root: rootfsDir }, path, { followLast: true });
  } catch (error) {
    if (errorKind(error) === 'notFound') return undefined;
    throw error;
  }
}

async function copy(from: number, to: number, path: string): Promise<void> {
  const { readFd, writeFd } = openPipe();
  const nothing = openFd('/dev/null', 2);
  const said = complaints(readFd);
  let pid: number;
  try {
    pid = startConfined({
      program: 'cp',
      args: ['--archive', '--', '/from/.', '/to'],
      from,
      to,
      fds: [nothing, nothing, writeFd],
    });
  } finally {
    closeFd(nothing);
    closeFd(writeFd);
  }
  const complaint = await said.end;
  if ((await childEnd(pid)) === 0) return;
  const code = hostCodeOf(complaint);
  const reason = code === 'ENOSPC' ? hostReason(code) : complaint;
  throw systemError(`failed to copy ${path} into its volume: ${reason}`, code && hostFailure(code));
}
