/** What the engine's metrics say, under dockerd's names. Nothing in them is named by a container or a client. */
import type { Engine } from '../../engine/engine.ts';
import { descriptorLimit, openDescriptors } from '../client-limits.ts';
import { ActionTimes } from './action-times.ts';
import type { Metric } from './exposition.ts';

/** Facts that do not change while the daemon runs. */
export interface EngineFacts {
  readonly version: string;
  readonly commit: string;
  readonly architecture: string;
  readonly graphdriver: string;
  readonly kernel: string;
  readonly os: string;
  readonly osVersion: string;
  readonly daemonId: string;
  readonly cpus: number;
  readonly memoryBytes: number;
}

export class EngineMetrics {
  readonly #containers = new ActionTimes(
    'engine_daemon_container_actions_seconds',
    'The number of seconds it takes to process each container action',
    ['changes', 'commit', 'create', 'delete', 'start'],
  );
  readonly #networks = new ActionTimes(
    'engine_daemon_network_actions_seconds',
    'The number of seconds it takes to process each network action',
    ['allocate', 'connect', 'create', 'delete', 'disconnect', 'release'],
  );
  readonly #images = new ActionTimes(
    'engine_daemon_image_actions_seconds',
    'The number of seconds it takes to process each image action',
    ['pull', 'push'],
  );

  /** The engine with its actions timed. */
  timed(engine: Engine): Engine {
    const { containers, networks, images, archives } = engine;
    return {
      ...engine,
      containers: {
        ...containers,
        create: this.#containers.timed('create', containers.create),
        start: this.#containers.timed('start', containers.start),
        remove: this.#containers.timed('delete', containers.remove),
        changes: this.#containers.timed('changes', containers.changes),
      },
      archives: { ...archives, commit: this.#containers.timed('commit', archives.commit) },
      networks: {
        ...networks,
        createNetwork: this.#networks.timed('create', networks.createNetwork),
        removeNetwork: this.#networks.timed('delete', networks.removeNetwork),
        connect: this.#networks.timed('connect', networks.connect),
        disconnect: this.#networks.timed('disconnect', networks.disconnect),
      },
      images: {
        ...images,
        pull: this.#images.timed('pull', images.pull),
        push: this.#images.timed('push', images.push),
      },
    };
  }

  read(engine: Engine, facts: EngineFacts): Metric[] {
    const { counts, events } = engine.system.measures();
    return [
      this.#containers.metric(),
      gauge('engine_daemon_container_states_containers', 'The count of containers in various states', [
        { labels: { state: 'paused' }, value: counts.paused },
        { labels: { state: 'running' }, value: counts.running },
        { labels: { state: 'stopped' }, value: counts.stopped },
      ]),
      gauge('engine_daemon_engine_cpus_cpus', 'The number of cpus that the host system of the engine has', [
        { value: facts.cpus },
      ]),
      gauge('engine_daemon_engine_info', 'The information related to the engine and the OS it is running on', [
        { labels: infoLabels(facts), value: 1 },
      ]),
      gauge(
        'engine_daemon_engine_memory_bytes',
        'The number of bytes of memory that the host system of the engine has',
        [{ value: facts.memoryBytes }],
      ),
      gauge('engine_daemon_events_subscribers_total', 'The number of current subscribers to events', [
        { value: events.subscribers },
      ]),
      counter('engine_daemon_events_total', 'The number of events logged', events.published),
      this.#images.metric(),
      this.#networks.metric(),
      ...processMetrics(),
    ];
  }
}

function infoLabels(facts: EngineFacts): Record<string, string> {
  return {
    architecture: facts.architecture,
    commit: facts.commit,
    daemon_id: facts.daemonId,
    graphdriver: facts.graphdriver,
    kernel: facts.kernel,
    os: facts.os,
    os_type: 'linux',
    os_version: facts.osVersion,
    version: facts.version,
  };
}

const gauge = (name: string, help: string, samples: Metric['samples']): Metric => ({
  name,
  help,
  type: 'gauge',
  samples,
});
const counter = (name: string, help: string, value: number): Metric => ({
  name,
  help,
  type: 'counter',
  samples: [{ value }],
});

/** The process's own, as every Prometheus client has them. */
function processMetrics(): Metric[] {
  const { user, system } = process.cpuUsage();
  const limit = descriptorLimit();
  return [
    counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', (user + system) / 1e6),
    ...(limit === Infinity
      ? []
      : [gauge('process_max_fds', 'Maximum number of open file descriptors.', [{ value: limit }])]),
    gauge('process_open_fds', 'Number of open file descriptors.', [{ value: openDescriptors() }]),
    gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', [{ value: process.memoryUsage.rss() }]),
    gauge('process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', [
      { value: Math.round(performance.timeOrigin) / 1000 },
    ]),
  ];
}
