/** Sockets that systemd listens on and hands to the daemon it starts (sd_listen_fds(3)): `-H fd://`. */
import { CausewayError } from '../base/errors.ts';
import { setInherited } from '../kernel/descriptors.ts';

const FIRST_FD = 3;
const MAX_FDS = 1024;

/** How many were handed over. `environment` as it came; a count for another process is none. */
export function activatedCount(environment: NodeJS.ProcessEnv): number {
  const count = Number(environment['LISTEN_FDS'] ?? 0);
  if (Number(environment['LISTEN_PID']) !== process.pid) return 0;
  return Number.isInteger(count) && count > 0 && count <= MAX_FDS ? count : 0;
}

/** Node makes what it inherits close-on-exec: before this process is replaced by itself, that is taken back. */
export function keepActivatedSockets(environment: NodeJS.ProcessEnv): void {
  for (let fd = FIRST_FD; fd < FIRST_FD + activatedCount(environment); fd++) setInherited(fd, true);
}

/** Descriptors for `fd://`, `fd://*` (all) or `fd://3`. @throws in dockerd's words */
export function activatedFds(host: string, count: number): number[] {
  const which = host.slice('fd://'.length);
  const refuse = (reason: string): never => {
    throw new CausewayError('invalid', `failed to load listeners: ${host}: ${reason}`);
  };
  if (count === 0)
    return refuse('no sockets found via socket activation: make sure the service was started by systemd');
  const all = Array.from({ length: count }, (_, index) => FIRST_FD + index);
  if (which === '' || which === '*') return all;
  if (!/^\d{1,9}$/.test(which)) return refuse(`failed to parse systemd fd address: should be a number: ${which}`);
  if (!all.includes(Number(which))) return refuse('too few socket activated files passed in by systemd');
  return [Number(which)];
}

/** No child may take the sockets for its own. */
export function forgetActivation(environment: NodeJS.ProcessEnv): void {
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name];
}

export function closeToChildren(count: number): void {
  for (let fd = FIRST_FD; fd < FIRST_FD + count; fd++) setInherited(fd, false);
}
