/** What the values of flags may be, by the flag's name. */

/** What an engine has by name. `state`: containers that are so. */
export type ObjectKind = 'container' | 'image' | 'network' | 'volume' | 'context';

export interface Value {
  readonly words?: readonly string[];
  readonly objects?: readonly ObjectKind[];
  readonly state?: 'running' | 'paused' | 'stopped';
  /** Behind each name: `container:`. */
  readonly suffix?: string;
  readonly files?: 'any' | 'directories';
  /** What follows belongs to the same word: no space behind it. */
  readonly open?: boolean;
}

const FILES: Value = { files: 'any' };
const CONTAINERS: Value = { objects: ['container'] };
const SIGNALS = ['SIGHUP', 'SIGINT', 'SIGKILL', 'SIGQUIT', 'SIGSTOP', 'SIGCONT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'];

const VALUES: Readonly<Record<string, Value>> = {
  attach: { words: ['stdin', 'stdout', 'stderr'] },
  cgroupns: { words: ['host', 'private'] },
  cidfile: FILES,
  config: { files: 'directories' },
  context: { objects: ['context'], words: ['default'] },
  driver: { words: ['bridge', 'macvlan', 'ipvlan', 'none', 'host'] },
  'env-file': FILES,
  file: FILES,
  format: { words: ['json', 'table'] },
  host: { words: ['unix://', 'tcp://', 'ssh://'], open: true },
  iidfile: FILES,
  input: FILES,
  ipc: { words: ['host', 'none', 'private', 'shareable'], ...CONTAINERS },
  'label-file': FILES,
  link: { ...CONTAINERS, suffix: ':', open: true },
  'log-driver': { words: ['json-file', 'local', 'journald', 'syslog', 'none'] },
  'log-level': { words: ['debug', 'info', 'warn', 'error', 'fatal'] },
  'metadata-file': FILES,
  network: { words: ['host', 'none'], objects: ['network'] },
  output: FILES,
  pid: { words: ['host'] },
  platform: { words: ['linux/amd64', 'linux/arm64'] },
  progress: { words: ['auto', 'plain', 'tty', 'quiet'] },
  pull: { words: ['always', 'missing', 'never'] },
  restart: { words: ['no', 'always', 'on-failure', 'unless-stopped'] },
  signal: { words: SIGNALS },
  'stop-signal': { words: SIGNALS },
  tlscacert: FILES,
  tlscert: FILES,
  tlskey: FILES,
  type: { words: ['container', 'image', 'network', 'volume'] },
  userns: { words: ['host'] },
  volume: FILES,
  'volumes-from': CONTAINERS,
};

const CONTAINER_FILTERS = [
  'ancestor=',
  'before=',
  'exited=',
  'expose=',
  'health=',
  'id=',
  'label=',
  'name=',
  'network=',
  'publish=',
  'since=',
  'status=',
  'volume=',
];
const IMAGE_FILTERS = ['before=', 'dangling=', 'label=', 'reference=', 'since=', 'until='];
const FILTERS: Readonly<Record<string, readonly string[]>> = {
  ps: CONTAINER_FILTERS,
  'container ls': CONTAINER_FILTERS,
  images: IMAGE_FILTERS,
  'image ls': IMAGE_FILTERS,
  'network ls': ['dangling=', 'driver=', 'id=', 'label=', 'name=', 'scope=', 'type='],
  'volume ls': ['dangling=', 'driver=', 'label=', 'name='],
  events: ['container=', 'daemon=', 'event=', 'image=', 'label=', 'network=', 'type=', 'volume='],
};

/** Of the flag by its long name. `path`: the command, program first. */
export function flagValue(name: string, path: string): Value {
  const command = path.split(' ').slice(1).join(' ');
  if (name === 'filter') return { words: FILTERS[command] ?? ['label=', 'until='], open: true };
  if (name === 'output' && command.endsWith('build'))
    return { words: ['type=local,dest=', 'type=tar,dest='], open: true };
  if (name === 'pull' && command.endsWith('build')) return { words: ['true', 'false'] };
  return Object.hasOwn(VALUES, name) ? VALUES[name]! : {};
}
