import { join, posix } from 'node:path';
import type { ContainerRecord } from '../../model/container.ts';
import type { EngineConfig } from '../engine-config.ts';

/** Where a container's own files are, under the data root. */
export interface ContainerPaths {
  readonly dir: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  /** json-file's, which other programs read too. */
  readonly jsonLog: string;
  readonly localLog: string;
  /** What conmon itself wrote in earlier releases. */
  readonly log: string;
}

export function containerPaths(dataRoot: string, id: string): ContainerPaths {
  const dir = join(dataRoot, 'containers', id);
  return {
    dir,
    hosts: join(dir, 'hosts'),
    hostname: join(dir, 'hostname'),
    resolvConf: join(dir, 'resolv.conf'),
    jsonLog: join(dir, `${id}-json.log`),
    localLog: join(dir, 'local-logs', 'container.log'),
    log: join(dir, `${id}.log`),
  };
}

/** What the runtime needs of a run: on a file system that a reboot empties, and that is not full when the disk is. */
export function bundleOf(config: Pick<EngineConfig, 'execRoot'>, id: string): string {
  return join(config.execRoot, 'bundles', id);
}

/** Where /dev/shm of a container that shares it is mounted. */
export function sharedMemoryOf(config: Pick<EngineConfig, 'execRoot'>, id: string): string {
  return join(config.execRoot, 'shm', id);
}

/** Where what is wanted of its volumes is mounted while it is made. */
export function subpathsOf(config: Pick<EngineConfig, 'execRoot'>, id: string): string {
  return join(config.execRoot, 'subpaths', id);
}

/** A parent is taken from the root, as runc does it, however it is written: 'x' and '../../x' are '/x'. */
export function cgroupsPathOf(
  config: Pick<EngineConfig, 'cgroupParent'>,
  record: Pick<ContainerRecord, 'id' | 'spec'>,
): string {
  return posix.resolve('/', record.spec.host.cgroupParent || config.cgroupParent, record.id);
}
