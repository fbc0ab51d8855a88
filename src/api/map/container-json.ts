/** A container of the engine -> what inspect and the container list show. */
import { hostname } from 'node:os';
import type { ContainerRecord } from '../../model/container.ts';
import type { Healthcheck } from '../../model/health.ts';
import type { MountPoint } from '../../model/mount.ts';
import type {
  ConfigJson,
  ContainerJson,
  ContainerStateJson,
  HealthcheckJson,
  MountPointJson,
} from '../../wire/container-inspect.ts';
import type { ContainerSummaryJson } from '../../wire/container-summary.ts';
import { toHostConfig, type HostConfigOptions } from './host-config.ts';
import { hostnameOf, portList, toNetworkSettings, toSummaryNetworks } from './network-settings.ts';
import { statusText } from './status-text.ts';
import type { ContainerView, ListedContainer } from '../../model/views.ts';

export interface ShowOptions extends HostConfigOptions {
  readonly version: number;
  readonly storageDriver: string;
}

export function toContainerJson(view: ContainerView, options: ShowOptions): ContainerJson {
  const { record } = view;
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: record.path,
    Args: record.args,
    State: toState(view),
    Image: record.imageId,
    ResolvConfPath: view.paths.resolvConf,
    HostnamePath: view.paths.hostname,
    HostsPath: view.paths.hosts,
    LogPath: view.paths.log,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: options.storageDriver,
    Platform: view.platform,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: view.execIds.length > 0 ? view.execIds : null,
    HostConfig: toHostConfig(record, options),
    GraphDriver: { Data: Object.keys(view.graph).length > 0 ? view.graph : null, Name: options.storageDriver },
    ...(view.sizeRwBytes === undefined ? {} : { SizeRw: view.sizeRwBytes }),
    ...(view.sizeRootFsBytes === undefined ? {} : { SizeRootFs: view.sizeRootFsBytes }),
    Mounts: toMountPoints(record),
    Config: toConfig(view),
    NetworkSettings: toNetworkSettings(view, options.version),
  };
}

export function toContainerSummary(view: ListedContainer, nowMs: number): ContainerSummaryJson {
  const { record } = view;
  const { host, connection } = record.spec;
  const { health } = record.state;
  const annotations = Object.keys(host.annotations).length > 0 ? { Annotations: host.annotations } : {};
  return {
    Id: record.id,
    Names: view.names.map((name) => `/${name}`),
    Image: view.imageRef,
    ImageID: record.imageId,
    Command: commandText(record),
    Created: Math.floor(Date.parse(record.createdAt) / 1000),
    Ports: portList(view),
    ...(view.sizeRwBytes ? { SizeRw: view.sizeRwBytes } : {}),
    ...(view.sizeRootFsBytes ? { SizeRootFs: view.sizeRootFsBytes } : {}),
    Labels: record.spec.labels,
    State: record.state.status,
    Status: statusText(record.state, nowMs, view.networkLost),
    Health: { Status: health?.status ?? 'none', FailingStreak: health?.failingStreak ?? 0 },
    HostConfig: { NetworkMode: connection.networkMode, ...annotations },
    NetworkSettings: { Networks: toSummaryNetworks(view) },
    Mounts: toMountPoints(record),
  };
}

function commandText(record: ContainerRecord): string {
  return [record.path, ...record.args.map((arg) => (arg.includes(' ') ? `'${arg}'` : arg))].join(' ');
}

function toState({ record: { state }, networkLost, missing }: ContainerView): ContainerStateJson {
  const { status, health } = state;
  return {
    Status: status,
    // A container between two runs of its restart policy counts as running.
    Running: status === 'running' || status === 'paused' || status === 'restarting',
    Paused: status === 'paused',
    Restarting: status === 'restarting',
    OOMKilled: state.oomKilled,
    Dead: status === 'dead',
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error:
      state.error ||
      missing ||
      (networkLost === undefined
        ? ''
        : `it has no network: that of container ${networkLost}, which it shares, is down`),
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(health && health.status !== 'none'
      ? {
          Health: {
            Status: health.status,
            FailingStreak: health.failingStreak,
            Log: health.log.map((probe) => ({
              Start: probe.start,
              End: probe.end,
              ExitCode: probe.exitCode,
              Output: probe.output,
            })),
          },
        }
      : {}),
  };
}

function toConfig(view: ContainerView): ConfigJson {
  const { spec } = view.record;
  const { process, connection } = spec;
  return {
    Hostname: connection.networkMode === 'host' && process.hostname === '' ? hostname() : hostnameOf(view),
    Domainname: process.domainname,
    User: process.user,
    AttachStdin: process.attachStdin,
    AttachStdout: process.attachStdout,
    AttachStderr: process.attachStderr,
    ...(connection.exposedPorts.length > 0 ? { ExposedPorts: toSet(connection.exposedPorts) } : {}),
    Tty: process.tty,
    OpenStdin: process.openStdin,
    StdinOnce: process.stdinOnce,
    Env: process.env.length > 0 ? process.env : null,
    Cmd: process.cmd,
    ...(process.healthcheck && { Healthcheck: toHealthcheckJson(process.healthcheck) }),
    ...(process.argsEscaped ? { ArgsEscaped: true } : {}),
    Image: spec.image,
    Volumes: spec.volumes.length > 0 ? toSet(spec.volumes) : null,
    WorkingDir: process.workingDir,
    Entrypoint: process.entrypoint,
    ...(mainMac(view.record) === '' ? {} : { MacAddress: mainMac(view.record) }),
    OnBuild: spec.onBuild,
    Labels: spec.labels,
    ...(process.stopSignal === '' ? {} : { StopSignal: process.stopSignal }),
    ...(process.stopTimeoutS === null ? {} : { StopTimeout: process.stopTimeoutS }),
    ...(spec.shell && spec.shell.length > 0 ? { Shell: spec.shell } : {}),
  };
}

/** The address asked for on the main network; Docker keeps showing it where the container-wide field was. */
function mainMac(record: ContainerRecord): string {
  const { networkMode, macAddress } = record.spec.connection;
  const main = record.connections.find(
    ({ networkName, networkId }) => networkName === networkMode || networkId === networkMode,
  );
  return macAddress || (main?.spec.mac ?? '');
}

export function toHealthcheckJson(check: Healthcheck): HealthcheckJson {
  const json: HealthcheckJson = {};
  if (check.test.length > 0) json.Test = check.test;
  if (check.intervalNs !== 0) json.Interval = check.intervalNs;
  if (check.timeoutNs !== 0) json.Timeout = check.timeoutNs;
  if (check.startPeriodNs !== 0) json.StartPeriod = check.startPeriodNs;
  if (check.startIntervalNs !== 0) json.StartInterval = check.startIntervalNs;
  if (check.retries !== 0) json.Retries = check.retries;
  return json;
}

export function toSet(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** `--tmpfs` mounts are in HostConfig.Tmpfs only; tmpfs mounts made with `--mount` are listed. */
function toMountPoints(record: ContainerRecord): MountPointJson[] {
  const { tmpfs } = record.spec.host;
  return record.mounts.filter((mount) => mount.type !== 'tmpfs' || !(mount.destination in tmpfs)).map(toMountPointJson);
}

function toMountPointJson(mount: MountPoint): MountPointJson {
  return {
    Type: mount.type,
    ...(mount.name === '' ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.driver === '' ? {} : { Driver: mount.driver }),
    Mode: mount.mode,
    RW: mount.rw,
    // A bind without a word on propagation is rprivate; volumes have none.
    Propagation: mount.propagation || (mount.type === 'bind' ? 'rprivate' : ''),
  };
}
