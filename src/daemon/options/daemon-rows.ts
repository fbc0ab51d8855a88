/** Options of the daemon itself: where it listens and keeps its files, what it logs, how it is started and ended. */
import { done, noEffect, refused, type DaemonOption } from './option.ts';

export const DAEMON_ROWS: readonly DaemonOption[] = [
  done('host', 'list', 'Daemon socket(s) to listen on: unix://PATH, tcp://ADDRESS:PORT, fd:// (given by systemd)', {
    short: 'H',
    key: 'hosts',
    fallback: 'unix:///run/causeway/causeway.sock',
  }),
  done('group', 'text', 'Group for the unix socket', { short: 'G', fallback: 'docker, where it exists' }),
  done('tls', 'switch', 'Use TLS on TCP sockets; implied by --tlsverify'),
  done('tlsverify', 'switch', 'Use TLS on TCP sockets and require certificates of clients'),
  done('tlscacert', 'text', 'Trust only certificates of clients that this CA signed', {
    fallback: '~/.docker/ca.pem',
  }),
  done('tlscert', 'text', 'Path of the TLS certificate', { fallback: '~/.docker/cert.pem' }),
  done('tlskey', 'text', 'Path of the TLS key', { fallback: '~/.docker/key.pem' }),
  done('min-api-version', 'text', 'Oldest API version that is served (also: DOCKER_MIN_API_VERSION)', {
    fallback: '1.24',
  }),
  done(
    'api-legacy-fields',
    'switch',
    'Keep what API 1.52 took out of answers (NetworkSettings.IPAddress, status and id of events) in newer versions',
    { fallback: 'false' },
  ),
  done('data-root', 'text', 'Root directory of persistent state', { fallback: '/var/lib/causeway' }),
  done('exec-root', 'text', 'Root directory for execution state files', { fallback: '/run/causeway' }),
  done('pidfile', 'text', 'Path to use for the daemon PID file', { short: 'p', fallback: 'EXEC-ROOT/causeway.pid' }),
  done('config-file', 'text', 'Daemon configuration file', { key: '', fallback: '/etc/causeway/daemon.json' }),
  done('validate', 'switch', 'Check the configuration (and what of it this host has) and exit', { key: '' }),
  done('version', 'switch', 'Print version information and quit', { short: 'v', key: '' }),
  done('help', 'switch', 'Print usage', { short: 'h', key: '' }),
  done('debug', 'switch', 'The same as --log-level=debug', { short: 'D', reloads: true }),
  done('log-level', 'text', 'What the daemon logs: debug, info, warn, error or fatal', {
    short: 'l',
    fallback: 'info',
  }),
  done('log-format', 'text', 'How the daemon logs: text or json', {
    fallback: 'sentences at a terminal, else json',
  }),
  done('label', 'list', 'Labels of the daemon (NAME=VALUE), which info shows', { key: 'labels', reloads: true }),
  done('live-restore', 'switch', 'Leave containers running while there is no daemon', {
    fallback: 'true',
    reloads: true,
  }),
  done('shutdown-timeout', 'number', 'Seconds to give containers to stop when the daemon ends without live-restore', {
    fallback: '15',
    reloads: true,
  }),
  done('metrics-addr', 'text', 'Address and port to serve metrics on, for Prometheus'),
  done('oom-score-adjust', 'number', 'OOM score of the daemon: -1000 to 1000 (gone from dockerd with release 25)'),
  done('experimental', 'switch', 'Say "experimental" in info and version; no feature depends on it'),
  noEffect('raw-logs', 'switch', 'Full timestamps without colours in the log', 'the log has neither in any case'),
  noEffect('swarm-default-advertise-addr', 'text', 'Address that a swarm is told', 'there is no swarm mode'),
  noEffect('node-generic-resource', 'list', 'Resources to advertise to a swarm', 'there is no swarm mode', {
    key: 'node-generic-resources',
  }),
  noEffect('network-control-plane-mtu', 'number', 'MTU of the control plane of a swarm', 'there is no swarm mode', {
    fallback: '1500',
  }),
  noEffect(
    'network-diagnostic-port',
    'number',
    'Port of the diagnostic server of swarm networks',
    'there is no swarm mode; causeway doctor and causeway network dns show the state of networks',
    { hidden: true, reloads: true },
  ),
  noEffect('containerd', 'text', 'Address of containerd', 'containers and images are kept without containerd'),
  noEffect('containerd-namespace', 'text', 'Namespace in containerd', 'there is no containerd', { fallback: 'moby' }),
  noEffect('containerd-plugins-namespace', 'text', 'Namespace of plugins in containerd', 'there is no containerd', {
    key: 'containerd-plugin-namespace',
    fallback: 'plugins.moby',
  }),
  noEffect('cri-containerd', 'switch', 'Start containerd with its CRI plugin', 'there is no containerd'),
  refused(
    'authorization-plugin',
    'list',
    'Plugins that decide which requests are allowed',
    'there are no plugins, and without them every request would be allowed: leave it away, and restrict who reaches the socket (--group, --tlsverify)',
    { key: 'authorization-plugins' },
  ),
  refused(
    'api-cors-header',
    'text',
    'CORS headers of the API',
    'it was removed from dockerd too, since the API is no service for web pages: use a reverse proxy where CORS headers are needed',
    { hidden: true },
  ),
  refused(
    'rootless',
    'switch',
    'Run without root privileges',
    'the engine makes network namespaces, mounts and firewall rules, and needs root for them: leave it away',
  ),
  noEffect('restart', 'switch', 'Restart containers with the daemon', 'restart policies of containers say it', {
    short: 'r',
    key: '',
    fallback: 'true',
    hidden: true,
  }),
];
