/** How the container is confined and what it takes of the host. Returns warnings for the response. */
import { isIP } from 'node:net';
import { posix } from 'node:path';
import { errorMessage, invalid } from '../base/errors.ts';
import { normalizeCapability } from '../model/capability.ts';
import { parseExtraHost } from '../model/extra-host.ts';
import { parseSecurityOptions } from '../model/security-options.ts';
import type { HostConfigRequest, UpdateRequest } from '../wire/container-create.ts';
import { isHost } from './network-mode.ts';
import { validateMount, validateTmpfsTarget } from './validate-mounts.ts';
import { validateResources } from './validate-resources.ts';
import { toPortBindings } from './map/port-bindings.ts';
import { refuseSplit } from './one-word.ts';

const MAX_NAME_BYTES = 255;
/** PATH_MAX without room for the hierarchy's mount point and the container's own name. */
const MAX_CGROUP_PARENT_BYTES = 3500;

export function validateHost(host: HostConfigRequest): string[] {
  if (host.AutoRemove && host.RestartPolicy.Name !== '' && host.RestartPolicy.Name !== 'no') {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  for (const mount of host.Mounts) validateMount(mount);
  for (const extra of host.ExtraHosts) parseExtraHost(extra);
  for (const server of host.Dns)
    if (isIP(server) === 0) throw invalid(`invalid DNS server ${JSON.stringify(server)}: it is not an IP address`);
  for (const domain of host.DnsSearch) refuseSplit('DNS search domain', domain);
  for (const option of host.DnsOptions) refuseSplit('DNS option', option);
  for (const link of host.Links) refuseSplit('link', link);
  toPortBindings(host.PortBindings);
  validateRestartPolicy(host.RestartPolicy);
  validateCapabilities('CapAdd', host.CapAdd ?? []);
  validateCapabilities('CapDrop', host.CapDrop ?? []);
  if (host.Isolation !== '' && host.Isolation.toLowerCase() !== 'default') {
    throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
  }
  if ('' in host.Annotations)
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
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
      throw invalid(
        `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
      );
  }
}

function validateModes(host: HostConfigRequest): void {
  if (!/^(|none|private|host|shareable|container:.*)$/.test(host.IpcMode))
    throw invalid(`invalid IPC mode: ${host.IpcMode}`);
  if (!/^(|host|container:.+)$/.test(host.PidMode)) throw invalid(`invalid PID mode: ${host.PidMode}`);
  validateCgroupParent(host.CgroupParent);
  if (host.ShmSize < 0) throw invalid('SHM size can not be less than 0');
  if (!/^(|host)$/.test(host.UTSMode)) throw invalid(`invalid UTS mode: ${host.UTSMode}`);
  if (!/^(|host)$/.test(host.UsernsMode)) throw invalid(`invalid userns mode: ${host.UsernsMode}`);
  if (host.OomScoreAdj < -1000 || host.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${host.OomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
  if (!/^(|private|host)$/.test(host.CgroupnsMode))
    throw invalid(`invalid cgroup namespace mode: ${host.CgroupnsMode}`);
  parseSecurityOptions(host.SecurityOpt ?? []);
}

/** A limit that would not be kept is refused. */
function validateStorageOptions(options: HostConfigRequest['StorageOpt']): void {
  for (const name of Object.keys(options)) {
    throw invalid(
      name === 'size'
        ? "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"
        : `Unknown option ${name}`,
    );
  }
}

/** What no cgroup can be below: the file system takes no such name. */
function validateCgroupParent(parent: string): void {
  const complain = (reason: string) =>
    invalid(`invalid cgroup parent ${JSON.stringify(parent.slice(0, 100))}: ${reason}`);
  if (/[\0\n]/.test(parent)) throw complain('a NUL byte and a new line are not allowed');
  if (parent !== '' && posix.resolve('/', parent) === '/')
    throw complain('it is the root, in which the host has its own processes: name a group below it');
  if (parent.split('/').some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES)) throw complain('file name too long');
  if (Buffer.byteLength(parent) > MAX_CGROUP_PARENT_BYTES) throw complain('file name too long');
}

function validateCapabilities(field: string, names: readonly string[]): void {
  for (const name of names) {
    try {
      normalizeCapability(name);
    } catch (error) {
      throw invalid(`invalid ${field}: ${errorMessage(error)}`);
    }
  }
}
