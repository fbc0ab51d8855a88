/**
 * Every key and flag of dockerd 28.5 (and the later ones that files have), and ours. The command line, the file, --help,
 * --validate and docs/daemon.md come from this table.
 */
import { CONTAINER_ROWS } from './container-rows.ts';
import { DAEMON_ROWS } from './daemon-rows.ts';
import { IMAGE_ROWS } from './image-rows.ts';
import { NETWORK_ROWS } from './network-rows.ts';
import type { DaemonOption } from './option.ts';

export const DAEMON_OPTIONS: readonly DaemonOption[] = [
  ...DAEMON_ROWS,
  ...NETWORK_ROWS,
  ...CONTAINER_ROWS,
  ...IMAGE_ROWS,
];

/** Keys that older releases of dockerd had, and files still have: what to write instead. */
export const FORMER_KEYS: Readonly<Record<string, string>> = {
  graph: 'it is "data-root" today',
  'default-init': 'it is "init-path"',
  'resolv-conf': 'servers are given by "dns"',
  'swarm-raft-election-tick': 'there is no swarm mode; leave it away',
  'swarm-raft-heartbeat-tick': 'there is no swarm mode; leave it away',
  'cluster-store': 'swarm classic is gone; leave it away',
  'cluster-store-opts': 'swarm classic is gone; leave it away',
  'cluster-advertise': 'swarm classic is gone; leave it away',
  'disable-legacy-registry': 'registries of version 1 are not spoken to in any case; leave it away',
  'kernel-memory': 'kernels have no such limit any more; leave it away',
  'api-enable-cors': 'use a reverse proxy where CORS headers are needed',
  'fixed-cidr-ipv6': 'it is "fixed-cidr-v6"',
  'lxc-conf': 'containers do not run by LXC; leave it away',
  'exec-driver': 'containers do not run by LXC; leave it away',
};
