/**
 * A small backend behind the interface that the api declares: containers are plain child processes, everything else
 * is a list in memory. It exists to put known values and real byte streams behind the wire under test.
 */
import { buffer } from 'node:stream/consumers';
import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import type { AttachSession } from '../../src/api/backend/stream.ts';
import type { Backend } from '../../src/api/backend/system.ts';
import { systemClock, ZERO_TIME } from '../../src/base/clock.ts';
import { conflict, invalid, notFound, notModified } from '../../src/base/errors.ts';
import type { ContainerRecord, ContainerSpec } from '../../src/model/container.ts';
import { EMPTY_ENDPOINT_SPEC } from '../../src/model/endpoint.ts';
import type { EngineEvent } from '../../src/model/event.ts';
import { newId } from '../../src/model/ids.ts';
import type { ImageRecord } from '../../src/model/image.ts';
import type { VolumeRecord } from '../../src/model/mount.ts';
import type { BuildOrder } from '../../src/model/build-order.ts';
import { BuildCancelled } from '../../src/model/build-cancelled.ts';
import { StepFailure } from '../../src/model/step-failure.ts';
import { formatPlatform, HOST_PLATFORM, rankPlatform, type Platform } from '../../src/model/platform.ts';
import { parsePort } from '../../src/model/port.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../src/model/network.ts';
import type { ContainerView } from '../../src/model/views.ts';
import type { LogFrame, OutputFrame } from '../../src/model/streams.ts';
import type { ExecSpec } from '../../src/model/exec.ts';
import type { SystemFacts } from '../../src/model/host-summary.ts';

export interface Container {
  record: ContainerRecord;
  process?: ChildProcess;
  frames: LogFrame[];
  exited?: Promise<number>;
  changed: EventEmitter;
}

interface Exec {
  readonly spec: ExecSpec;
  readonly containerId: string;
  started: boolean;
  exitCode: number | null;
  running: boolean;
}

export class Output {
  readonly #queue: OutputFrame[] = [];
  readonly #changed = new EventEmitter();
  #ended = false;

  push(frame: OutputFrame): void {
    this.#queue.push(frame);
    this.#changed.emit('change');
  }

  end(): void {
    this.#ended = true;
    this.#changed.emit('change');
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputFrame> {
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else if (this.#ended) return;
      else await once(this.#changed, 'change');
    }
  }
}

const BRIDGE: NetworkRecord = {
  ...EMPTY_NETWORK_SPEC,
  id: 'b'.repeat(64),
  name: 'bridge',
  driver: 'bridge',
  scope: 'local',
  ipam: {
    driver: 'default',
    options: null,
    pools: [{ subnet: '172.17.0.0/16', ipRange: '', gateway: '172.17.0.1', auxAddresses: {} }],
  },
  options: { 'com.docker.network.bridge.name': 'docker0' },
  createdAt: '2025-01-02T03:04:05.678901234Z',
  pools: [{ subnet: '172.17.0.0/16', ipRange: '', gateway: '172.17.0.1', auxAddresses: {} }],
  bridgeName: 'docker0',
  predefined: true,
};

export const BUSYBOX: ImageRecord = {
  id: `sha256:${'a'.repeat(64)}`,
  createdAt: '2025-01-01T00:00:00Z',
  author: '',
  architecture: 'amd64',
  variant: '',
  os: 'linux',
  config: {
    user: '',
    env: ['PATH=/bin'],
    entrypoint: null,
    cmd: ['sh'],
    workingDir: '/',
    exposedPorts: [],
    volumes: [],
    labels: {},
    stopSignal: '',
    healthcheck: null,
    shell: null,
    onBuild: null,
  },
  history: [
    {
      createdAt: '2025-01-01T00:00:00Z',
      createdBy: 'import',
      comment: 'Imported from -',
      author: '',
      emptyLayer: false,
    },
  ],
  diffIds: [`sha256:${'d'.repeat(64)}`],
  layerSizesBytes: [4_261_502],
  lastTaggedAt: '',
  layers: [],
  sizeBytes: 4_261_502,
  repoTags: ['busybox:latest'],
  repoDigests: [],
  parent: '',
  comment: 'Imported from -',
};

function refuseOther(platform: Platform | undefined): void {
  if (platform && rankPlatform(platform, HOST_PLATFORM) === 0)
    throw notFound(`wrong platform ${formatPlatform(platform)}`);
}

export class MemoryBackend implements Backend {
  /** Contexts that came along with BuildKit's builds. */
  readonly uploads: Buffer[] = [];
  readonly buildsAsked: { readonly order: BuildOrder; readonly context: Buffer }[] = [];
  readonly builds: Backend['builds'] = {
    build: async (order, body, report) => {
      const context: Buffer[] = [];
      for await (const piece of body as AsyncIterable<Buffer>) context.push(piece);
      this.buildsAsked.push({ order, context: Buffer.concat(context) });
      const [id, step, steps] = ['sha256:1', 1, 1];
      report({ news: 'step', id, after: '', step, steps, text: 'FROM busybox', place: undefined });
      report({ news: 'state', id, imageId: BUSYBOX.id });
      for (const text of this.buildOutput) report({ news: 'output', id, stream: 'stdout', text });
      if (order.target !== '') throw new StepFailure(['false'], 1);
      return BUSYBOX.id;
    },
    solve: async (order, client, watch, signal, use) => {
      if ('archive' in order.context) this.uploads.push(await buffer(order.context.archive));
      const phase = watch.phase(`[internal] load build definition from ${order.filename}`);
      const secret = await client.secret('one', signal);
      phase.status('transferring', 1, 1);
      phase.end();
      watch.source(order.filename, 'FROM busybox\nRUN true\nENV A=b\n# last\nRUN false\n');
      const step = (id: string, text: string, number: number): void =>
        watch.report({
          news: 'step',
          id,
          after: '',
          step: 1,
          steps: 4,
          text,
          place: { stage: 'stage-0', step: number, steps: 3 },
        });
      const end = (id: string, cause?: unknown): void => {
        const outcome = cause === undefined ? 'done' : 'failed';
        watch.report({ news: 'ended', id, outcome, message: '', cause });
      };
      step('a', 'FROM busybox', 1);
      end('a');
      step('b', 'RUN true', 2);
      watch.report({ news: 'cached', id: 'b' });
      end('b');
      step('c', 'ENV A=b', 0);
      end('c');
      step('d', 'RUN false', 3);
      const text = `secret: ${secret?.toString() ?? 'none'}\n`;
      watch.report({ news: 'output', id: 'd', stream: 'stdout', text });
      if (order.target !== '') {
        const failure = new StepFailure(['/bin/sh', '-c', 'false'], 1);
        end('d', failure);
        throw failure;
      }
      end('d');
      if (order.args.get('forever') !== undefined) {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        this.calls.push('solve cancelled');
        throw new BuildCancelled();
      }
      const names = order.exporters.flatMap((exporter) => exporter.names);
      await use({
        imageId: BUSYBOX.id,
        export: async (index) =>
          new Map([
            ['exported', `${order.exporters[index]!.kind} ${names.join(' ')}`],
            ['containerimage.digest', BUSYBOX.id],
          ]),
      });
      this.calls.push(`solved ${names.join(' ')}`);
    },
    buildCache: async () => [],
    pruneBuildCache: async () => ({ ids: [], spaceReclaimedBytes: 0 }),
  };
  /** What a build says before it ends. */
  buildOutput: readonly string[] = [];
  readonly list = new Map<string, Container>();
  readonly execs = new Map<string, Exec>();
  readonly networkRecords = new Map<string, NetworkRecord>([[BRIDGE.id, BRIDGE]]);
  readonly volumeRecords = new Map<string, VolumeRecord>();
  readonly bus = new EventEmitter();
  readonly specs: ContainerSpec[] = [];
  readonly calls: string[] = [];

  emit(type: EngineEvent['type'], action: string, actorId: string, attributes: Record<string, string> = {}): void {
    this.bus.emit('event', { type, action, actorId, attributes, timeNs: systemClock.nowNs() } satisfies EngineEvent);
  }

  find(ref: string): Container {
    const wanted = ref.replace(/^\//, '');
    for (const container of this.list.values()) {
      if (container.record.name === wanted || container.record.id.startsWith(wanted)) return container;
    }
    throw notFound(`No such container: ${ref}`);
  }

  setState(container: Container, state: Partial<ContainerRecord['state']>): void {
    container.record = { ...container.record, state: { ...container.record.state, ...state } };
  }

  view(container: Container): ContainerView {
    const { record } = container;
    const running = record.state.status === 'running';
    const [bridge] = record.connections;
    return {
      record,
      names: [record.name],
      imageRef: record.spec.image,
      endpoints:
        running && bridge
          ? [
              {
                id: 'e'.repeat(64),
                networkId: bridge.networkId,
                networkName: bridge.networkName,
                containerId: record.id,
                ifname: 'eth0',
                hostIfname: 'veth0',
                mac: '02:42:ac:11:00:02',
                ipv4: '172.17.0.2',
                prefix4: 16,
                ipv6: '',
                prefix6: 0,
                gateway4: '172.17.0.1',
                gateway6: '',
                dnsNames: [record.name],
                spec: bridge.spec,
                published: Object.entries(record.spec.connection.portBindings).flatMap(([port, bindings]) =>
                  bindings.map((binding) => ({
                    port: parseInt(port),
                    protocol: 'tcp' as const,
                    hostIp: binding.hostIp || '0.0.0.0',
                    hostPort: Number(binding.hostPort),
                  })),
                ),
              },
            ]
          : [],
      sandboxId: running ? 's'.repeat(64) : '',
      sandboxKey: running ? '/run/netns/x' : '',
      execIds: [],
      paths: { hosts: '/d/hosts', hostname: '/d/hostname', resolvConf: '/d/resolv.conf', log: '/d/log' },
      graph: {},
      platform: 'linux',
    };
  }

  readonly containers: Backend['containers'] = {
    create: async (name, spec, platform) => {
      refuseOther(platform);
      if (!/^busybox(:|$)/.test(spec.image)) throw notFound(`No such image: ${spec.image}:latest`);
      this.specs.push(spec);
      const id = newId();
      const command = [...(spec.process.entrypoint ?? []), ...(spec.process.cmd ?? ['sh'])];
      const mode = spec.connection.networkMode;
      const record: ContainerRecord = {
        id,
        name: name || `auto_${id.slice(0, 6)}`,
        createdAt: new Date().toISOString(),
        imageId: BUSYBOX.id,
        spec: {
          ...spec,
          process: {
            ...spec.process,
            env: spec.process.env.length > 0 ? spec.process.env : ['PATH=/bin'],
            cmd: spec.process.cmd ?? ['sh'],
          },
        },
        path: command[0]!,
        args: command.slice(1),
        state: {
          status: 'created',
          pid: 0,
          exitCode: 0,
          error: '',
          oomKilled: false,
          startedAt: ZERO_TIME,
          finishedAt: ZERO_TIME,
          health: null,
        },
        restartCount: 0,
        stoppedByUser: false,
        mounts: [],
        connections:
          mode === 'bridge'
            ? [
                {
                  networkId: BRIDGE.id,
                  networkName: 'bridge',
                  spec: spec.connection.networks['bridge'] ?? EMPTY_ENDPOINT_SPEC,
                },
              ]
            : [],
        links: [],
      };
      this.list.set(id, { record, frames: [], changed: new EventEmitter().setMaxListeners(0) });
      this.emit('container', 'create', id, { image: spec.image, name: record.name });
      return { id, warnings: [] };
    },
    start: async (ref) => {
      const container = this.find(ref);
      if (container.process) throw notModified('already started');
      const { record } = container;
      const child = spawn(record.path, [...record.args], { stdio: 'pipe', env: { PATH: process.env['PATH'] } });
      child.stdin.on('error', () => {});
      container.process = child;
      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].on('data', (data: Buffer) => {
          container.frames.push({ stream, data, timeNs: systemClock.nowNs() });
          container.changed.emit('output');
        });
      }
      if (!record.spec.process.openStdin) child.stdin.end();
      container.exited = once(child, 'close').then(([code, signal]) => {
        const exitCode = (code as number | null) ?? (signal === 'SIGKILL' ? 137 : 143);
        this.setState(container, { status: 'exited', exitCode, pid: 0, finishedAt: new Date().toISOString() });
        container.changed.emit('output');
        container.changed.emit('exit');
        this.emit('container', 'die', record.id, { image: record.spec.image, exitCode: String(exitCode) });
        if (record.spec.host.autoRemove) this.list.delete(record.id);
        return exitCode;
      });
      this.setState(container, { status: 'running', pid: child.pid ?? 0, startedAt: new Date().toISOString() });
      container.changed.emit('start');
      this.emit('container', 'start', record.id, { image: record.spec.image, name: record.name });
    },
    stop: async (ref, options) => {
      this.calls.push(`stop ${ref} ${JSON.stringify(options)}`);
      const container = this.find(ref);
      if (container.record.state.status !== 'running') throw notModified('already stopped');
      container.process?.kill('SIGKILL');
      await container.exited;
    },
    restart: async (ref, options) => void this.calls.push(`restart ${ref} ${JSON.stringify(options)}`),
    kill: async (ref, signal) => {
      const container = this.find(ref);
      if (container.record.state.status !== 'running')
        throw conflict(`container ${container.record.id} is not running`);
      container.process?.kill((signal || 'SIGKILL') as NodeJS.Signals);
    },
    pause: async (ref) => this.setState(this.find(ref), { status: 'paused' }),
    unpause: async (ref) => this.setState(this.find(ref), { status: 'running' }),
    remove: async (ref, options) => {
      this.calls.push(`remove ${ref} ${JSON.stringify(options)}`);
      const container = this.find(ref);
      if (container.record.state.status === 'running' && !options.force)
        throw conflict(
          `cannot remove container "/${container.record.name}": container is running: stop the container before removing or force remove`,
        );
      container.process?.kill('SIGKILL');
      this.list.delete(container.record.id);
      container.changed.emit('exit');
    },
    rename: async (ref, name) => {
      const container = this.find(ref);
      container.record = { ...container.record, name };
    },
    update: async (ref, changes) => {
      this.find(ref);
      this.calls.push(`update ${JSON.stringify(changes)}`);
      return { warnings: [] };
    },
    inspect: async (ref) => this.view(this.find(ref)),
    list: async (options) => {
      this.calls.push(`list ${JSON.stringify(options)}`);
      return [...this.list.values()]
        .filter(({ record }) => options.all || record.state.status === 'running')
        .map((container) => this.view(container));
    },
    wait: async (ref, condition) => {
      const container = this.find(ref);
      const over = () =>
        container.record.state.status === 'exited' ||
        (condition !== 'next-exit' && condition !== 'removed' && container.record.state.status === 'created');
      const exited = (async () => {
        if (!over()) await once(container.changed, 'exit');
        return { exitCode: container.record.state.exitCode, error: '' };
      })();
      return { exited };
    },
    top: async (_ref, psArgs) => ({ titles: ['PID', 'CMD'], processes: [['1', psArgs]] }),
    stats: async (ref) => {
      const { record } = this.find(ref);
      return { id: record.id, name: record.name, stats: null };
    },
    changes: async () => [],
    addPorts: async (ref, bindings) => {
      const { record } = await this.containers.inspect(ref, { size: false });
      const ports = Object.entries(bindings).flatMap(([port, list]) =>
        list.map(({ hostIp, hostPort }) => ({
          ...parsePort(port),
          hostIp: hostIp || '0.0.0.0',
          hostPort: Number(hostPort),
        })),
      );
      return { running: record.state.status === 'running', ports };
    },
    removePorts: async (ref, bindings) => this.containers.addPorts(ref, bindings),
    prune: async () => ({ deleted: [], spaceReclaimedBytes: 0 }),
  };

  readonly streams: Backend['streams'] = {
    attach: async (ref, options) => {
      const container = this.find(ref);
      const { tty, stdinOnce } = container.record.spec.process;
      const output = new Output();
      let sent = container.frames.length;
      if (options.logs) sent = 0;
      const pump = () => {
        for (; sent < container.frames.length; sent += 1) output.push(container.frames[sent]!);
        if (container.record.state.status === 'exited' || !this.list.has(container.record.id)) output.end();
      };
      container.changed.on('output', pump);
      pump();
      this.calls.push(`attach ${ref}`);
      return this.#session(container.process, container, output, tty, stdinOnce);
    },
    logs: async (ref, options, signal) => {
      const container = this.find(ref);
      const frames = async function* () {
        let sent = options.tail === -1 ? 0 : Math.max(0, container.frames.length - options.tail);
        for (;;) {
          for (; sent < container.frames.length; sent += 1) yield [container.frames[sent]!];
          if (!options.follow || container.record.state.status === 'exited' || signal.aborted) return;
          await once(container.changed, 'output', { signal }).catch(() => {});
        }
      };
      return { tty: container.record.spec.process.tty, frames: frames() };
    },
    resize: async (ref, rows, columns) => void this.calls.push(`resize ${ref} ${rows} ${columns}`),
    execCreate: async (ref, spec) => {
      const container = this.find(ref);
      if (container.record.state.status !== 'running')
        throw conflict(`container ${container.record.id} is not running`);
      const id = newId();
      this.execs.set(id, { spec, containerId: container.record.id, started: false, exitCode: null, running: false });
      return id;
    },
    execClaim: async (id) => {
      const { spec } = await this.streams.execInspect(id);
      const exec = this.execs.get(id)!;
      if (exec.started) throw conflict(`exec command ${id} has already run`);
      exec.started = true;
      return { spec, start: (options) => this.#startExec(exec, options) };
    },
    execInspect: async (id) => {
      const exec = this.execs.get(id);
      if (!exec) throw notFound(`No such exec instance: ${id}`);
      return {
        id,
        containerId: exec.containerId,
        running: exec.running,
        exitCode: exec.exitCode,
        pid: 0,
        spec: exec.spec,
        openStdin: exec.spec.attachStdin,
      };
    },
    execResize: async (id, rows, columns) => void this.calls.push(`exec-resize ${id} ${rows} ${columns}`),
  };

  #session(
    child: ChildProcess | undefined,
    container: Container | undefined,
    output: Output,
    tty: boolean,
    stdinOnce: boolean | undefined,
  ): AttachSession {
    const stdin = async () => {
      if (!child && container && !container.process) await once(container.changed, 'start');
      return (child ?? container!.process!).stdin!;
    };
    return {
      tty,
      ...(stdinOnce === undefined ? {} : { stdinOnce }),
      output,
      writeStdin: async (chunk) => {
        const pipe = await stdin();
        if (!pipe.write(chunk)) await once(pipe, 'drain');
      },
      closeStdin: async () => void (await stdin()).end(),
      detach: () => {
        this.calls.push('detach');
        output.end();
      },
    };
  }

  readonly archives: Backend['archives'] = {
    statPath: async (ref, path) => {
      this.find(ref);
      if (path !== '/etc/hosts') throw notFound(`Could not find the file ${path} in container ${ref}`);
      return { name: 'hosts', size: 12, mode: 0o644, mtime: '2025-01-01T00:00:00Z', linkTarget: '' };
    },
    getArchive: async (ref, path) => ({
      stat: await this.archives.statPath(ref, path),
      tar: Readable.from([Buffer.from('tar bytes')]),
    }),
    putArchive: async (ref, path, tar) => {
      let size = 0;
      for await (const chunk of tar) size += (chunk as Buffer).length;
      this.calls.push(`put ${ref} ${path} ${size}`);
    },
    exportRootfs: async () => Readable.from([Buffer.from('root tar')]),
    commit: async (ref, options) => {
      this.calls.push(`commit ${ref} ${JSON.stringify(options)}`);
      return BUSYBOX.id;
    },
  };

  readonly names: Backend['names'] = {
    networkNames: async (ref) => {
      const { record } = await this.networks.inspectNetwork(ref);
      const names = [
        {
          name: 'db',
          a: ['172.18.0.2'],
          aaaa: [],
          services: [{ service: '_5432._tcp', target: `db.${record.name}`, port: 5432 }],
        },
      ];
      return { networkId: record.id, networkName: record.name, ttlS: 5, names, reverse: [], containers: [] };
    },
    followQueries: async () =>
      (async function* () {
        const query = {
          time: '2026-01-01T00:00:00.000Z',
          protocol: 'udp' as const,
          name: 'db',
          type: 'A',
          code: 'NOERROR',
          answers: 1,
          durationMs: 0,
        };
        yield* [query, { ...query, name: 'example.com', server: '192.0.2.53:53', durationMs: 12.5 }];
      })(),
  };

  readonly networks: Backend['networks'] = {
    createNetwork: async (spec) => {
      const id = newId();
      const { scope: _scope, ...rest } = spec;
      const pools =
        spec.ipam.pools.length > 0
          ? spec.ipam.pools
          : [{ subnet: '172.18.0.0/16', ipRange: '', gateway: '172.18.0.1', auxAddresses: {} }];
      this.networkRecords.set(id, {
        ...rest,
        driver: spec.driver || 'bridge',
        scope: 'local',
        id,
        createdAt: new Date().toISOString(),
        pools,
        bridgeName: `br-${id.slice(0, 12)}`,
        predefined: false,
      });
      return { id, warnings: [] };
    },
    removeNetwork: async (ref) => void this.networkRecords.delete((await this.networks.inspectNetwork(ref)).record.id),
    inspectNetwork: async (ref) => {
      const record = [...this.networkRecords.values()].find(
        (network) => network.name === ref || network.id.startsWith(ref),
      );
      if (!record) throw notFound(`network ${ref} not found`);
      const endpoints = [...this.list.values()]
        .flatMap((container) =>
          this.view(container).endpoints.map((endpoint) => ({ ...endpoint, containerName: container.record.name })),
        )
        .filter((endpoint) => endpoint.networkId === record.id);
      return { record, endpoints, pools: [] };
    },
    listNetworks: async () =>
      Promise.all([...this.networkRecords.keys()].map((id) => this.networks.inspectNetwork(id))),
    connect: async (ref, container, spec) =>
      void this.calls.push(`connect ${ref} ${container} ${JSON.stringify(spec)}`),
    disconnect: async (ref, container, force) => void this.calls.push(`disconnect ${ref} ${container} ${force}`),
    pruneNetworks: async () => [],
  };

  readonly images: Backend['images'] = {
    listImages: async ({ sharedSize }) => [
      { record: BUSYBOX, containers: this.list.size, graph: {}, sharedSizeBytes: sharedSize ? 1000 : -1 },
    ],
    inspectImage: async (ref, platform) => {
      refuseOther(platform);
      if (!/^(library\/)?busybox/.test(ref) && !BUSYBOX.id.includes(ref)) throw notFound(`No such image: ${ref}`);
      return { record: BUSYBOX, containers: 0, graph: {}, sharedSizeBytes: -1 };
    },
    imageHistory: async (ref, platform) => [(await this.images.inspectImage(ref, platform)).record],
    pull: async (ref, _auth, _platform, report) => {
      if (ref.includes('missing'))
        throw notFound(`pull access denied for ${ref}, repository does not exist or may require 'docker login'`);
      report({ status: 'Pulling from library/busybox', id: 'latest' });
      if (ref.includes('broken')) throw new Error('unexpected EOF');
      report({ status: 'Downloading', id: 'abc', progressDetail: { current: 50, total: 100 } });
      report({ status: `Status: Downloaded newer image for ${ref}` });
    },
    push: async (ref, _auth, platform, report) => {
      refuseOther(platform);
      report({ status: `The push refers to repository [docker.io/library/${ref}]` });
    },
    distribution: async (ref) => {
      if (!ref.startsWith('busybox')) throw notFound('manifest unknown: manifest unknown');
      return {
        descriptor: { mediaType: 'application/vnd.oci.image.index.v1+json', digest: BUSYBOX.id, size: 610 },
        platforms: [
          { os: 'linux', architecture: 'amd64', variant: '' },
          { os: 'linux', architecture: 'arm', variant: 'v7' },
        ],
      };
    },
    tag: async (ref, target) => void this.calls.push(`tag ${ref} ${target}`),
    removeImage: async (ref, { platform }) => {
      refuseOther(platform);
      return [{ untagged: ref }, { deleted: BUSYBOX.id }];
    },
    importImage: async (source, options) => {
      let size = 0;
      for await (const chunk of source) size += (chunk as Buffer).length;
      this.calls.push(`import ${size} ${JSON.stringify(options)}`);
      return BUSYBOX.id;
    },
    loadImages: async (source, report, _signal, platform) => {
      let size = 0;
      for await (const chunk of source) size += (chunk as Buffer).length;
      this.calls.push(`load ${size} ${platform ? formatPlatform(platform) : ''}`);
      if (size === 'garbage'.length) throw invalid('archive/tar: invalid tar header');
      report({ stream: 'Loaded image: busybox:latest\n' });
    },
    saveImages: async (refs, platforms = []) =>
      Readable.from([Buffer.from([...refs, ...platforms.map(formatPlatform)].join(','))]),
    pruneImages: async () => ({ deleted: [], spaceReclaimedBytes: 0 }),
  };

  readonly volumes: Backend['volumes'] = {
    createVolume: async (spec) => {
      const record: VolumeRecord = {
        name: spec.name || newId(),
        driver: 'local',
        createdAt: '2025-01-01T00:00:00.5Z',
        mountpoint: `/v/${spec.name}`,
        labels: spec.labels,
        options: spec.options,
        anonymous: spec.name === '',
      };
      this.volumeRecords.set(record.name, record);
      return { record, refCount: 0, sizeBytes: -1 };
    },
    inspectVolume: async (name) => {
      const record = this.volumeRecords.get(name);
      if (!record) throw notFound(`get ${name}: no such volume`);
      return { record, refCount: 0, sizeBytes: -1 };
    },
    listVolumes: async () => [...this.volumeRecords.values()].map((record) => ({ record, refCount: 0, sizeBytes: 10 })),
    removeVolume: async (name) => void this.volumeRecords.delete((await this.volumes.inspectVolume(name)).record.name),
    pruneVolumes: async (filters) => {
      this.calls.push(`prune-volumes ${JSON.stringify(filters)}`);
      return { deleted: [], spaceReclaimedBytes: 0 };
    },
  };

  readonly system: Backend['system'] = {
    facts: async () => FACTS,
    events: (options, signal) => this.#events(options, signal),
    diskUsage: async () => ({ imageBytes: 4_261_502 }),
    login: async ({ username }) => ({ status: `Login Succeeded for ${username}`, identityToken: '' }),
  };

  async #startExec(exec: Exec, options: { detach: boolean }): Promise<AttachSession | null> {
    const child = spawn(exec.spec.cmd[0]!, exec.spec.cmd.slice(1), { stdio: 'pipe' });
    const [failure] = (await Promise.race([once(child, 'spawn').then(() => []), once(child, 'error')])) as [Error?];
    if (failure) {
      exec.exitCode = 127;
      throw new Error(
        `OCI runtime exec failed: exec failed: exec: "${exec.spec.cmd[0]}": executable file not found in $PATH: unknown`,
      );
    }
    exec.running = true;
    const output = new Output();
    for (const stream of ['stdout', 'stderr'] as const)
      child[stream].on('data', (data: Buffer) => output.push({ stream, data }));
    child.on('close', (code) => {
      exec.exitCode = code;
      exec.running = false;
      output.end();
    });
    if (!exec.spec.attachStdin || options.detach) child.stdin.end();
    return options.detach ? null : this.#session(child, undefined, output, exec.spec.tty, undefined);
  }

  #events(options: { untilNs: bigint | undefined }, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const queue: EngineEvent[] = [];
    const wake = new EventEmitter();
    const arrive = (event: EngineEvent) => {
      queue.push(event);
      wake.emit('change');
    };
    this.bus.on('event', arrive);
    const { bus } = this;
    return (async function* () {
      try {
        while (!signal.aborted) {
          const event = queue.shift();
          if (event) yield event;
          else if (options.untilNs !== undefined && options.untilNs <= systemClock.nowNs()) return;
          else await once(wake, 'change', { signal }).catch(() => {});
        }
      } finally {
        bus.off('event', arrive);
      }
    })();
  }
}

const FACTS: SystemFacts = {
  id: 'ID',
  name: 'testhost',
  version: '0.1.0',
  gitCommit: 'abc1234',
  buildTime: '2025-01-01T00:00:00Z',
  kernelVersion: '6.1.0',
  operatingSystem: 'Debian GNU/Linux 12 (bookworm)',
  osVersion: '12',
  architecture: 'x86_64',
  cpus: 2,
  memoryBytes: 8_000_000_000,
  rootDir: '/var/lib/causeway',
  cgroupVersion: '2',
  cgroupDriver: 'cgroupfs',
  defaultRuntime: 'crun',
  runtimes: { crun: { path: 'crun', version: '1.8.1' } },
  storageStatus: [['Backing Filesystem', 'extfs']],
  securityOptions: ['name=seccomp,profile=builtin', 'name=cgroupns'],
  counts: { containers: 0, running: 0, paused: 0, stopped: 0, images: 1 },
  ipForward: true,
  bridgeNfIptables: false,
  bridgeNfIp6tables: false,
  warnings: [],
  labels: [],
  experimental: false,
  initBinary: 'docker-init',
  registries: { mirrors: [], insecureRegistries: [] },
  proxies: { httpProxy: '', httpsProxy: '', noProxy: '' },
  addressPools: [],
  debug: false,
  liveRestore: true,
  logDriver: 'json-file',
  firewall: [],
  cdi: { directories: ['/etc/cdi'], devices: ['vendor.com/class=name'] },
  components: [{ name: 'crun', version: '1.8.1', details: {} }],
  startedAt: '2025-01-01T00:00:00Z',
  activity: { descriptors: 20, tasks: 5 },
  eventListeners: 2,
};
