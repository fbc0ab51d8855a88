/**
 * The composition root: every room's parts are made and handed to each other here and nowhere else. Starting is a list
 * of steps with an undo each; ending runs them back. Containers outlive the daemon unless --live-restore=false.
 */
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatTimeNs, systemClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import { limitLog } from '../base/log-limit.ts';
import { createLog, type Log } from '../base/log.ts';
import { BLOCKED_MESSAGE, LoopWatchdog } from '../base/loop-watchdog.ts';
import { UndoStack } from '../base/undo.ts';
import { within } from '../base/within.ts';
import { BuildService } from '../build/build-service.ts';
import { cachedStepIds } from '../build/step-cache.ts';
import { Builder } from '../build/builder.ts';
import { KeptContexts } from '../build/session/kept-contexts.ts';
import { createApiServer } from '../api/server.ts';
import { CdiRegistry } from '../oci/cdi/cdi-registry.ts';
import { DeviceDrivers } from '../oci/device-drivers.ts';
import { afterAdoption } from '../engine/after-adoption.ts';
import { createEngine, type Engine } from '../engine/engine.ts';
import { Archives } from '../image/archives.ts';
import { ImageStore } from '../image/image-store.ts';
import { RootfsStore } from '../image/rootfs.ts';
import { endProcess } from '../kernel/end-process.ts';
import { SilentMounts } from '../kernel/silent-mounts.ts';
import type { NetworkRecord } from '../model/network.ts';
import { createNetworkService, type NetworkStore, type SandboxRecord } from '../network/service.ts';
import { makeLogKeeper } from '../oci/logs/log-thread.ts';
import { MountSources } from '../oci/mount-sources.ts';
import { Runtime } from '../oci/runtime.ts';
import { Store, type Change } from '../store/store.ts';
import { checkHosts, listenOn, type ApiListening } from './api-sockets.ts';
import { buildInfo } from './build-info.ts';
import { clientLimits } from './client-limits.ts';
import { unreadByClient, whenClientGone } from './client-sockets.ts';
import { integrationNotes, refuseLogOptions } from './config-check.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { makeDirectory } from './directories.ts';
import { dockerInstalled } from './docker-installed.ts';
import { engineId, findProgram, hostBasics, initProgram } from './host-facts.ts';
import { infoFacts } from './info-facts.ts';
import { takeInstanceLock, takeNetworkLock } from './instance-lock.ts';
import { isFeatureOff } from './features.ts';
import { LiveConfig } from './live-config.ts';
import { EngineMetrics } from './metrics/engine-metrics.ts';
import { exposition } from './metrics/exposition.ts';
import { serveMetrics } from './metrics/metrics-server.ts';
import { giveBackWhenQuiet } from './quiet-memory.ts';
import { patienceSetting } from './patience-setting.ts';
import { preparePrivateMounts } from './private-mounts.ts';
import { adjustOomScore, setProxies } from './process-settings.ts';
import { RECORD_SHAPES } from './record-shapes.ts';
import { loadSeccompProfile } from './seccomp-file.ts';
import { reload, type ReloadParts } from './reload.ts';
import { activatedCount, closeToChildren, forgetActivation } from './socket-activation.ts';
import { withWayOut } from './start-failure.ts';
import { tlsOptions } from './tls-context.ts';
import { Hangups } from './hangups.ts';
import { imageDirectory, stateDirectory } from './state-report.ts';
import { ResolverProcess } from './resolver-process.ts';
import { chooseRuntime, runtimeTable } from './runtime-choice.ts';
import { takeServiceManager } from './service-manager.ts';
import { nameUnwritable, type Directories } from './unwritable.ts';

/**
 * `argv`: the command line that the configuration was read from, for a reload. `hostMounts`: the path of the host's mount
 * namespace.
 */
export async function runDaemon(config: DaemonConfig, argv: readonly string[], hostMounts: string): Promise<void> {
  const live = new LiveConfig(config);
  const log = limitLog(createLog(live.logging({ atTerminal: process.stderr.isTTY })));
  const activated = activatedCount(process.env);
  closeToChildren(activated);
  forgetActivation(process.env);
  const ready = takeServiceManager(process.env, log);
  // Every request answers for its own errors; an unhandled one must not end the containers' engine.
  process.on('unhandledRejection', (reason) =>
    log.error({ error: reason instanceof Error ? reason.stack : String(reason) }, 'an error that nobody waited for'),
  );
  for (const note of config.notes) log.warn({}, note);
  for (const note of integrationNotes(config)) log.info({}, note);
  const undo = new UndoStack();
  const watchdog = new LoopWatchdog((block) => log.warn(block, BLOCKED_MESSAGE));
  undo.push('watchdog', () => watchdog.close());
  undo.push('memory', giveBackWhenQuiet());
  // Also while containers are being started: what is under way comes to its end, and no more is begun.
  const ended = nextSignal();
  // A second signal means now.
  void ended.then(nextSignal).then(() => endProcess(1));
  const starting = start(live, hostMounts, activated, log, undo, ended);
  endWithin(starting, ended, config.shutdownTimeoutS);
  const hangups = new Hangups();
  let started: Started;
  try {
    started = await starting;
  } catch (error) {
    // Before room is made by what is undone.
    const explained = withWayOut(error, { ...roots(config), '--pidfile': dirname(config.pidFile) });
    for (const failure of await undo.unwind())
      log.warn({ step: failure.name, error: errorMessage(failure.error) }, 'undo of a failed start');
    throw explained;
  }
  hangups.act(() => reload({ live, argv, log, ...started.reloading }));
  ready();
  const signal = await ended;
  log.info({ signal }, 'shutting down');
  if (!live.current.liveRestore) await started.engine.stopAll(live.current.shutdownTimeoutS);
  const { length } = started.engine.runningIds();
  if (length > 0)
    log.info({}, `${length} ${length === 1 ? 'container goes' : 'containers go'} on running: ${HOW_TO_END_THEM}`);
  for (const failure of await undo.unwind())
    log.warn({ step: failure.name, error: errorMessage(failure.error) }, 'shutdown');
  // Whatever still holds the event loop (a client's stream, a timer) is of no use now.
  endProcess(0);
}

const HOW_TO_END_THEM =
  'the next daemon takes them up. To end them, start it and run `causeway stop $(causeway ps -q)`';

/** A daemon that is ended before it serves has that long to begin serving, and then to end in order. */
function endWithin(starting: Promise<unknown>, ended: Promise<unknown>, timeoutS: number): void {
  void ended
    .then(() => within(starting, timeoutS < 0 ? Infinity : timeoutS * 1000))
    .then((inTime) => inTime || endProcess(1))
    .catch(() => {}); // a start that fails ends it too
}

interface Started {
  readonly engine: Engine;
  readonly reloading: Pick<ReloadParts, 'addRuntimes' | 'defaultRuntime' | 'publish'>;
}

async function start(
  live: LiveConfig,
  hostMounts: string,
  activated: number,
  log: Log,
  undo: UndoStack,
  ended: Promise<unknown>,
): Promise<Started> {
  const config = live.current;
  const startedAt = formatTimeNs(systemClock.nowNs());
  const build = buildInfo();
  const listening: ApiListening = {
    hosts: config.hosts,
    group: config.socketGroup,
    tls: tlsOptions(config.tls),
    isExplicit: config.tls.isExplicit,
    activated,
    limits: clientLimits(Math.max(1, config.hosts.length)),
  };
  refuseLogOptions(config);
  await checkHosts(listening);
  setProxies(config.proxies, log);
  if (config.oomScoreAdjust !== undefined) adjustOomScore(config.oomScoreAdjust, log);
  const execRootLock = join(config.execRoot, 'causeway.pid');
  undo.push('network', await takeNetworkLock(log));
  undo.push('pid file', takeInstanceLock(config.pidFile));
  makeDirectory(config.execRoot, 0o711);
  if (config.pidFile !== execRootLock) undo.push('exec root', takeInstanceLock(execRootLock));
  // No x for others: they would reach the programs of images, set-user-ID ones included (CVE-2021-41091).
  makeDirectory(config.dataRoot, 0o710);
  undo.push('data root', takeInstanceLock(join(config.dataRoot, 'daemon.pid')));
  const cgroupMode = preparePrivateMounts(config.execRoot, log);
  const seccompProfile = loadSeccompProfile(config.seccompProfile);

  const store = Store.open(stateDirectory(config.dataRoot), {
    shapes: RECORD_SHAPES,
    log: log.child({ room: 'store' }),
  });
  undo.push('state', () => store.close());
  const buildDirectory = join(config.dataRoot, 'build');
  const images = await ImageStore.open(imageDirectory(config.dataRoot), {
    log: log.child({ room: 'image' }),
    registries: live.registries(),
    stepIds: () => cachedStepIds(buildDirectory, log),
  });
  undo.push('images', () => images.close());
  const rootfs = RootfsStore.open(join(config.dataRoot, 'rootfs'), images, { log: log.child({ room: 'image' }) });

  const id = await engineId(config.dataRoot);

  const patience = patienceSetting(process.env['CAUSEWAY_PATIENCE']);
  const runtimes = runtimeTable(config.runtimes, scriptDirectory(config));
  const runtime = new Runtime({
    runtimes,
    defaultRuntime: config.defaultRuntime || 'crun',
    conmonPath: findProgram('conmon') ?? 'conmon',
    stateDir: join(config.execRoot, 'oci'),
    patience,
    log: log.child({ room: 'oci' }),
  });
  undo.push('runtime', () => runtime.close());

  const resolver = new ResolverProcess({
    program: process.env['CAUSEWAY_DNS_PROGRAM'] ?? join(dirname(fileURLToPath(import.meta.url)), 'dns.mjs'),
    execRoot: config.execRoot,
    answerTimeoutMs: patience.resolverMs,
    log: log.child({ room: 'dns' }),
    version: `${build.version}+${build.gitCommit}`,
  });
  // Without containers it is not needed; with them it serves until the next daemon comes.
  undo.push('resolver', async () => resolver.close({ quit: await resolver.servesNobody() }));
  // Side by side: both wait for another process.
  const resolverStarts = resolver.start();
  const choosing = chooseRuntime(runtimes, config.defaultRuntime, (name) => runtime.probe(name), log);
  // Without a runtime too: only a resolver that has come can be told to go.
  await Promise.allSettled([choosing, resolverStarts]);
  const chosen = await choosing;
  await resolverStarts;
  const defaultRuntime = (): string => live.current.defaultRuntime || chosen;
  const network = createNetworkService({
    config: {
      hostId: id,
      execRoot: config.execRoot,
      stateDir: stateDirectory(config.dataRoot),
      bridgeName: config.bridgeName,
      defaultBridgeName: config.defaultBridgeName,
      dockerInstalled: dockerInstalled(),
      bip: config.bip,
      fixedCidr: config.fixedCidr,
      bip6: config.bip6,
      fixedCidrV6: config.fixedCidrV6,
      defaultGateway: config.defaultGateway,
      defaultGatewayV6: config.defaultGatewayV6,
      networkOptions: config.networkOptions,
      addressPools: config.addressPools,
      dns: config.dns,
      dnsSearch: config.dnsSearch,
      dnsOptions: config.dnsOptions,
      icc: config.icc,
      ipv6: config.ipv6,
      mtu: config.mtu,
      hostBindingIp: config.hostBindingIp,
      hostGatewayIps: config.hostGatewayIps,
      dnsTtlS: config.dnsTtlS,
      ipMasq: config.ipMasq,
      ipForward: config.ipForward,
      firewallIntegration: config.firewallIntegration,
      ip6tablesWay: config.ip6tablesWay,
      directRouting: config.directRouting,
      inputPolicy: config.inputPolicy,
      hostResolvConf: '/etc/resolv.conf',
      stubResolvConf: '/run/systemd/resolve/resolv.conf',
    },
    store: networkStore(store),
    resolver,
    log: log.child({ room: 'network' }),
  });

  // Asked once for each set of runtimes: it starts a program for each.
  let versions: ReturnType<Runtime['version']> | undefined;
  const runtimeVersions = (): ReturnType<Runtime['version']> => (versions ??= runtime.version());

  const initPath = initProgram(config.initPath);
  const confinement = {
    ulimits: config.ulimits,
    noNewPrivileges: config.noNewPrivileges,
    seccomp: seccompProfile,
  };
  const silent = new SilentMounts(patience.mountMs);
  const sources = new MountSources(silent, hostMounts);
  const devices = new DeviceDrivers({
    cdi: config.cdiSpecDirs && new CdiRegistry(config.cdiSpecDirs, log.child({ room: 'oci' })),
    sources,
    findProgram,
  });
  void devices.list(); // what is broken is told of in the log
  const engine = createEngine({
    config: live.follow((now) => ({
      dataRoot: config.dataRoot,
      execRoot: config.execRoot,
      defaultRuntime: defaultRuntime(),
      runtimeNames: Object.keys(runtimeTable(now.runtimes)),
      hostname: hostname(),
      cgroupMode,
      cgroupParent: config.cgroupParent,
      initPath,
      initByDefault: config.init,
      shmSizeBytes: now.shmSizeBytes,
      ipcMode: now.ipcMode,
      cgroupnsMode: now.cgroupnsMode || (cgroupMode === 'v2' ? 'private' : 'host'),
      confinement,
      linksFollowNames: config.linksFollowNames,
      logDriver: config.logDriver,
      logOptions: config.logOptions,
      patience,
    })),
    clock: systemClock,
    log: log.child({ room: 'engine' }),
    store,
    images,
    rootfs,
    runtime,
    sources,
    devices,
    archives: new Archives(silent),
    logs: makeLogKeeper(log.child({ room: 'oci' })),
    network,
    names: resolver,
    hostFacts: async () =>
      infoFacts(live.current, {
        id,
        build,
        cgroupMode,
        defaultRuntime: defaultRuntime(),
        startedAt,
        versions: await runtimeVersions(),
        networkWarnings: engine.isRestored ? await network.hostWarnings() : [NOT_RESTORED],
        cdi: await devices.list(),
      }),
  });
  undo.push('network', () => network.shutdown());
  undo.push('engine', () => engine.quiesce());
  void ended.then(() => engine.quiesce());
  await engine.look();

  const contexts = new KeptContexts(join(buildDirectory, 'contexts'));
  const builder = new Builder({
    contexts,
    bounds: config.buildCache,
    images,
    rootfs,
    host: engine.steps,
    directory: buildDirectory,
    secretDirectory: join(config.execRoot, 'build-secrets'),
    clock: systemClock,
    log: log.child({ room: 'build' }),
  });
  undo.push('builder', () => builder.close());
  const metrics = new EngineMetrics();
  const backend = {
    ...metrics.timed(afterAdoption(engine, engine.parts)),
    builds: new BuildService(builder, contexts, () => engine.parts.adoptions.whenOver()),
  };
  if (config.metricsAddress !== '') {
    const host = hostBasics();
    const facts = {
      ...host,
      version: build.version,
      commit: build.gitCommit,
      graphdriver: 'overlay2',
      kernel: host.kernelVersion,
      os: host.operatingSystem,
      daemonId: id,
    };
    const read = () => exposition(metrics.read(engine, facts));
    undo.push('metrics', await serveMetrics(config.metricsAddress, read, log));
  }
  const closeSockets = await listenOn(
    () =>
      createApiServer(backend, {
        log: log.child({ room: 'api' }),
        ...build,
        get defaultRuntime() {
          return defaultRuntime();
        },
        get buildkitIsDefault() {
          return !isFeatureOff(live.current, 'buildkit');
        },
        cgroupVersion: cgroupMode === 'v2' ? '2' : '1',
        oldestApi: config.minApiVersion,
        legacyFields: config.apiLegacyFields,
        experimental: config.experimental,
        explain: (error) => nameUnwritable(error, roots(config)),
        unreadBytes: unreadByClient,
        whenGone: whenClientGone,
        maxIdle: listening.limits.idle,
      }),
    listening,
    log,
  );
  undo.push('API sockets', closeSockets);
  log.info({ hosts: config.hosts, version: build.version, runtime: chosen, cgroups: cgroupMode }, 'API listen');
  // Clients are served meanwhile: what they want to change waits for its adoption.
  await engine.restore({ endLeft: !config.liveRestore });
  // What the resolver still knows from an earlier daemon, and this one does not, goes now.
  await resolver.settle();
  log.info({}, 'ready: what an earlier daemon left is taken up');
  return {
    engine,
    reloading: {
      addRuntimes: (next) => {
        runtime.register(runtimeTable(next.runtimes, scriptDirectory(next)));
        versions = undefined;
      },
      defaultRuntime,
      publish: (attributes) => engine.system.publishReload(id, { name: hostname(), ...attributes }),
    },
  };
}

/** Not below the exec root, where nothing can be executed on many hosts. */
const scriptDirectory = ({ dataRoot }: DaemonConfig): string => join(dataRoot, 'runtimes');

const roots = ({ dataRoot, execRoot }: DaemonConfig): Directories => ({
  '--data-root': dataRoot,
  '--exec-root': execRoot,
});

function networkStore(store: Store): NetworkStore {
  return {
    load: () => ({
      networks: store.values<NetworkRecord>('networks'),
      sandboxes: store.values<SandboxRecord>('sandboxes'),
    }),
    commit: (change) =>
      store.commit([
        ...(change.putNetworks ?? []).map((record): Change => ({ table: 'networks', key: record.id, value: record })),
        ...(change.removeNetworks ?? []).map((key): Change => ({ table: 'networks', key, value: undefined })),
        ...(change.putSandboxes ?? []).map((record): Change => ({
          table: 'sandboxes',
          key: record.sandbox.containerId,
          value: record,
        })),
        ...(change.removeSandboxes ?? []).map((key): Change => ({ table: 'sandboxes', key, value: undefined })),
      ]),
  };
}

const NOT_RESTORED =
  'containers and networks of the daemon before are still being taken up: what keeps networks from working is not known yet';

function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}
