/** Kernel parameters through /proc/sys; those under net. are the ones of the namespace that is asked for. */
import { readFileSync, writeFileSync } from 'node:fs';
import { errnoNumber, KernelError } from './errors.ts';
import { closeFd } from './descriptors.ts';
import { openFilesystem } from './mount.ts';
import { runInNetns } from './netns.ts';

/**
 * The kernel remembers names that were looked up in /proc/sys, those of all network namespaces in one chain, as their
 * names are the same: with a thousand namespaces a lookup takes a millisecond. Another instance of procfs remembers
 * nothing yet, and is left before it remembers much.
 */
const LOOKUPS_PER_INSTANCE = 48;
let instance: { readonly root: number; lookups: number } | undefined;
let hasInstances = true; // Linux 5.8

function netnsPath(path: string): string {
  if (!hasInstances) return path;
  try {
    if (instance && instance.lookups >= LOOKUPS_PER_INSTANCE) {
      closeFd(instance.root);
      instance = undefined;
    }
    instance ??= { root: openFilesystem('proc'), lookups: 0 };
    instance.lookups++;
    return `/proc/self/fd/${instance.root}/${path.slice('/proc/'.length)}`;
  } catch {
    hasInstances = false;
    return path;
  }
}

/**
 * 'net.ipv4.ip_forward' -> '/proc/sys/net/ipv4/ip_forward'. As in sysctl(8), where slashes separate, dots stand for
 * themselves: 'net/ipv4/conf/eth0.5/forwarding'; and where dots separate, a slash stands for a dot:
 * 'net.ipv4.conf.eth0/5.forwarding'.
 */
export function sysctlPath(name: string): string {
  const dot = name.indexOf('.');
  const slash = name.indexOf('/');
  const slashSeparates = slash >= 0 && (dot < 0 || slash < dot);
  const path = slashSeparates ? name : name.replace(/[./]/g, (character) => (character === '.' ? '/' : '.'));
  if (path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
    throw new KernelError(`sysctl ${name}`, errnoNumber('EINVAL'));
  }
  return `/proc/sys/${path}`;
}

/** The value, without the newline. An unknown name is KernelError ENOENT. */
export function readSysctl(name: string, netns?: string): string {
  const path = sysctlPath(name);
  return runInNetns(netns, () =>
    attempt(`read sysctl ${name}`, () => readFileSync(netns === undefined ? path : netnsPath(path), 'utf8').trimEnd()),
  );
}

export function writeSysctl(name: string, value: string, netns?: string): void {
  const path = sysctlPath(name);
  // 'r+': /proc has nothing to create or cut, and a name that is unknown must not look like a new file.
  runInNetns(netns, () =>
    attempt(`set sysctl ${name}=${value}`, () =>
      writeFileSync(netns === undefined ? path : netnsPath(path), value, { flag: 'r+' }),
    ),
  );
}

/** Several at once, for one entry into the namespace. Stops at the first that is refused. */
export function writeSysctls(values: Readonly<Record<string, string>>, netns?: string): void {
  runInNetns(netns, () => {
    for (const [name, value] of Object.entries(values)) writeSysctl(name, value);
  });
}

function attempt<T>(operation: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new KernelError(operation, Math.abs((error as NodeJS.ErrnoException).errno ?? 5));
  }
}
