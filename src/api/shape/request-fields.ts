/** Which routes, query parameters and fields of bodies each API version knows. */

export interface BodyField {
  /** 'HostConfig.Mounts[].Type', in Docker's spelling; clients may write it in any case. */
  readonly field: string;
  /** The first version that knows it. */
  readonly since?: string;
  /** The first version that no longer knows it. */
  readonly until?: string;
  /** The sentence that refuses it where the version does not know it; without one it is ignored. */
  readonly refuse?: string;
  /** Only this value is meant. */
  readonly value?: string;
}

/** Routes that do not exist for older clients, by their first version. */
export const ROUTES_SINCE: Readonly<Record<string, string>> = {
  'GET /images/:name/attestations': '1.55',
};

/** Query parameters by their first version, `-` the first version without; to other versions they are unknown. */
export const QUERY_VERSIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'GET /containers/:name/stats': { 'one-shot': '1.41' },
  'POST /containers/:name/restart': { signal: '1.42' },
  'POST /containers/:name/stop': { signal: '1.42' },
  'POST /containers/:name/wait': { condition: '1.30' },
  'POST /containers/create': { platform: '1.41' },
  'GET /images/json': { filter: '-1.41', manifests: '1.47', identity: '1.54', 'shared-size': '1.42' },
  'GET /images/:name/history': { platform: '1.48' },
  'GET /images/:name/json': { manifests: '1.48', platform: '1.49' },
  'GET /images/:name/get': { platform: '1.48' },
  'GET /images/get': { platform: '1.48' },
  'POST /images/create': { platform: '1.32' },
  'POST /images/load': { platform: '1.48' },
  'POST /images/:name/push': { platform: '1.46' },
  'DELETE /images/:name': { platforms: '1.50' },
  'GET /system/df': { type: '1.42', verbose: '1.52' },
};

const MOUNT = 'HostConfig.Mounts[]';
const ENDPOINT = 'NetworkingConfig.EndpointsConfig.*';
const NO_CONTAINER_MAC =
  'container-wide MAC address no longer supported; use endpoint-specific MAC address instead (--mac-address of a newer client, or NetworkingConfig.EndpointsConfig)';

export const BODY_FIELDS: Readonly<Record<string, readonly BodyField[]>> = {
  'POST /containers/create': [
    { field: 'HostConfig.AutoRemove', since: '1.25' },
    { field: `${MOUNT}.BindOptions.NonRecursive`, since: '1.40' },
    { field: `${MOUNT}.BindOptions.CreateMountpoint`, since: '1.42' },
    { field: 'HostConfig.ConsoleSize', since: '1.42' },
    { field: 'HostConfig.Annotations', since: '1.43' },
    { field: 'Healthcheck.StartInterval', since: '1.44' },
    {
      field: `${MOUNT}.BindOptions.ReadOnlyForceRecursive`,
      since: '1.44',
      refuse: 'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer',
    },
    {
      field: `${MOUNT}.VolumeOptions.Subpath`,
      since: '1.45',
      refuse: 'VolumeOptions.Subpath needs API v1.45 or newer',
    },
    { field: `${ENDPOINT}.GwPriority`, since: '1.48' },
    { field: `${MOUNT}.Type`, value: 'image', since: '1.48', refuse: 'Mount type "Image" needs API v1.48 or newer' },
    { field: 'MacAddress', until: '1.52', refuse: NO_CONTAINER_MAC },
  ],
  'POST /containers/:name/update': [
    { field: 'PidsLimit', since: '1.40' },
    ...['WeightDevice', 'DeviceReadBps', 'DeviceWriteBps', 'DeviceReadIOps', 'DeviceWriteIOps'].map((name) => ({
      field: `Blkio${name}`,
      since: '1.55',
    })),
  ],
  'POST /containers/:name/exec': [{ field: 'ConsoleSize', since: '1.42' }],
  'POST /exec/:id/start': [{ field: 'ConsoleSize', since: '1.42' }],
  'POST /networks/create': [{ field: 'EnableIPv4', since: '1.48' }],
  'POST /networks/:id/connect': [
    { field: 'EndpointConfig.GwPriority', since: '1.48' },
    { field: 'EndpointConfig.MacAddress', since: '1.54' },
  ],
  'POST /volumes/create': [{ field: 'ClusterVolumeSpec', since: '1.42' }],
};
