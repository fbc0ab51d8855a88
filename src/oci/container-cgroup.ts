/**
 * The cgroup of one container in every hierarchy that is mounted: ending what is in it, and removing it. Refuses a path
 * that could be anything but one container's: in the root cgroup, or in one that many share, are the machine's
 * processes.
 */
import { readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { CausewayError, errorCode, errorMessage, systemError } from '../base/errors.ts';
import { cgroupMode, cgroupMounts, cgroupsOfProcess, liftCpuQuota, liftPidsLimit, listPids } from '../kernel/cgroup.ts';
import { kill, processName, processState } from '../kernel/process.ts';
import { hiddenUnified, joinHiddenUnified, joinHiddenUnifiedSoon } from '../kernel/unified-cgroup.ts';
import type { OciResources } from './oci-spec.ts';
import { SIGKILL } from './signals.ts';

/** '/parent/ID', at least two names deep, the last one long enough to be a container's own. Throws otherwise. */
export function checkCgroupsPath(path: string): void {
  const names = path.split('/');
  const plain = names.slice(1).every((name) => name !== '' && name !== '.' && name !== '..');
  if (names[0] === '' && names.length >= 3 && plain && names.at(-1)!.length >= 8) return;
  throw new CausewayError('system', `not the path of a container's own cgroup: "${path}"`);
}

/**
 * Where the runtime does not see the v2 hierarchy: a process that the daemon started for the container is in its group
 * there too.
 */
export function joinContainer(cgroupsPath: string, pid: number): void {
  checkCgroupsPath(cgroupsPath);
  joinHiddenUnified(cgroupsPath, pid);
}

/**
 * The same of a process that the runtime says is the container's, if the other hierarchies agree: the number may be
 * that of any process.
 */
export async function joinContainerIfIn(cgroupsPath: string, pid: number): Promise<void> {
  checkCgroupsPath(cgroupsPath);
  if ([...cgroupsOfProcess(pid).values()].includes(cgroupsPath)) await joinHiddenUnifiedSoon(cgroupsPath, pid);
}

/** Every process of the container, by the host's numbers. */
export function containerPids(cgroupsPath: string): number[] {
  checkCgroupsPath(cgroupsPath);
  return listPids(cgroupsPath);
}

/** Ends what is left in the cgroup: with the host's pid namespace the first process leaves its children behind. */
export function killLeftovers(cgroupsPath: string): void {
  for (const pid of containerPids(cgroupsPath)) if (pid !== process.pid && pid !== 1) kill(pid, SIGKILL);
}

/** Whether the container is paused: frozen processes get a signal only once they thaw. */
export function isFrozen(cgroupsPath: string): boolean {
  checkCgroupsPath(cgroupsPath);
  const { unified, controllers } = cgroupMounts();
  const freezer = controllers.get('freezer');
  if (freezer !== undefined) return readState(`${freezer}${cgroupsPath}/freezer.state`) !== 'THAWED';
  return unified !== undefined && readState(`${unified}${cgroupsPath}/cgroup.freeze`) === '1';
}

/** Lets frozen processes go, as the runtime's `resume` does, and without a program that could hang. */
export function thaw(cgroupsPath: string): void {
  checkCgroupsPath(cgroupsPath);
  const { unified, controllers } = cgroupMounts();
  const freezer = controllers.get('freezer');
  try {
    if (freezer !== undefined) writeFileSync(`${freezer}${cgroupsPath}/freezer.state`, 'THAWED');
    else if (unified !== undefined) writeFileSync(`${unified}${cgroupsPath}/cgroup.freeze`, '0');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' && errorCode(error) !== 'ENODEV') throw error; // it is gone, and so is what was in it
  }
}

/**
 * crun 1.8 has no way to express "no limit" of processes, nor of processor time in v1 hierarchies: where that is wanted
 * it is written here. Returns what is left for the runtime.
 */
export function withoutLifted(cgroupsPath: string, resources: OciResources): OciResources {
  checkCgroupsPath(cgroupsPath);
  let left = resources;
  if (left.cpu?.quota === -1 && cgroupMode() !== 'v2') {
    liftCpuQuota(cgroupsPath);
    const { quota: _, ...cpu } = left.cpu;
    left = { ...left, cpu };
  }
  if (left.pids?.limit === -1) {
    liftPidsLimit(cgroupsPath);
    const { pids: _, ...others } = left;
    left = others;
  }
  return left;
}

function readState(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    return 'THAWED'; // it is gone, and so is what was in it
  }
}

function hierarchies(): string[] {
  const { unified, controllers } = cgroupMounts();
  const hidden = hiddenUnified();
  return [
    ...new Set([
      ...controllers.values(),
      ...(unified === undefined ? [] : [unified]),
      ...(hidden === undefined ? [] : [hidden]),
    ]),
  ];
}

const REMOVAL_ATTEMPTS = 40;

interface Unremoved {
  readonly directory: string;
  readonly error: unknown;
}

/**
 * Removes the container's cgroup from every hierarchy. Its processes have been killed; the kernel may need a moment to
 * let go of the last. `cgroupsPath` is absolute, as the spec has it.
 */
export async function removeCgroupWhenEmpty(cgroupsPath: string): Promise<void> {
  let left = removeCgroup(cgroupsPath);
  for (let attempt = 1; left.length > 0; attempt++) {
    if (attempt === REMOVAL_ATTEMPTS) throw unremovable(left[0]!, cgroupsPath);
    await new Promise((resolve) => setTimeout(resolve, Math.min(attempt, 50)));
    killLeftovers(cgroupsPath); // what was being forked while the others were killed
    left = removeCgroup(cgroupsPath);
  }
}

function unremovable({ directory, error }: Unremoved, cgroupsPath: string): Error {
  const why = isBusy(error) ? `it is still in use${users(cgroupsPath)}` : errorMessage(error);
  return systemError(`cannot remove the cgroup ${directory}: ${why}`, error);
}

const isBusy = (error: unknown): boolean => ['EBUSY', 'ENOTEMPTY'].includes(errorCode(error) ?? '');

/** Killed and still there: the kernel is busy with them (a dead NFS server, a broken disk). */
function users(cgroupsPath: string): string {
  const processes = containerPids(cgroupsPath)
    .slice(0, 5)
    .map((pid) => `${processName(pid) ?? '?'} (pid ${pid}, state ${processState(pid) ?? 'gone'})`);
  return processes.length === 0 ? '' : ` by ${processes.join(', ')}: killed, but the kernel does not let them go`;
}

/**
 * Takes what the container made below it too, in each hierarchy, whatever became of the others. Answers with what is
 * still there.
 */
function removeCgroup(cgroupsPath: string): Unremoved[] {
  checkCgroupsPath(cgroupsPath);
  return hierarchies().flatMap((root) => {
    const error = removeTree(root + cgroupsPath);
    return error === undefined ? [] : [{ directory: root + cgroupsPath, error }];
  });
}

/** What keeps it from going, or undefined: it is gone. */
function removeTree(directory: string): unknown {
  const error = removeDirectory(directory);
  if (error === undefined || !isBusy(error)) return error;
  try {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(`${directory}/${entry.name}`);
    }
  } catch (unread) {
    return errorCode(unread) === 'ENOENT' ? undefined : unread;
  }
  return removeDirectory(directory);
}

function removeDirectory(directory: string): unknown {
  try {
    rmdirSync(directory);
    return undefined;
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? undefined : error;
  }
}
