/** What is measured, and what is to be reached. A ratio is against dockerd in the same run. */
export interface Row {
  readonly name: string;
  readonly title: string;
  readonly unit: 's' | 'ms' | 'MB' | 'MB/s' | '/s' | 'Gbit/s' | 'times';
  readonly better: 'lower' | 'higher';
  readonly goal?: { readonly ratio: number } | { readonly value: number };
}

/** Operations of the network room beside as many of a kind; with one container each that has ten of the last two. */
export const GROWTH_KINDS = ['containers', 'networks', 'ports', 'names', 'records'] as const;
export type GrowthKind = (typeof GROWTH_KINDS)[number];
export const GROWTH_COUNTS = [10, 100, 1000] as const;

const GROWTH_TITLES: Readonly<Record<GrowthKind, string>> = {
  containers: 'join of a network with N endpoints',
  networks: 'network created beside N others',
  ports: 'join with 10 ports beside N published ones',
  names: 'join with 10 aliases beside N of the network',
  records: "the network's part of a restart, for each of N containers",
};

const growthRows: readonly Row[] = GROWTH_KINDS.flatMap((kind): Row[] => [
  ...GROWTH_COUNTS.map((count): Row => ({
    name: `growth-${kind}-${count}`,
    title: GROWTH_TITLES[kind].replace(/\bN\b/, String(count)),
    unit: 'ms',
    better: 'lower',
  })),
  { name: `growth-${kind}`, title: 'the last by the first', unit: 'times', better: 'lower', goal: { value: 1.2 } },
]);

/**
 * `docker ...` is timed as its user waits for it, the client's start (which is none of the engine's doing) included;
 * `API:` is one request on an open socket.
 */
export const ROWS: readonly Row[] = [
  { name: 'run', title: 'run --rm busybox true, default bridge', unit: 's', better: 'lower', goal: { ratio: 0.2 } },
  {
    name: 'run-user-network',
    title: 'run --rm busybox true, user network',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.2 },
  },
  { name: 'api-run', title: 'API: create, start, wait, remove', unit: 'ms', better: 'lower', goal: { ratio: 0.13 } },
  { name: 'api-create', title: 'API: of it create', unit: 'ms', better: 'lower' },
  { name: 'api-start', title: 'API: of it start', unit: 'ms', better: 'lower', goal: { value: 35 } },
  { name: 'floor-run', title: 'floor of start and wait: conmon and crun alone', unit: 'ms', better: 'lower' },
  { name: 'api-wait', title: 'API: of it wait', unit: 'ms', better: 'lower', goal: { value: 5 } },
  { name: 'api-remove', title: 'API: of it remove', unit: 'ms', better: 'lower', goal: { value: 5 } },
  {
    name: 'api-run-user-network',
    title: 'API: the four, user network',
    unit: 'ms',
    better: 'lower',
    goal: { ratio: 0.13 },
  },
  { name: 'api-run-64', title: 'API: 64 of the four by 8 clients', unit: 's', better: 'lower', goal: { ratio: 0.2 } },
  { name: 'run-32', title: '32 run --rm by 8 docker clients', unit: 's', better: 'lower', goal: { ratio: 0.3 } },
  {
    name: 'start-200',
    title: 'start of 200 containers, two at a time',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.2 },
  },
  { name: 'ps-200', title: 'docker ps, 200 running', unit: 's', better: 'lower', goal: { ratio: 1 } },
  { name: 'api-list-200', title: 'API: list, 200 running', unit: 'ms', better: 'lower', goal: { ratio: 0.3 } },
  { name: 'api-inspect', title: 'API: inspect, 200 running', unit: 'ms', better: 'lower', goal: { ratio: 0.7 } },
  {
    name: 'restart-200',
    title: 'daemon killed, to the first list of 200 running',
    unit: 's',
    better: 'lower',
    goal: { value: 0.5 },
  },
  { name: 'cli-ps', title: 'own ps by docker ps', unit: 's', better: 'lower', goal: { ratio: 1.3 } },
  { name: 'cli-ps-200', title: 'own ps by docker ps, 200 running', unit: 's', better: 'lower', goal: { ratio: 1.3 } },
  { name: 'cli-help', title: 'own --help by docker --help', unit: 's', better: 'lower', goal: { ratio: 1.3 } },
  { name: 'exec', title: 'exec true', unit: 's', better: 'lower', goal: { ratio: 0.45 } },
  { name: 'exec-output', title: 'exec with 200 MB of output', unit: 's', better: 'lower', goal: { ratio: 0.7 } },
  { name: 'logs-write', title: 'lines of 72 bytes into the log', unit: 'MB/s', better: 'higher', goal: { ratio: 1 } },
  { name: 'logs-read', title: 'the same read back', unit: 'MB/s', better: 'higher', goal: { ratio: 1 } },
  {
    name: 'pull-40',
    title: 'pull of 40 MB (1 layer) from a local registry',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.5 },
  },
  { name: 'save-40', title: 'save of it', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'load-40', title: 'load of it', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'floor-unpack-40', title: 'floor: gunzip and tar extract its layer', unit: 's', better: 'lower' },
  { name: 'pull-400', title: 'pull of 400 MB (9 layers)', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'save-400', title: 'save of it', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'load-400', title: 'load of it', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'floor-cp', title: 'floor of cp: tar | tar of the 5000 files', unit: 's', better: 'lower' },
  { name: 'floor-cp-big', title: 'floor of cp: tar | tar of the 1 GB', unit: 's', better: 'lower' },
  { name: 'cp-in', title: 'cp of 5000 files into a container', unit: 's', better: 'lower', goal: { ratio: 0.7 } },
  { name: 'cp-out', title: 'cp of 5000 files out of a container', unit: 's', better: 'lower', goal: { ratio: 0.7 } },
  {
    name: 'cp-in-big',
    title: 'cp of 1 GB (--quick: 100 MB) into a container',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.7 },
  },
  {
    name: 'cp-out-big',
    title: 'cp of 1 GB (--quick: 100 MB) out of a container',
    unit: 's',
    better: 'lower',
    goal: { ratio: 0.7 },
  },
  { name: 'export', title: 'export of a container with 5000 files', unit: 's', better: 'lower' },
  { name: 'save', title: 'save of an image with 5000 files', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
  { name: 'load', title: 'load of it', unit: 's', better: 'lower', goal: { ratio: 0.5 } },
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
  { name: 'connect-growth', title: 'the second by the first', unit: 'times', better: 'lower', goal: { value: 1.2 } },
  ...growthRows,
  { name: 'start-1st', title: 'API: start with 20 ports, no others', unit: 'ms', better: 'lower' },
  { name: 'start-501st', title: 'the same beside 500 containers with 10,000 ports', unit: 'ms', better: 'lower' },
  { name: 'start-growth', title: 'the second by the first', unit: 'times', better: 'lower', goal: { value: 1.2 } },
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
  { name: 'memory-at-rest', title: 'daemon and DNS at rest (RSS)', unit: 'MB', better: 'lower', goal: { value: 90 } },
  {
    name: 'memory-at-rest-pss',
    title: 'the same, pages in common counted once (PSS)',
    unit: 'MB',
    better: 'lower',
  },
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
    title: 'resolver with 200 containers, right after a flood (RSS; dockerd: within)',
    unit: 'MB',
    better: 'lower',
  },
  {
    name: 'memory-resolver-500',
    title: 'resolver with 500 containers, right after a flood (RSS)',
    unit: 'MB',
    better: 'lower',
  },
  {
    name: 'memory-resolver-500-rest',
    title: 'the same, fifteen seconds later',
    unit: 'MB',
    better: 'lower',
    goal: { value: 35 },
  },
  {
    name: 'quiet-stop-500',
    title: "the daemon's thread is busy giving memory back, 500 containers",
    unit: 'ms',
    better: 'lower',
  },
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
