/**
 * Where a container here finds something else than under dockerd 28.5: each with what it finds and why. Everything else
 * is compared and must be equal.
 */

export interface Difference {
  readonly facts: RegExp;
  /** Of these variants only. */
  readonly variants?: RegExp;
  /** What is found here; `undefined` stands for nothing. */
  readonly here: RegExp | undefined;
  readonly shown: string;
  readonly why: string;
}

export const DIFFERENCES: readonly Difference[] = [
  {
    facts: /^node \/dev\/null$/,
    here: /^crw-rw-rw- 33 33 1,3$/,
    variants: /^--user 33$/,
    shown: "the container's own node belongs to its user",
    why: "harmless: crun gives standard input to the container's user. The host's device cannot be changed that way (test/security/escapes.test.ts)",
  },
  {
    facts: /^path \/sys\/power\/state$/,
    variants: /--user 33$/,
    here: /^read open, write Permission denied$/,
    shown: 'the same, the other error: the mode is asked before the mount',
    why: 'the file system is not read-only, the mount is: see /sys',
  },
  {
    facts: /^device c 10:200 tun$/,
    here: /^made, Operation not permitted$/,
    shown: 'not permitted',
    why: 'stricter: runc before 1.2 allows /dev/net/tun to everybody, Docker does not ask for it. `--device /dev/net/tun` gives it',
  },
  {
    facts: /^mount \/proc\/(acpi|asound|scsi)$|^mount \/sys\/(firmware|devices\/virtual\/powercap)$/,
    here: /^tmpfs ro,.* rw,size=0k /,
    shown: 'an empty tmpfs of size 0, mounted read-only',
    why: 'the same: crun makes the mount read-only, runc the file system; nothing fits into either',
  },
  {
    facts: /^mount \/proc\/(interrupts|keys|kcore|latency_stats|timer_list|timer_stats|sched_debug)$/,
    here: /^(devtmpfs|tmpfs) ro,/,
    shown: "the host's /dev/null, read-only",
    why: "safer: runc binds the container's own /dev/null, which a race could replace (CVE-2025-31133)",
  },
  {
    facts: /^mount \/sys$/,
    here: /^sysfs r[ow],nosuid,nodev,noexec,relatime rw \[\]$/,
    shown: 'sysfs ro,nosuid,nodev,noexec; the file system itself is not read-only',
    why: 'the same for whoever cannot mount. With CAP_SYS_ADMIN a container could make the mount writable; under Docker it could mount another',
  },
  {
    facts: /^mount \/$/,
    here: /^overlay r[ow],.* - \[\]$/,
    shown: 'private',
    why: "narrower: Docker's is a slave, mounts of the host's namespace can arrive in it",
  },
  {
    facts: /^node \/dev\/core$/,
    here: /^link to \/proc\/kcore$/,
    shown: 'a link to /proc/kcore',
    why: 'harmless: crun makes the link, /proc/kcore itself is hidden',
  },
  {
    facts: /^mount \/dev\/shm$/,
    variants: /^--ipc shareable$/,
    here: /^tmpfs rw,nosuid,nodev,noexec,relatime rw,size=65536k(,mode=1777)? \[(master)?\]$/,
    shown: 'nosuid, nodev, noexec',
    why: 'the same flags',
  },
];

/**
 * Facts that depend on the machine and not on the engine: the numbers of cgroup mounts, what devices the kernel has
 * drivers for.
 */
export function comparable(fact: string, value: string): string {
  if (/^mount \/sys\/fs\/cgroup(\/.*)?$/.test(fact))
    return value.replace(/^(tmpfs|cgroup2?) (r[ow]),nosuid,nodev,noexec.*/, '$2,nosuid,nodev,noexec');
  if (fact.startsWith('device '))
    return value.replace(
      /, (open|No such device.*|No such file.*|Device or resource busy|No medium found|Input\/output error|Invalid argument|)$/,
      ', let through',
    );
  if (fact.startsWith('mount ')) return value.replace(/size=\d+k,nr_inodes=\d+/, 'size');
  return value;
}

/** Whether a fact is there at all depends on the kernel: it is compared where both have it. */
export const OF_THE_KERNEL = /^(path \/|mount \/(proc|sys)\/|sysctl |namespace time|status Seccomp_filters)/;
