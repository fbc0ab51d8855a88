/** Every command, by the words that call it. */
import type { Entry, Group } from './command.ts';

const run: Entry = { name: 'run', short: 'Create and run a new container from an image', section: 'common', load: async () => (await import('../commands/run.ts')).runCommand };
const exec: Entry = { name: 'exec', short: 'Execute a command in a running container', section: 'common', load: async () => (await import('../commands/exec.ts')).execCommand };
const ps: Entry = { name: 'ps', short: 'List containers', section: 'common', load: async () => (await import('../commands/ps.ts')).psCommand };
const images: Entry = { name: 'images', short: 'List images', section: 'common', load: async () => (await import('../commands/images.ts')).imagesCommand };
const version: Entry = { name: 'version', short: 'Show the Causeway version information', section: 'common', load: async () => (await import('../commands/version.ts')).versionCommand };
const inspect: Entry = { name: 'inspect', short: 'Return low-level information on Docker objects', load: async () => (await import('../commands/inspect.ts')).inspectCommand };
const logs: Entry = { name: 'logs', short: 'Fetch the logs of a container', load: async () => (await import('../commands/logs.ts')).logsCommand };
const rm: Entry = { name: 'rm', short: 'Remove one or more containers', load: async () => (await import('../commands/container-lifecycle.ts')).rmCommand };
const importImage: Entry = { name: 'import', short: 'Import the contents from a tarball to create a filesystem image', load: async () => (await import('../commands/import.ts')).importCommand };

const networks = () => import('../commands/networks.ts');
const networkEntries: Entry[] = [
  { name: 'connect', short: 'Connect a container to a network', load: async () => (await networks()).connectCommand },
  { name: 'create', short: 'Create a network', load: async () => (await import('../commands/network-create.ts')).createCommand },
  { name: 'disconnect', short: 'Disconnect a container from a network', load: async () => (await networks()).disconnectCommand },
  { name: 'inspect', short: 'Display detailed information on one or more networks', load: async () => (await import('../commands/inspect.ts')).networkInspectCommand },
  { name: 'ls', aliases: ['list'], short: 'List networks', load: async () => (await networks()).listCommand },
  { name: 'prune', short: 'Remove all unused networks', load: async () => (await networks()).pruneCommand },
  { name: 'rm', aliases: ['remove'], short: 'Remove one or more networks', load: async () => (await networks()).removeCommand },
];

export const entries: readonly Entry[] = [run, exec, ps, images, version, inspect, logs, rm, importImage];

export const groups: readonly Group[] = [{ name: 'network', short: 'Manage networks', entries: networkEntries }];
