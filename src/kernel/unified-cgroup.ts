/**
 * The v2 hierarchy of a host that has both kinds of cgroups ("hybrid"), where it is left out of this process's mount
 * namespace so that crun works: reached by an instance of its own, at no place in the tree. Processes that are not put
 * into a group there are in the root group with the machine's own, whatever groups they have in the v1 hierarchies.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { cgroupMode, cgroupsOfProcess } from './cgroup.ts';
import { isKernelError } from './errors.ts';
import { openFilesystem } from './mount.ts';

let hierarchy: string | null | undefined; // null: the host has none in addition to v1

/**
 * Where the hidden hierarchy is, as a path of this process; undefined where there is none, or where it is mounted and
 * the runtime uses it.
 */
export function hiddenUnified(): string | undefined {
  if (hierarchy === undefined) hierarchy = cgroupMode() === 'v1' ? open() : null;
  return hierarchy ?? undefined;
}

function open(): string | null {
  try {
    return `/proc/self/fd/${openFilesystem('cgroup2')}`;
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return null; // a kernel without it, or without leave to mount it
  }
}

/**
 * Puts a process into the group there that it has in the others; what it starts is in it too. A process that has ended:
 * nothing.
 */
export function joinHiddenUnified(path: string, pid: number): void {
  const file = groupToJoin(path, pid);
  if (file !== undefined) unlessEnded(() => writeFileSync(file, String(pid)));
}

/** The same, while other things are done: the kernel takes milliseconds for a move. */
export async function joinHiddenUnifiedSoon(path: string, pid: number): Promise<void> {
  const file = groupToJoin(path, pid);
  if (file === undefined) return;
  const moved = await writeFile(file, String(pid)).catch((error: unknown) => error);
  unlessEnded(() => {
    if (moved !== undefined) throw moved;
  });
}

/** The file of the group that takes it, which is made; undefined where there is no such hierarchy, or it is there. */
function groupToJoin(path: string, pid: number): string | undefined {
  const root = hiddenUnified();
  if (root === undefined || cgroupsOfProcess(pid).get('') === path) return undefined;
  mkdirSync(`${root}${path}`, { recursive: true });
  return `${root}${path}/cgroup.procs`;
}

function unlessEnded(move: () => void): void {
  try {
    move();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
