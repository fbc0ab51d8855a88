/** What is measured, and what is to be reached. A ratio is against dockerd in the same run. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly unit: 's' | 'ms' | 'MB' | '/s' | 'Gbit/s' | 'times';
  readonly better: 'lower' | 'higher';
  readonly goal?: { readonly ratio: number } | { readonly value: number };
}

/**
 * `docker ...` is timed as its user waits for it, the client's start (which is none of the engine's doing) included;
 * `API:` is one request on an open socket.
 */
export const ROWS: readonly Row[] = [
  { name: 'run', title: 'run --rm busybox true, default bridge', unit: 's', better: 'lower', goal: { ratio: 0.4 } },
  {
    name: 'run-user-network',
    title: 'run --rm busybox true, user network',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.35 },
  },
  { name: 'exec', title: 'exec true', unit: 's', better: 'lower' },
  { name: 'cp-in', title: 'cp of 5000 files into a container', unit: 's', better: 'lower' },
  { name: 'cp-out', title: 'cp of 5000 files out of a container', unit: 's', better: 'lower' },
  { name: 'cp-in-big', title: 'cp of 1 GB into a container', unit: 's', better: 'lower' },
  { name: 'cp-out-big', title: 'cp of 1 GB out of a container', unit: 's', better: 'lower' },
  { name: 'export', title: 'export of a container with 5000 files', unit: 's', better: 'lower' },
  { name: 'load', title: 'load of an image with 5000 files', unit: 's', better: 'lower' },
  { name: 'run-100-ports', title: 'run -d -p 8000-8099:8000-8099', unit: 's', better: 'lower', goal: { ratio: 0.03 } },
  { name: 'memory-100-ports', title: 'memory of the engine for these 100 ports (RSS)', unit: 'MB', better: 'lower' },
  { name: 'run-1000-ports', title: 'run -d -p 20000-20999:20000-20999', unit: 's', better: 'lower' },
  { name: 'memory-1000-ports', title: 'memory of the engine for these 1000 ports (RSS)', unit: 'MB', better: 'lower' },
  { name: 'network-create', title: 'network create', unit: 's', better: 'lower', goal: { ratio: 0.3 } },
  {
    name: 'network-connect',
    title: 'network connect, running container',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.4 },
  },
  { name: 'network-disconnect', title: 'network disconnect', unit: 's', better: 'lower' },
  { name: 'network-rm', title: 'network rm', unit: 's', better: 'lower' },
  { name: 'api-network-create', title: 'API: network create', unit: 'ms', better: 'lower', goal: { ratio: 0.3 } },
  { name: 'api-network-connect', title: 'API: network connect', unit: 'ms', better: 'lower', goal: { ratio: 0.3 } },
  {
    name: 'api-network-disconnect',
    title: 'API: network disconnect',
    unit: 'ms',
    better: 'lower',
    goal: { ratio: 0.3 },
  },
  { name: 'api-network-rm', title: 'API: network rm', unit: 'ms', better: 'lower', goal: { ratio: 0.3 } },
  {
    name: 'connect-at-10',
    title: 'connect, 10 endpoints on the network (no process, no API)',
    unit: 'ms',
    better: 'lower',
  },
  {
    name: 'connect-at-1000',
    title: 'connect, 1000 endpoints on the network (no process, no API)',
    unit: 'ms',
    better: 'lower',
  },
  { name: 'connect-growth', title: 'the second by the first', unit: 'times', better: 'lower', goal: { value: 1.5 } },
  { name: 'rm-41', title: 'rm -f of 41 running containers', unit: 's', better: 'lower', goal: { ratio: 0.2 } },
  {
    name: 'memory-per-container',
    title: 'processes per container with one published port (RSS)',
    unit: 'MB',
    better: 'lower',
    goal: { value: 4 },
  },
  {
    name: 'memory-per-container-pss',
    title: 'the same, pages in common counted once (PSS)',
    unit: 'MB',
    better: 'lower',
  },
  { name: 'memory-growth', title: 'the same, with what the daemon grew by (RSS)', unit: 'MB', better: 'lower' },
  { name: 'memory-at-rest', title: 'daemon and DNS at rest (RSS)', unit: 'MB', better: 'lower', goal: { value: 130 } },
  { name: 'dns-queries', title: 'DNS queries for a container name', unit: '/s', better: 'higher', goal: { ratio: 2 } },
  { name: 'dns-latency', title: 'DNS mean latency at 1000 queries/s', unit: 'ms', better: 'lower' },
  { name: 'dns-flood-latency', title: 'DNS median while a neighbour asks without end', unit: 'ms', better: 'lower' },
  {
    name: 'dns-flood',
    title: 'the same by the median without that flood',
    unit: 'times',
    better: 'lower',
    goal: { value: 2 },
  },
  {
    name: 'dns-queries-200',
    title: 'DNS queries, 200 containers on the network',
    unit: '/s',
    better: 'higher',
    goal: { ratio: 2 },
  },
  { name: 'dns-latency-200', title: 'DNS mean latency at 1000 queries/s, 200 containers', unit: 'ms', better: 'lower' },
  {
    name: 'memory-resolver-200',
    title: 'resolver with 200 containers (RSS; dockerd: within)',
    unit: 'MB',
    better: 'lower',
  },
  { name: 'memory-resolver-500', title: 'resolver with 500 containers (RSS)', unit: 'MB', better: 'lower' },
  {
    name: 'throughput-containers',
    title: 'throughput container to container',
    unit: 'Gbit/s',
    better: 'higher',
    goal: { ratio: 1 },
  },
  {
    name: 'throughput-published',
    title: 'throughput host to published port, 127.0.0.1',
    unit: 'Gbit/s',
    better: 'higher',
    goal: { ratio: 1.3 },
  },
  {
    name: 'requests',
    title: 'HTTP requests to nginx, another host to a published port',
    unit: '/s',
    better: 'higher',
    goal: { ratio: 1 },
  },
  { name: 'connections', title: 'new connections through a published port', unit: '/s', better: 'higher' },
  { name: 'connections-2000-ports', title: 'the same with 2000 ports published', unit: '/s', better: 'higher' },
];
