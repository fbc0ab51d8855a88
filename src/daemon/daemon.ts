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
import { createApiServer } from '../api/server.ts';
import { createEngine, type Engine } from '../engine/engine.ts';
import { Archives } from '../image/archives.ts';
import { ImageStore } from '../image/image-store.ts';
import { RootfsStore } from '../image/rootfs.ts';
import { SilentMounts } from '../kernel/silent-mounts.ts';
import type { NetworkRecord } from '../model/network.ts';
import { createNetworkService, type NetworkStore, type SandboxRecord } from '../network/service.ts';
import { MountSources } from '../oci/mount-sources.ts';
import { Runtime } from '../oci/runtime.ts';
import { Store, type Change } from '../store/store.ts';
import { checkHosts, listenOn, unreadByClient } from './api-sockets.ts';
import { buildInfo } from './build-info.ts';
import { integrationNotes } from './config-check.ts';
import type { DaemonConfig } from './daemon-config.ts';
import { makeDirectory } from './directories.ts';
import { dockerInstalled } from './docker-installed.ts';
import { engineId, findProgram, flagOf, hostBasics } from './host-facts.ts';
import { takeInstanceLock, takeNetworkLock } from './instance-lock.ts';
import { patienceSetting } from './patience-setting.ts';
import { preparePrivateMounts } from './private-mounts.ts';
import { RECORD_SHAPES } from './record-shapes.ts';
import { withWayOut } from './start-failure.ts';
import { imageDirectory, stateDirectory, stateWarnings } from './state-report.ts';
import { ResolverProcess } from './resolver-process.ts';
import { chooseRuntime, runtimeTable } from './runtime-choice.ts';
import { takeServiceManager } from './service-manager.ts';
import { nameUnwritable, type Directories } from './unwritable.ts';

export async function runDaemon(config: DaemonConfig): Promise<void> {
  const log = limitLog(createLog(config.logLevel));
  const ready = takeServiceManager(process.env, log);
  // Every request answers for its own errors; an unhandled one must not end the containers' engine.
  process.on('unhandledRejection', (reason) =>
    log.error({ error: reason instanceof Error ? reason.stack : String(reason) }, 'an error that nobody waited for'),
  );
  for (const note of integrationNotes(config)) log.info({}, note);
  const undo = new UndoStack();
  const watchdog = new LoopWatchdog((block) => log.warn(block, BLOCKED_MESSAGE));
  undo.push('watchdog', () => watchdog.close());
  let engine: Engine;
  try {
    engine = await start(config, log, undo);
  } catch (error) {
    // Before room is made by what is undone.
    const explained = withWayOut(error, { ...roots(config), '--pidfile': dirname(config.pidFile) });
    for (const failure of await undo.unwind())
      log.warn({ step: failure.name, error: errorMessage(failure.error) }, 'undo of a failed start');
    throw explained;
  }
  ready();
  const signal = await nextSignal();
  log.info({ signal }, 'shutting down');
  // A second signal means now.
  void nextSignal().then(() => process.exit(1));
  if (!config.liveRestore) await engine.stopAll(config.shutdownTimeoutS);
  for (const failure of await undo.unwind())
    log.warn({ step: failure.name, error: errorMessage(failure.error) }, 'shutdown');
  // Whatever still holds the event loop (a client's stream, a timer) is of no use now.
  process.exit(0);
}

async function start(config: DaemonConfig, log: Log, undo: UndoStack): Promise<Engine> {
  const startedAt = formatTimeNs(systemClock.nowNs());
  const build = buildInfo();
  await checkHosts(config.hosts, config.socketGroup);
  const execRootLock = join(config.execRoot, 'causeway.pid');
  undo.push('network', await takeNetworkLock(log));
  undo.push('pid file', takeInstanceLock(config.pidFile));
  makeDirectory(config.execRoot, 0o711);
  if (config.pidFile !== execRootLock) undo.push('exec root', takeInstanceLock(execRootLock));
  // No x for others: they would reach the programs of images, set-user-ID ones included (CVE-2021-41091).
  makeDirectory(config.dataRoot, 0o710);
  undo.push('data root', takeInstanceLock(join(config.dataRoot, 'daemon.pid')));
  const cgroupMode = preparePrivateMounts(config.execRoot, log);

  const store = Store.open(stateDirectory(config.dataRoot), {
    shapes: RECORD_SHAPES,
    log: log.child({ room: 'store' }),
  });
  undo.push('state', () => store.close());
  const images = await ImageStore.open(imageDirectory(config.dataRoot), {
    log: log.child({ room: 'image' }),
    insecureRegistries: config.insecureRegistries,
  });
  undo.push('images', () => images.close());
  const rootfs = RootfsStore.open(join(config.dataRoot, 'rootfs'), images, { log: log.child({ room: 'image' }) });

  const id = await engineId(config.dataRoot);

  const patience = patienceSetting(process.env['CAUSEWAY_PATIENCE']);
  const runtimes = runtimeTable(config.runtimes);
  const runtime = new Runtime({
    runtimes,
    defaultRuntime: config.defaultRuntime || 'crun',
    conmonPath: findProgram('conmon') ?? 'conmon',
    stateDir: join(config.execRoot, 'oci'),
    patience,
    log: log.child({ room: 'oci' }),
  });
  undo.push('runtime', () => runtime.close());
  const defaultRuntime = await chooseRuntime(runtimes, config.defaultRuntime, (name) => runtime.probe(name), log);

  const resolver = new ResolverProcess({
    program: process.env['CAUSEWAY_DNS_PROGRAM'] ?? join(dirname(fileURLToPath(import.meta.url)), 'dns.mjs'),
    execRoot: config.execRoot,
    answerTimeoutMs: patience.resolverMs,
    log: log.child({ room: 'dns' }),
    version: `${build.version}+${build.gitCommit}`,
  });
  // Without containers it is not needed; with them it serves until the next daemon comes.
  undo.push('resolver', async () => resolver.close({ quit: await resolver.servesNobody() }));
  await resolver.start();
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
      hostGatewayIp: config.hostGatewayIp,
      dnsTtlS: config.dnsTtlS,
      ipMasq: config.ipMasq,
      ipForward: config.ipForward,
      firewallIntegration: config.firewallIntegration,
      ip6tablesWay: config.ip6tablesWay,
      inputPolicy: config.inputPolicy,
      hostResolvConf: '/etc/resolv.conf',
      stubResolvConf: '/run/systemd/resolve/resolv.conf',
    },
    store: networkStore(store),
    resolver,
    log: log.child({ room: 'network' }),
  });

  // Asked once: it starts a program for each.
  let versions: ReturnType<Runtime['version']> | undefined;
  const runtimeVersions = (): ReturnType<Runtime['version']> => (versions ??= runtime.version());
  const components = async (): Promise<{ name: string; version: string; details: Record<string, string> }[]> => {
    const { runtimes: found, conmon } = await runtimeVersions();
    const number = (text: string): string => /\d+\.\d+[^\s,]*/.exec(text)?.[0] ?? text;
    return [
      { name: 'conmon', version: number(conmon), details: {} },
      ...Object.entries(found).map(([name, one]) => ({
        name,
        version: number(one.version),
        details: { Path: one.path },
      })),
    ];
  };

  const silent = new SilentMounts(patience.mountMs);
  const init = findProgram('tini-static', 'docker-init', 'tini') ?? '';
  const engine = createEngine({
    config: {
      dataRoot: config.dataRoot,
      execRoot: config.execRoot,
      defaultRuntime,
      runtimeNames: Object.keys(runtimes),
      hostname: hostname(),
      cgroupMode,
      cgroupParent: config.cgroupParent,
      initPath: init,
      initByDefault: config.init,
      shmSizeBytes: config.shmSizeBytes,
      linksFollowNames: config.linksFollowNames,
      logDriver: config.logDriver,
      logOptions: config.logOptions,
      patience,
    },
    clock: systemClock,
    log: log.child({ room: 'engine' }),
    store,
    images,
    rootfs,
    runtime,
    sources: new MountSources(silent),
    archives: new Archives(silent),
    network,
    names: resolver,
    hostFacts: async () => ({
      ...hostBasics(),
      ...build,
      id,
      rootDir: config.dataRoot,
      cgroupVersion: cgroupMode === 'v2' ? '2' : '1',
      cgroupDriver: 'cgroupfs',
      defaultRuntime,
      runtimes: (await runtimeVersions()).runtimes,
      storageStatus: [
        ['Backing Filesystem', 'extfs'],
        ['Supports d_type', 'true'],
      ],
      // Docker's client shows the last two nowhere else.
      securityOptions: [
        'name=seccomp,profile=builtin',
        ...(cgroupMode === 'v2' ? ['name=cgroupns'] : []),
        ...(config.firewallIntegration ? ['name=firewall-integration'] : []),
        ...(config.inputPolicy ? ['name=respect-input-policy'] : []),
      ],
      ipForward: flagOf('/proc/sys/net/ipv4/ip_forward'),
      bridgeNfIptables: flagOf('/proc/sys/net/bridge/bridge-nf-call-iptables'),
      bridgeNfIp6tables: flagOf('/proc/sys/net/bridge/bridge-nf-call-ip6tables'),
      debug: config.logLevel === 'debug',
      liveRestore: config.liveRestore,
      logDriver: config.logDriver,
      firewall: [
        ['firewall-integration', String(config.firewallIntegration)],
        ['respect-input-policy', String(config.inputPolicy)],
      ],
      warnings: [...stateWarnings(config.dataRoot), ...(await network.hostWarnings())],
      labels: config.labels,
      addressPools: config.addressPools,
      components: await components(),
      startedAt,
    }),
  });
  undo.push('network', () => network.shutdown());
  undo.push('engine', () => engine.quiesce());
  await engine.restore();
  // What the resolver still knows from an earlier daemon, and this one does not, goes now.
  await resolver.settle();

  const closeSockets = await listenOn(
    () =>
      createApiServer(engine, {
        log: log.child({ room: 'api' }),
        ...build,
        defaultRuntime,
        cgroupVersion: cgroupMode === 'v2' ? '2' : '1',
        explain: (error) => nameUnwritable(error, roots(config)),
        unreadBytes: unreadByClient,
      }),
    config.hosts,
    config.socketGroup,
    log,
  );
  undo.push('API sockets', closeSockets);
  log.info({ hosts: config.hosts, version: build.version, runtime: defaultRuntime, cgroups: cgroupMode }, 'API listen');
  return engine;
}

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

function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => resolve(name));
  });
}
