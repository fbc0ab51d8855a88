/** From flags to the body of POST /containers/create. Throws with Docker's sentence for what cannot be. */
import { isAbsolute, normalize, resolve } from 'node:path';
import { readNamedFile } from '../api/user-file.ts';
import { isCdiDevice } from '../../model/cdi-name.ts';
import type {
  CreateBody,
  DeviceRequestBody,
  EndpointSettingsBody,
  HostConfigBody,
  MountBody,
  UpdateBody,
} from '../../wire/container-create.ts';
import type { FlagSet } from '../command/flag-set.ts';
import { parseRamBytes } from '../format/size.ts';
import { cut } from './flag-checks.ts';
import { attachmentTo, checkMac, endpointSettings, isUserDefined, type NetworkAttachment } from './network-flag.ts';
import { parseExpose, parsePublish } from './port-specs.ts';
import { goFileError, readVariableFile } from './variable-file.ts';

/** What `run` changes and looks at is there in any case. */
export interface ContainerConfig extends Omit<CreateBody, 'HostConfig' | 'NetworkingConfig'> {
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  readonly Tty: boolean;
  readonly OpenStdin: boolean;
  StdinOnce: boolean;
  readonly Image: string;
}

export interface CreateRequest {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfigBody;
  readonly endpoints: Readonly<Record<string, EndpointSettingsBody>>;
  readonly autoRemove: boolean;
}

export function createRequest(flags: FlagSet, image: string, words: readonly string[]): CreateRequest {
  if (flags.string('mac-address') !== '') checkMac(flags.string('mac-address'));
  const attach = flags.list('attach');
  const stdin = flags.bool('interactive');
  const swappiness = flags.number('memory-swappiness');
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new Error(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  const { binds, anonymous } = splitVolumes(flags.list('volume'));
  const portBindings = parsePublish(flags.list('publish'));
  const exposed = [...Object.keys(portBindings), ...parseExpose(flags.list('expose'))];
  const devices = flags.list('device');
  const cdiDevices = devices.filter(isCdiDevice);
  const environment = [
    ...flags.list('env-file').flatMap((path) => readVariableFile(path, (name) => process.env[name])),
    ...flags.list('env'),
  ];
  const labels = pairs([...flags.list('label-file').flatMap((path) => readVariableFile(path)), ...flags.list('label')]);
  checkNamespace(flags.string('pid'), '--pid: invalid PID mode', ['host'], true);
  checkNamespace(flags.string('uts'), '--uts: invalid UTS mode', ['host'], false);
  checkNamespace(flags.string('userns'), '--userns: invalid USER mode', ['host'], false);
  checkNamespace(flags.string('cgroupns'), '--cgroupns: invalid CGROUP mode', ['host', 'private'], false);
  const restart = parseRestartPolicy(flags.string('restart'));
  const logOptions = pairs(flags.list('log-opt'));
  if (flags.string('log-driver') === 'none' && flags.list('log-opt').length > 0) {
    throw new Error('invalid logging opts for driver none');
  }
  const { securityOptions, unconfinedPaths } = parseSecurityOptions(flags.list('security-opt'));
  const health = healthCheck(flags);
  const autoRemove = flags.bool('rm');
  const attachStdin = attach.includes('stdin') || stdin;

  const config: ContainerConfig = {
    Hostname: flags.string('hostname'),
    Domainname: flags.string('domainname'),
    User: flags.string('user'),
    AttachStdin: attachStdin,
    AttachStdout: attach.length === 0 || attach.includes('stdout'),
    AttachStderr: attach.length === 0 || attach.includes('stderr'),
    ExposedPorts: exposed.length > 0 ? setOf(exposed) : undefined,
    Tty: flags.bool('tty'),
    OpenStdin: stdin,
    StdinOnce: stdin && attachStdin,
    Env: orNull(environment),
    Cmd: words.length > 0 ? words : null,
    Healthcheck: health,
    Image: image,
    Volumes: setOf(anonymous),
    WorkingDir: flags.string('workdir'),
    Entrypoint: flags.changed('entrypoint') ? [flags.string('entrypoint')] : null,
    Labels: labels,
    StopSignal: flags.string('stop-signal') || undefined,
    StopTimeout: flags.changed('stop-timeout') ? flags.number('stop-timeout') : undefined,
  };
  const networks = flags.objects<NetworkAttachment>('network');
  const hostConfig: HostConfigBody = {
    Binds: orNull(binds),
    ContainerIDFile: flags.string('cidfile'),
    LogConfig: { Type: flags.string('log-driver'), Config: logOptions },
    NetworkMode: networks[0]?.target ?? 'default',
    PortBindings: portBindings,
    RestartPolicy: restart,
    AutoRemove: autoRemove,
    VolumeDriver: flags.string('volume-driver'),
    VolumesFrom: orNull(flags.list('volumes-from')),
    CapAdd: orNull(flags.list('cap-add')),
    CapDrop: orNull(flags.list('cap-drop')),
    CgroupnsMode: flags.string('cgroupns'),
    Dns: flags.list('dns'),
    DnsOptions: flags.list('dns-option'),
    DnsSearch: flags.list('dns-search'),
    ExtraHosts: orNull(flags.list('add-host')),
    GroupAdd: orNull(flags.list('group-add')),
    IpcMode: flags.string('ipc'),
    Links: orNull(flags.list('link')),
    OomScoreAdj: flags.number('oom-score-adj'),
    PidMode: flags.string('pid'),
    Privileged: flags.bool('privileged'),
    PublishAllPorts: flags.bool('publish-all'),
    ReadonlyRootfs: flags.bool('read-only'),
    SecurityOpt: orNull(securityOptions),
    StorageOpt: storageOptions(flags.list('storage-opt')),
    Tmpfs: flags.changed('tmpfs') ? pairs(flags.list('tmpfs'), ':') : undefined,
    UTSMode: flags.string('uts'),
    UsernsMode: flags.string('userns'),
    ShmSize: flags.number('shm-size'),
    Sysctls: flags.changed('sysctl') ? flags.map('sysctl') : undefined,
    Runtime: flags.string('runtime') || undefined,
    Isolation: flags.string('isolation'),
    Annotations: flags.changed('annotation') ? flags.map('annotation') : undefined,
    Mounts: flags.changed('mount') ? flags.objects<MountBody>('mount') : undefined,
    Init: flags.changed('init') ? flags.bool('init') : undefined,
    ...(unconfinedPaths ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
    ...resources(flags),
    Devices: devices.filter((device) => !isCdiDevice(device)).map(parseDevice),
    DeviceRequests: orNull([
      ...flags.objects<DeviceRequestBody>('gpus'),
      ...(cdiDevices.length > 0
        ? [{ Driver: 'cdi', Count: 0, DeviceIDs: cdiDevices, Capabilities: null, Options: null }]
        : []),
    ]),
    MemorySwappiness: swappiness,
    OomKillDisable: flags.bool('oom-kill-disable'),
    PidsLimit: flags.number('pids-limit'),
    CgroupParent: flags.string('cgroup-parent'),
  };
  if (autoRemove && !['', 'no'].includes(restart.Name))
    throw new Error('conflicting options: cannot specify both --restart and --rm');
  return { config, hostConfig, endpoints: networkEndpoints(flags, networks), autoRemove };
}

function resources(flags: FlagSet): UpdateBody {
  return {
    CpuShares: flags.number('cpu-shares'),
    Memory: flags.number('memory'),
    NanoCpus: flags.number('cpus'),
    BlkioWeight: flags.number('blkio-weight'),
    BlkioWeightDevice: flags
      .list('blkio-weight-device')
      .map((text) => ({ Path: cut(text, ':')[0], Weight: Number(cut(text, ':')[1]) })),
    BlkioDeviceReadBps: flags.list('device-read-bps').map(bytesRate),
    BlkioDeviceWriteBps: flags.list('device-write-bps').map(bytesRate),
    BlkioDeviceReadIOps: flags.list('device-read-iops').map(operationsRate),
    BlkioDeviceWriteIOps: flags.list('device-write-iops').map(operationsRate),
    CpuPeriod: flags.number('cpu-period'),
    CpuQuota: flags.number('cpu-quota'),
    CpuRealtimePeriod: flags.number('cpu-rt-period'),
    CpuRealtimeRuntime: flags.number('cpu-rt-runtime'),
    CpusetCpus: flags.string('cpuset-cpus'),
    CpusetMems: flags.string('cpuset-mems'),
    DeviceCgroupRules: orNull(flags.list('device-cgroup-rule')),
    MemoryReservation: flags.number('memory-reservation'),
    MemorySwap: flags.number('memory-swap'),
    Ulimits: flags.objects<NonNullable<UpdateBody['Ulimits']>[number]>('ulimit'),
  };
}

const bytesRate = (text: string) => ({ Path: cut(text, ':')[0], Rate: parseRamBytes(cut(text, ':')[1] ?? '') });
const operationsRate = (text: string) => ({ Path: cut(text, ':')[0], Rate: Number(cut(text, ':')[1]) });

/** Docker's client sends null for what was not given, and `inspect` shows it so. */
const orNull = <T>(values: readonly T[]): readonly T[] | null => (values.length > 0 ? values : null);

const setOf = (keys: readonly string[]): Record<string, object> => Object.fromEntries(keys.map((key) => [key, {}]));

/** key=value words as an object; a word alone has the empty value. */
export function pairs(words: readonly string[], separator = '='): Record<string, string> {
  return Object.fromEntries(words.map((word) => cut(word, separator)).map(([key, value]) => [key, value ?? '']));
}

/**
 * Volumes with a source are binds (a relative one is resolved here, where it means something); the rest are anonymous.
 */
function splitVolumes(volumes: readonly string[]): { binds: string[]; anonymous: string[] } {
  const binds: string[] = [];
  const anonymous: string[] = [];
  for (const volume of new Set(volumes)) {
    if (volume === '') throw new Error('invalid empty volume spec');
    const [source, rest] = cut(volume, ':');
    if (rest === undefined) anonymous.push(volume);
    else if (source === '') throw new Error(`invalid volume specification: '${volume}'`);
    else binds.push(`${source.startsWith('.') ? resolve(source) : source}:${rest}`);
  }
  return { binds, anonymous };
}

function checkNamespace(value: string, complaint: string, words: readonly string[], joinable: boolean): void {
  if (value === '' || words.includes(value)) return;
  if (joinable && /^container:.+/.test(value)) return;
  throw new Error(complaint);
}

export function parseRestartPolicy(text: string): { Name: string; MaximumRetryCount: number } {
  const [name, count] = cut(text, ':');
  if (count !== undefined && name === '')
    throw new Error('invalid restart policy format: no policy provided before colon');
  if (count !== undefined && count !== '' && !/^[+-]?\d+$/.test(count)) {
    throw new Error('invalid restart policy format: maximum retry count must be an integer');
  }
  return { Name: name, MaximumRetryCount: Number(count ?? 0) };
}

function parseDevice(text: string): NonNullable<HostConfigBody['Devices']>[number] {
  const parts = text.split(':');
  const isMode = (word: string | undefined) =>
    word !== undefined && /^[rwm]{1,3}$/.test(word) && new Set(word).size === word.length;
  if (parts.length > 3 || parts[0] === '') throw new Error(`bad format for path: ${text}`);
  const [host = '', second, third] = parts;
  if (third !== undefined && !isMode(third)) throw new Error(`bad mode specified: ${third}`);
  const inside = second === undefined || (third === undefined && isMode(second)) ? normalize(host) : normalize(second);
  if (!isAbsolute(inside)) throw new Error(`${inside} is not an absolute path`);
  const permissions = third ?? (second !== undefined && isMode(second) ? second : 'rwm');
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

function parseSecurityOptions(options: readonly string[]): { securityOptions: string[]; unconfinedPaths: boolean } {
  const securityOptions = options.map((option) => {
    if (option === 'no-new-privileges') return option;
    let [key, value] = cut(option, '=');
    if (value === undefined) [key, value] = cut(option, ':');
    if (key === 'no-new-privileges') return option;
    if (value === undefined || value === '') throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
    if (key !== 'seccomp' || value === 'unconfined' || value === 'builtin') return option;
    return `seccomp=${readProfile(value)}`;
  });
  const wanted = securityOptions.filter((option) => option !== 'systempaths=unconfined');
  return { securityOptions: wanted, unconfinedPaths: wanted.length < securityOptions.length };
}

function readProfile(path: string): string {
  let text: string;
  try {
    text = readNamedFile(path).toString();
  } catch (error) {
    throw new Error(`opening seccomp profile (${path}) failed: ${goFileError(error, 'open', path)}`);
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${(error as Error).message}`);
  }
}

function storageOptions(options: readonly string[]): Record<string, string> | undefined {
  if (options.length === 0) return undefined;
  for (const option of options) if (!option.includes('=')) throw new Error('invalid storage option');
  return pairs(options);
}

const HEALTH_TIMES = ['health-interval', 'health-timeout', 'health-start-period', 'health-start-interval'] as const;

function healthCheck(flags: FlagSet): CreateBody['Healthcheck'] {
  const [interval, timeout, startPeriod, startInterval] = HEALTH_TIMES.map((name) => flags.number(name));
  const command = flags.string('health-cmd');
  const retries = flags.number('health-retries');
  const wanted = command !== '' || retries !== 0 || HEALTH_TIMES.some((name) => flags.number(name) !== 0);
  if (flags.bool('no-healthcheck')) {
    if (wanted) throw new Error('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  if (!wanted) return undefined;
  for (const name of [
    'health-interval',
    'health-timeout',
    'health-retries',
    'health-start-period',
    'health-start-interval',
  ]) {
    if (flags.number(name) < 0) throw new Error(`--${name} cannot be negative`);
  }
  return {
    Test: command === '' ? undefined : ['CMD-SHELL', command],
    Interval: interval || undefined,
    Timeout: timeout || undefined,
    StartPeriod: startPeriod || undefined,
    StartInterval: startInterval || undefined,
    Retries: retries || undefined,
  };
}

/** --ip, --network-alias and their like belong to the first network. */
function networkEndpoints(
  flags: FlagSet,
  networks: readonly NetworkAttachment[],
): Record<string, EndpointSettingsBody> {
  const endpoints: Record<string, EndpointSettingsBody> = {};
  const wanted = networks.length === 0 ? [attachmentTo('default')] : networks;
  for (const [index, network] of wanted.entries()) {
    const settings = endpointSettings(index === 0 ? withContainerFlags(network, flags) : network);
    if (network.target in endpoints)
      throw new Error(`network ${JSON.stringify(network.target)} is specified multiple times`);
    if (wanted.length === 1 && Object.keys(settings).length === 0) continue;
    endpoints[network.target] = settings;
  }
  const userDefined = networks.filter(({ target }) => isUserDefined(target)).length;
  if (userDefined > 0 && userDefined < networks.length) {
    throw new Error('conflicting options: cannot attach both user-defined and non-user-defined network-modes');
  }
  return endpoints;
}

function withContainerFlags(network: NetworkAttachment, flags: FlagSet): NetworkAttachment {
  const both = (own: boolean, flag: string, what: string) => {
    if (own && flags.changed(flag))
      throw new Error(`conflicting options: cannot specify both --${flag} and per-network ${what}`);
  };
  both(network.aliases.length > 0, 'network-alias', 'alias');
  both(network.links.length > 0, 'link', 'links');
  both(network.ipv4 !== '', 'ip', 'IPv4 address');
  both(network.ipv6 !== '', 'ip6', 'IPv6 address');
  both(network.mac !== '', 'mac-address', 'MAC address');
  both(network.linkLocalIps.length > 0, 'link-local-ip', 'link-local IP addresses');
  const listOr = (own: string[], flag: string) => (flags.changed(flag) ? [...flags.list(flag)] : own);
  return {
    ...network,
    aliases: listOr(network.aliases, 'network-alias'),
    // On the default bridge a link is the container's, not the endpoint's.
    links: isUserDefined(network.target) ? listOr(network.links, 'link') : network.links,
    ipv4: flags.string('ip') || network.ipv4,
    ipv6: flags.string('ip6') || network.ipv6,
    mac: flags.string('mac-address') || network.mac,
    linkLocalIps: listOr(network.linkLocalIps, 'link-local-ip'),
  };
}
