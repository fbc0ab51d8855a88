/**
 * Which fields of an answer each API version has. Mappers give every field of every version; what a version does not
 * have is taken out of the answer (shape.ts). A value that differs by version, not by being there, is the mappers'.
 */
export interface AnswerField {
  /** 'Config.Cmd'; '[]' is each element of a list, '*' each value of a map. */
  readonly field: string;
  /** The first version that has it. */
  readonly since?: string;
  /** The first version that no longer has it. */
  readonly until?: string;
  /** The first version that leaves it out where it is empty. */
  readonly emptyUntil?: string;
  /** Clients still read it: the daemon can be told to keep it in versions that do not have it. */
  readonly legacy?: true;
}

const until = (version: string, names: readonly string[], extra: { legacy?: true } = {}): AnswerField[] =>
  names.map((field) => ({ field, until: version, ...extra }));
const emptyUntil = (version: string, names: readonly string[]): AnswerField[] =>
  names.map((field) => ({ field, emptyUntil: version }));
const below = (parent: string, names: string): string[] => names.split(' ').map((name) => `${parent}.${name}`);

export const ANSWER_FIELDS: Readonly<Record<string, readonly AnswerField[]>> = {
  'GET /containers/json': [
    { field: '[].HostConfig.Annotations', since: '1.46' },
    { field: '[].Health', since: '1.52' },
  ],
  'GET /containers/:name/json': [
    ...until(
      '1.52',
      below(
        'NetworkSettings',
        'Bridge HairpinMode LinkLocalIPv6Address LinkLocalIPv6PrefixLen SecondaryIPAddresses SecondaryIPv6Addresses ' +
          'EndpointID Gateway GlobalIPv6Address GlobalIPv6PrefixLen IPAddress IPPrefixLen IPv6Gateway MacAddress',
      ),
      { legacy: true },
    ),
    { field: 'Config.MacAddress', until: '1.52', legacy: true },
    { field: 'Config.OnBuild', emptyUntil: '1.52' },
  ],
  'GET /containers/:name/stats': [{ field: 'os_type', since: '1.52' }],
  'GET /events': until('1.52', ['status', 'id', 'from'], { legacy: true }),
  'GET /images/json': [{ field: '[].VirtualSize', until: '1.44' }],
  'GET /images/:name/json': [
    { field: 'VirtualSize', until: '1.44' },
    { field: 'ContainerConfig', until: '1.45' },
    ...until(
      '1.50',
      below('Config', 'Hostname Domainname AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Image'),
    ),
    ...emptyUntil('1.52', ['Parent', 'Comment', 'DockerVersion', 'Author']),
    ...emptyUntil('1.52', below('Config', 'Cmd Entrypoint Env Labels OnBuild User Volumes WorkingDir')),
  ],
  'GET /info': [
    { field: 'KernelMemory', until: '1.42' },
    { field: 'Runtimes.*.status', since: '1.44' },
    ...until(
      '1.47',
      below('RegistryConfig', 'AllowNondistributableArtifactsCIDRs AllowNondistributableArtifactsHostnames'),
    ),
    ...until('1.49', ['ContainerdCommit.Expected', 'RuncCommit.Expected', 'InitCommit.Expected']),
    { field: 'FirewallBackend', since: '1.49' },
    { field: 'DiscoveredDevices', since: '1.50' },
    ...until('1.50', ['BridgeNfIptables', 'BridgeNfIp6tables']),
  ],
  'GET /networks': [{ field: '[].Containers', until: '1.52' }],
  'GET /networks/': [{ field: '[].Containers', until: '1.52' }],
  'GET /networks/:id': [{ field: 'Status', since: '1.52' }],
  'GET /system/df': [
    { field: 'Images[].VirtualSize', until: '1.44' },
    { field: 'ImageUsage.Items[].VirtualSize', until: '1.44' },
    ...['ImageUsage', 'ContainerUsage', 'VolumeUsage', 'BuildCacheUsage'].map((field) => ({ field, since: '1.52' })),
    { field: 'Containers[].HostConfig.Annotations', since: '1.46' },
    { field: 'Containers[].Health', since: '1.52' },
  ],
};
