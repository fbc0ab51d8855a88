import { join } from 'node:path';

/** Where a container's own files are, under the data root. */
export interface ContainerPaths {
  readonly dir: string;
  readonly bundle: string;
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
  readonly log: string;
}

export function containerPaths(dataRoot: string, id: string): ContainerPaths {
  const dir = join(dataRoot, 'containers', id);
  return {
    dir,
    bundle: join(dir, 'bundle'),
    hosts: join(dir, 'hosts'),
    hostname: join(dir, 'hostname'),
    resolvConf: join(dir, 'resolv.conf'),
    log: join(dir, `${id}.log`),
  };
}
