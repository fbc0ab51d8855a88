/**
 * Converts a create request of any API version to the newest where a field means something else: what old clients could
 * not express is filled in. Fields that a version does not know are gone by then (shape/request-fields.ts).
 */
import { invalid } from '../base/errors.ts';
import type { CreateRequest, EndpointSettingsRequest } from '../wire/container-create.ts';
import { isBridge, isHost, isContainer, isUserDefined } from './network-mode.ts';
import { CONFLICT } from './validate-network-mode.ts';
import { olderThan } from './versions.ts';

const SYSCTL_OPTION = 'com.docker.network.endpoint.sysctls';

/** Changes `request` in place; returns warnings. */
export function adaptCreate(request: CreateRequest, version: number, cgroupVersion: '1' | '2'): string[] {
  const older = (text: string) => olderThan(version, text);
  const { HostConfig: host, NetworkingConfig: networking } = request;
  nameDefaultNetwork(request);
  if (older('1.40') && host.IpcMode === '') host.IpcMode = 'shareable';
  if (older('1.41') && cgroupVersion === '1' && host.CgroupnsMode === '') host.CgroupnsMode = 'host';
  if (older('1.42')) {
    for (const mount of host.Mounts) {
      if (mount.Type !== 'volume') mount.VolumeOptions = null;
      if (mount.Type !== 'tmpfs') mount.TmpfsOptions = null;
    }
  } else {
    refuseForeignMountOptions(request);
  }
  if (older('1.44')) {
    const names = Object.keys(networking.EndpointsConfig);
    if (names.length > 1)
      throw invalid(`Container cannot be created with multiple network endpoints: ${names.join(', ')}`);
  }
  return [
    volumeDriverWarning(request, version),
    moveMacAddress(request, version),
    moveSysctls(request, version),
    emptyBindings(host.PortBindings, version),
  ].filter((warning) => warning !== '');
}

/** 'default' is the bridge, here and as a key of EndpointsConfig. */
function nameDefaultNetwork({ HostConfig: host, NetworkingConfig: networking }: CreateRequest): void {
  if (host.NetworkMode !== '' && host.NetworkMode !== 'default') return;
  host.NetworkMode = 'bridge';
  const endpoint = networking.EndpointsConfig['default'];
  if (!endpoint) return;
  networking.EndpointsConfig['bridge'] = endpoint;
  delete networking.EndpointsConfig['default'];
}

function refuseForeignMountOptions({ HostConfig: host }: CreateRequest): void {
  for (const { Type, VolumeOptions, BindOptions, TmpfsOptions } of host.Mounts) {
    const refuse = (name: string) => invalid(`${name} must not be specified on mount type ${JSON.stringify(Type)}`);
    if (VolumeOptions && Type !== 'volume') throw refuse('VolumeOptions');
    if (BindOptions && Type !== 'bind') throw refuse('BindOptions');
    if (TmpfsOptions && Type !== 'tmpfs') throw refuse('TmpfsOptions');
  }
}

/** A port with an empty list, or null, stands for one on a port that is chosen; Docker announces its end since API 1.52. */
function emptyBindings(ports: CreateRequest['HostConfig']['PortBindings'], version: number): string {
  const empty = Object.keys(ports).filter((port) => ports[port]!.length === 0);
  for (const port of empty) ports[port] = [{ HostIp: '', HostPort: '' }];
  if (empty.length === 0 || olderThan(version, '1.52')) return '';
  return `Following container port(s) have an empty list of port-bindings: ${empty.join(', ')}. Such bindings will be discarded in a future version.`;
}

function volumeDriverWarning({ HostConfig: host }: CreateRequest, version: number): string {
  if (host.VolumeDriver === '' || olderThan(version, '1.48')) return '';
  const ambiguous = host.Mounts.some(
    (mount) => mount.Type === 'volume' && (mount.VolumeOptions?.DriverConfig?.Name ?? '') === '',
  );
  return ambiguous
    ? "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead"
    : '';
}

/** The container-wide MAC address belongs to the endpoint of the main network since 1.44. */
function moveMacAddress(request: CreateRequest, version: number): string {
  const { HostConfig: host, NetworkingConfig: networking, MacAddress: mac } = request;
  const hasOwnNetwork = isBridge(host.NetworkMode) || isUserDefined(host.NetworkMode);
  if (olderThan(version, '1.44')) {
    if (mac === '') {
      // Old clients could not mean it: the value is copied from an inspect.
      for (const endpoint of Object.values(networking.EndpointsConfig)) endpoint.MacAddress = '';
      return '';
    }
    if (!hasOwnNetwork) throw invalid(CONFLICT.mac);
    mainEndpoint(request, version).MacAddress = mac;
    return '';
  }
  if (mac === '') return '';
  if (hasOwnNetwork) {
    let endpoint: EndpointSettingsRequest;
    try {
      endpoint = mainEndpoint(request, version);
    } catch (error) {
      throw invalid(`unable to migrate container-wide MAC address to a specific network: ${(error as Error).message}`);
    }
    if (endpoint.MacAddress === '') endpoint.MacAddress = mac;
    else if (endpoint.MacAddress !== mac) {
      throw invalid(
        'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
      );
    }
  }
  request.MacAddress = '';
  return 'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';
}

/** 'net.ipv4.conf.eth0.x' can only be written once the interface exists: it becomes an option of the endpoint. */
function moveSysctls(request: CreateRequest, version: number): string {
  const { HostConfig: host } = request;
  if (isHost(host.NetworkMode) || isContainer(host.NetworkMode)) return '';
  const moved: string[] = [];
  const options: string[] = [];
  let endpoint: EndpointSettingsRequest | undefined;
  for (const [name, value] of Object.entries(host.Sysctls)) {
    const parts = /^net\.([^.]+)\.([^.]+)\.(eth[^.]*)\.(.+)$/.exec(name);
    if (!parts) continue;
    if (!endpoint) {
      if (!olderThan(version, '1.48')) {
        throw invalid(
          `interface specific sysctl setting ${JSON.stringify(name)} must be supplied using driver option '${SYSCTL_OPTION}'`,
        );
      }
      endpoint = mainEndpoint(request, version);
    }
    if (parts[3] !== 'eth0') {
      throw invalid(
        `unable to determine network endpoint for sysctl ${name}, use driver option '${SYSCTL_OPTION}' to set per-interface sysctls`,
      );
    }
    moved.push(name);
    options.push(`net.${parts[1]}.${parts[2]}.IFNAME.${parts[4]}=${value}`);
  }
  if (!endpoint) return '';
  const option = options.join(',');
  const existing = endpoint.DriverOpts[SYSCTL_OPTION];
  endpoint.DriverOpts[SYSCTL_OPTION] = existing === undefined ? option : `${option},${existing}`;
  for (const name of moved) delete host.Sysctls[name];
  return `Migrated sysctl ${JSON.stringify(moved.join(','))} to DriverOpts{${JSON.stringify(SYSCTL_OPTION)}:${JSON.stringify(option)}}.`;
}

/** The endpoint of the network that NetworkMode names, made if there are none at all. */
function mainEndpoint(request: CreateRequest, version: number): EndpointSettingsRequest {
  const { HostConfig: host, NetworkingConfig: networking } = request;
  const endpoints = networking.EndpointsConfig;
  const first = Object.values(endpoints)[0];
  if (!first) return (endpoints[host.NetworkMode] = emptyEndpoint());
  if (olderThan(version, '1.44')) return first;
  const main = endpoints[host.NetworkMode];
  if (!main) throw invalid('HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks');
  return main;
}

function emptyEndpoint(): EndpointSettingsRequest {
  return { IPAMConfig: null, Links: [], Aliases: [], MacAddress: '', DriverOpts: {}, GwPriority: 0, NetworkID: '' };
}
