/**
 * What the runtime has mounted is looked at before the container's first instruction. The runtime finds its targets by
 * path, in a tree that images, volumes and other containers fill: a link, or a race, can redirect a user's mount into
 * /proc, or a mask past what it was to hide (CVE-2019-16884, CVE-2021-30465, CVE-2023-27561, CVE-2025-31133,
 * CVE-2025-52565). Whatever the way, the result shows in the container's mount table, and nothing that runs inside can
 * change it any more.
 */
import { isKernelError } from '../kernel/errors.ts';
import {
  filesThere,
  mountsOfProcess,
  restrictMounts,
  type ForeignMount,
  type MountRestriction,
} from '../kernel/foreign-mounts.ts';
import type { StartError } from '../model/start-error.ts';
import type { OciMount, OciSpec } from './oci-spec.ts';
import { createError } from './runtime-errors.ts';

/** Files of /proc that a mount may cover: they inform, nothing is decided by them. runc's list. */
const COVERABLE = [
  'cpuinfo',
  'diskstats',
  'meminfo',
  'stat',
  'swaps',
  'uptime',
  'loadavg',
  'slabinfo',
  'sys/kernel/ns_last_pid',
  'sys/crypto/fips_enabled',
].map((name) => `/proc/${name}`);

/** A user's mounts with an explicit target in /proc. StartError in runc's words. */
export function checkMountTargets(spec: OciSpec): void {
  for (const mount of spec.mounts) {
    const target = cleaned(mount.destination);
    if (target.startsWith('/proc/') && !COVERABLE.includes(target))
      throw refusal(spec, mount.source, target, 'is inside /proc');
  }
}

/**
 * The mounts of a container that was created and not started: refused if they do not match the spec, and given the
 * flags that crun forgets.
 */
export function guardMounts(spec: OciSpec, pid: number): void {
  const mounts = mountsOfProcess(pid);
  checkProc(spec, mounts);
  checkMasks(spec, pid);
  restrict(spec, mounts, pid);
}

function checkProc(spec: OciSpec, mounts: readonly ForeignMount[]): void {
  // A path that is read-only is procfs itself, bound to its own place.
  const readonly = new Set((spec.linux.readonlyPaths ?? []).map(cleaned));
  const covered = new Set([...COVERABLE, ...(spec.linux.maskedPaths ?? [])].map(cleaned));
  const isOurs = ({ target, root, type }: ForeignMount) =>
    covered.has(target) || (readonly.has(target) && type === 'proc' && `/proc${root}` === target);
  const whole = spec.mounts.some((mount) => mount.type === 'bind' && cleaned(mount.destination) === '/proc'); // -v /proc:/proc, with what is mounted in it
  for (const mount of mounts) {
    const { target, root, type } = mount;
    if (target === '/proc' && (type !== 'proc' || root !== '/'))
      throw refusal(spec, sourceOf(spec, '/proc'), '/proc', 'is not of type proc');
    if (!whole && target.startsWith('/proc/') && !isOurs(mount)) throw refusal(spec, type, target, 'is inside /proc');
  }
}

// A file is hidden by /dev/null, the true one, a directory by an empty file system. What the runtime did not find is
// not there.
function checkMasks(spec: OciSpec, pid: number): void {
  const masked = spec.linux.maskedPaths ?? [];
  const found = filesThere(`/proc/${pid}/ns/mnt`, masked);
  found.forEach((file, index) => {
    const path = masked[index]!;
    if (file === undefined || file.directory || file.device === 'c 1:3' || !/^\/(proc|sys)\//.test(path)) return;
    throw createError(`${path} is not hidden: what should cover it is not /dev/null`, spec.process.args[0] ?? '');
  });
}

// crun 1.8 makes paths read-only by a bind mount that loses the flags of the one it is taken from, and binds the
// console without any.
function restrict(spec: OciSpec, mounts: readonly ForeignMount[], pid: number): void {
  const readonly = new Set(
    (spec.linux.readonlyPaths ?? []).map(cleaned).filter((path) => /^\/(proc|sys)\//.test(path)),
  );
  const restrictions: MountRestriction[] = [];
  for (const { target, options } of mounts) {
    if (readonly.has(target) && !options.includes('noexec'))
      restrictions.push({ target, flags: ['nosuid', 'nodev', 'noexec'] });
    if (target === '/dev/console' && !options.includes('noexec'))
      restrictions.push({ target, flags: ['nosuid', 'noexec'] });
  }
  if (restrictions.length === 0) return;
  try {
    restrictMounts(`/proc/${pid}/ns/mnt`, restrictions);
  } catch (error) {
    // What another mount covers cannot be reached, from there no more than from here.
    if (!isKernelError(error, 'EINVAL', 'ENOENT')) throw error;
  }
}

const sourceOf = (spec: OciSpec, target: string): string =>
  spec.mounts.findLast((mount: OciMount) => cleaned(mount.destination) === target)?.source ?? '';

const cleaned = (path: string): string =>
  `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`;

function refusal(spec: OciSpec, source: string, target: string, reason: string): StartError {
  return createError(
    `error mounting "${source}" to rootfs at "${target}": "${target}" cannot be mounted because it ${reason}`,
    spec.process.args[0] ?? '',
  );
}
