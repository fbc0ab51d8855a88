/** Which cgroup namespace a container gets that names none: Docker's choice, which is made at create. */
import type { EngineConfig } from '../engine-config.ts';

/**
 * `chosen`: as in the request, '' = none. With cgroup v1 a privileged container sees the host's cgroups whatever the
 * daemon's default is, since what runs in it may manage them.
 */
export function cgroupnsModeOf(
  { cgroupnsMode: chosen, privileged }: { readonly cgroupnsMode: string; readonly privileged: boolean },
  config: Pick<EngineConfig, 'cgroupMode' | 'cgroupnsMode'>,
): string {
  if (chosen !== '') return chosen;
  return privileged && config.cgroupMode !== 'v2' ? 'host' : config.cgroupnsMode;
}
