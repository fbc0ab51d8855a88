/** How the container is confined and what it takes of the host. Returns warnings for the response. */
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { invalid } from '../base/errors.ts';
import type { HostConfigRequest, UpdateRequest } from '../wire/container-create.ts';
import { isHost } from './network-mode.ts';
import { validateMount, validateTmpfsTarget } from './validate-mounts.ts';
import { validateResources } from './validate-resources.ts';
import { parseExtraHost } from '../model/extra-host.ts';
import { refuseSplit } from './one-word.ts';

const MAX_NAME_BYTES = 255;
/** PATH_MAX without room for the hierarchy's mount point and the container's own name. */
const MAX_CGROUP_PARENT_BYTES = 3500;

const CAPABILITIES = new Set(
  (
    'AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK ' +
    'IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP ' +
    'SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME ' +
    'SYS_TTY_CONFIG WAKE_ALARM'
  ).split(' '),
);

export function validateHost(host: HostConfigRequest): string[] {
  if (host.AutoRemove && host.RestartPolicy.Name !== '' && host.RestartPolicy.Name !== 'no') {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  for (const mount of host.Mounts) validateMount(mount);
  for (const extra of host.ExtraHosts) parseExtraHost(extra);
  for (const server of host.Dns) if (isIP(server) === 0) throw invalid(`invalid DNS server ${JSON.stringify(server)}: it is not an IP address`);
  for (const domain of host.DnsSearch) refuseSplit('DNS search domain', domain);
  for (const option of host.DnsOptions) refuseSplit('DNS option', option);
  for (const link of host.Links) refuseSplit('link', link);
  validatePortBindings(host.PortBindings);
  validateRestartPolicy(host.RestartPolicy);
  validateCapabilities('CapAdd', host.CapAdd ?? []);
  validateCapabilities('CapDrop', host.CapDrop ?? []);
  if (host.Isolation !== '' && host.Isolation.toLowerCase() !== 'default') {
    throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  }
  if ('' in host.Annotations) throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  const warnings = validateResources(host, false);
  validateModes(host);
  validateStorageOptions(host.StorageOpt);
  for (const target of Object.keys(host.Tmpfs)) validateTmpfsTarget(target);
  if (isHost(host.NetworkMode) && Object.keys(host.PortBindings).length > 0) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  return warnings;
}

export function validateRestartPolicy(policy: UpdateRequest['RestartPolicy']): void {
  const { Name: name, MaximumRetryCount: retries } = policy;
  switch (name) {
    case '':
      return;
    case 'no':
    case 'always':
    case 'unless-stopped':
      if (retries === 0) return;
      throw invalid(
        `invalid restart policy: maximum retry count can only be used with 'on-failure'${retries < 0 ? ' and cannot be negative' : ''}`,
      );
    case 'on-failure':
      if (retries < 0) throw invalid('invalid restart policy: maximum retry count cannot be negative');
      return;
    default:
      throw invalid(`invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  }
}

function validateModes(host: HostConfigRequest): void {
  if (!/^(|none|private|host|shareable|container:.*)$/.test(host.IpcMode)) throw invalid(`invalid IPC mode: ${host.IpcMode}`);
  if (!/^(|host|container:.+)$/.test(host.PidMode)) throw invalid(`invalid PID mode: ${host.PidMode}`);
  validateCgroupParent(host.CgroupParent);
  if (host.ShmSize < 0) throw invalid('SHM size can not be less than 0');
  if (!/^(|host)$/.test(host.UTSMode)) throw invalid(`invalid UTS mode: ${host.UTSMode}`);
  if (!/^(|host)$/.test(host.UsernsMode)) throw invalid(`invalid userns mode: ${host.UsernsMode}`);
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (!/^(|private|host)$/.test(host.CgroupnsMode)) throw invalid(`invalid cgroup namespace mode: ${host.CgroupnsMode}`);
  for (const option of host.SecurityOpt ?? []) validateSecurityOption(option);
}

/** A limit that would not be kept is refused. */
function validateStorageOptions(options: HostConfigRequest['StorageOpt']): void {
  for (const name of Object.keys(options)) {
    throw invalid(name === 'size' ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option" : `Unknown option ${name}`);
  }
}

/** What no cgroup can be below: the file system takes no such name. */
function validateCgroupParent(parent: string): void {
  const complain = (reason: string) => invalid(`invalid cgroup parent ${JSON.stringify(parent.slice(0, 100))}: ${reason}`);
  if (/[\0\n]/.test(parent)) throw complain('a NUL byte and a new line are not allowed');
  if (parent !== '' && posix.resolve('/', parent) === '/') throw complain('it is the root, in which the host has its own processes: name a group below it');
  if (parent.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES)) throw complain('file name too long');
  if (Buffer.byteLength(parent) > MAX_CGROUP_PARENT_BYTES) throw complain('file name too long');
}

function validateSecurityOption(option: string): void {
  if (option === 'no-new-privileges' || option === 'writable-cgroups' || option === 'disable') return;
  const split = /^([^=:]+)[=:](.*)$/s.exec(option);
  if (!split) throw invalid(`invalid --security-opt 1: ${JSON.stringify(option)}`);
  const [, key = '', value = ''] = split;
  const isBoolean = /^(1|t|true|0|f|false)$/i.test(value);
  if (key === 'label' || key === 'apparmor' || key === 'seccomp') return;
  if ((key === 'no-new-privileges' || key === 'writable-cgroups') && isBoolean) return;
  throw invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
}

function validatePortBindings(bindings: HostConfigRequest['PortBindings']): void {
  for (const [port, hostPorts] of Object.entries(bindings)) {
    const number = port.split('/')[0]!;
    if (!isPortNumber(number)) throw invalid(`invalid port specification: ${JSON.stringify(number)}`);
    for (const { HostPort } of hostPorts) {
      const [first = '', last = first] = (HostPort.split('/')[0] ?? '').split('-');
      const valid = HostPort === '' || (isPortNumber(first) && isPortNumber(last) && Number(first) <= Number(last));
      if (!valid) throw invalid(`invalid port specification: ${JSON.stringify(HostPort)}`);
    }
  }
}

function isPortNumber(text: string): boolean {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535;
}

function validateCapabilities(field: string, names: readonly string[]): void {
  for (const name of names) {
    const bare = name.toUpperCase().replace(/^CAP_/, '');
    if (bare !== 'ALL' && !CAPABILITIES.has(bare)) throw invalid(`invalid ${field}: unknown capability: "CAP_${bare}"`);
  }
}
