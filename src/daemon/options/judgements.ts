/** Options with values of different statuses: what is done with each. */
import { existsSync } from 'node:fs';
import type { Judgement } from './option.ts';

const without = (why: string): Judgement => ({ status: 'no effect', why });
const refuse = (why: string): Judgement => ({ status: 'refused', why });
const DONE: Judgement = { status: 'done', why: '' };

/** The worst of what is to be said about several values. */
function worst(judgements: readonly Judgement[]): Judgement | undefined {
  const refused = judgements.find(({ status }) => status === 'refused');
  if (refused) return refused;
  const whys = judgements.filter(({ status }) => status === 'no effect').map(({ why }) => why);
  return whys.length === 0 ? undefined : without(whys.join('; '));
}

export function judgeExecOpts(values: readonly string[]): Judgement | undefined {
  return worst(
    values.map((value) => {
      const [name = '', driver = ''] = value.split('=', 2);
      if (!value.includes('=')) return refuse(`invalid exec option: ${value}: expected NAME=VALUE`);
      if (name === 'isolation') return refuse(`option '${name}' is only supported on windows`);
      if (name !== 'native.cgroupdriver') return refuse(`unknown option: '${name}'`);
      if (driver === 'cgroupfs') return DONE;
      if (driver === 'systemd')
        return without(
          'native.cgroupdriver=systemd: cgroups are made without systemd, below --cgroup-parent (info shows cgroupfs); a kubelet on this host must be told the same',
        );
      return refuse(`invalid native.cgroupdriver "${driver}": must be cgroupfs or systemd`);
    }),
  );
}

/** `present`: whether the host has SELinux. */
export function judgeSelinux(
  values: readonly string[],
  present = existsSync('/sys/fs/selinux/enforce'),
): Judgement | undefined {
  if (values.at(-1) === 'false') return DONE;
  if (!present) return undefined;
  return refuse(
    'containers get no SELinux labels yet, and would run without the confinement that the option asks for: leave it away to accept that',
  );
}

/** What of it is not of the cache. */
export function judgeBuilder(values: readonly string[]): Judgement | undefined {
  const names = values.flatMap((text) => Object.keys(JSON.parse(text) as object));
  const others = names.filter((name) => name.toLowerCase() !== 'gc');
  if (others.length === 0) return DONE;
  return without(`of the settings of the builder only gc is done, not ${others.join(', ')}`);
}

export function judgeUserns(values: readonly string[]): Judgement | undefined {
  return values.at(-1) === '' ? DONE : undefined;
}

export function judgeFirewallBackend(values: readonly string[]): Judgement | undefined {
  const value = values.at(-1) ?? '';
  if (value === '' || value === 'nftables') return DONE;
  return value === 'iptables' ? undefined : refuse(`invalid firewall-backend "${value}"`);
}

const OVERLAY = ['', 'overlay2', 'overlayfs'];
const OTHERS = ['btrfs', 'zfs', 'vfs', 'fuse-overlayfs', 'native', 'stargz'];
const REMOVED = ['aufs', 'devicemapper', 'overlay'];

export function judgeStorageDriver(values: readonly string[]): Judgement | undefined {
  const driver = values.at(-1) ?? '';
  if (OVERLAY.includes(driver)) return DONE;
  if (OTHERS.includes(driver)) return without(`layers are kept for overlayfs, whatever is asked for: not ${driver}`);
  return REMOVED.includes(driver)
    ? refuse(`the ${driver} storage-driver has been deprecated and removed, from dockerd too: leave it away`)
    : refuse(`driver not supported: ${driver}: leave it away, layers are kept for overlayfs`);
}

export function judgeStorageOpts(values: readonly string[]): Judgement | undefined {
  return worst(
    values.map((value) => {
      const [name = ''] = value.split('=', 1);
      if (!value.includes('=')) return refuse(`Unable to parse storage-opt ${value}: expected NAME=VALUE`);
      // Of a driver that does not exist any more, dockerd does not start with them.
      if (name.startsWith('dm.'))
        return refuse(`${name} is of the devicemapper storage-driver, which has been removed`);
      if (name.toLowerCase() === 'overlay2.override_kernel_check') return DONE;
      if (!/^(overlay2|overlay|btrfs|zfs|vfs)\./.test(name)) return refuse(`unknown option ${name}`);
      return without(`${name}: file systems of containers have no limits and no options`);
    }),
  );
}

const FEATURES = ['cdi=true', 'buildkit=true'];

export function judgeFeatures(values: readonly string[]): Judgement | undefined {
  const on = values
    .filter((value) => value.endsWith('=true') && !FEATURES.includes(value))
    .map((value) => value.slice(0, value.lastIndexOf('=')));
  return on.length === 0 ? DONE : without(`no feature of the daemon is turned on by ${on.sort().join(', ')}`);
}
