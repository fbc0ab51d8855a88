/** Commands that are both at the top level and in a group. A module is loaded when a command of it is called. */
import type { Entry } from './command.ts';

const lifecycle = () => import('../commands/container-lifecycle.ts');
const facts = () => import('../commands/container-facts.ts');
const transfer = () => import('../commands/image-transfer.ts');
const upkeep = () => import('../commands/image-upkeep.ts');
const containerImages = () => import('../commands/container-images.ts');

export const attach: Entry = {
  name: 'attach',
  short: 'Attach local standard input, output, and error streams to a running container',
  load: async () => (await import('../commands/attach.ts')).attachCommand,
};
export const build: Entry = {
  name: 'build',
  short: 'Build an image from a Dockerfile',
  load: async () => (await import('../commands/build.ts')).buildCommand,
};
export const commit: Entry = {
  name: 'commit',
  short: "Create a new image from a container's changes",
  load: async () => (await containerImages()).commitCommand,
};
export const cp: Entry = {
  name: 'cp',
  short: 'Copy files/folders between a container and the local filesystem',
  load: async () => (await import('../commands/cp.ts')).cpCommand,
};
export const create: Entry = {
  name: 'create',
  short: 'Create a new container',
  load: async () => (await import('../commands/create.ts')).createCommand,
};
export const diff: Entry = {
  name: 'diff',
  short: "Inspect changes to files or directories on a container's filesystem",
  load: async () => (await facts()).diffCommand,
};
export const exec: Entry = {
  name: 'exec',
  short: 'Execute a command in a running container',
  section: 'common',
  load: async () => (await import('../commands/exec.ts')).execCommand,
};
export const exportContainer: Entry = {
  name: 'export',
  short: "Export a container's filesystem as a tar archive",
  load: async () => (await containerImages()).exportCommand,
};
export const kill: Entry = {
  name: 'kill',
  short: 'Kill one or more running containers',
  load: async () => (await lifecycle()).killCommand,
};
export const logs: Entry = {
  name: 'logs',
  short: 'Fetch the logs of a container',
  load: async () => (await import('../commands/logs.ts')).logsCommand,
};
export const pause: Entry = {
  name: 'pause',
  short: 'Pause all processes within one or more containers',
  load: async () => (await lifecycle()).pauseCommand,
};
export const port: Entry = {
  name: 'port',
  short: 'List port mappings or a specific mapping for the container',
  load: async () => (await facts()).portCommand,
};
export const rename: Entry = {
  name: 'rename',
  short: 'Rename a container',
  load: async () => (await lifecycle()).renameCommand,
};
export const restart: Entry = {
  name: 'restart',
  short: 'Restart one or more containers',
  load: async () => (await lifecycle()).restartCommand,
};
export const rm: Entry = {
  name: 'rm',
  short: 'Remove one or more containers',
  load: async () => (await lifecycle()).rmCommand,
};
export const run: Entry = {
  name: 'run',
  short: 'Create and run a new container from an image',
  section: 'common',
  load: async () => (await import('../commands/run.ts')).runCommand,
};
export const start: Entry = {
  name: 'start',
  short: 'Start one or more stopped containers',
  load: async () => (await import('../commands/start.ts')).startCommand,
};
export const stats: Entry = {
  name: 'stats',
  short: 'Display a live stream of container(s) resource usage statistics',
  load: async () => (await import('../commands/stats.ts')).statsCommand,
};
export const stop: Entry = {
  name: 'stop',
  short: 'Stop one or more running containers',
  load: async () => (await lifecycle()).stopCommand,
};
export const top: Entry = {
  name: 'top',
  short: 'Display the running processes of a container',
  load: async () => (await facts()).topCommand,
};
export const unpause: Entry = {
  name: 'unpause',
  short: 'Unpause all processes within one or more containers',
  load: async () => (await lifecycle()).unpauseCommand,
};
export const update: Entry = {
  name: 'update',
  short: 'Update configuration of one or more containers',
  load: async () => (await import('../commands/update.ts')).updateCommand,
};
export const wait: Entry = {
  name: 'wait',
  short: 'Block until one or more containers stop, then print their exit codes',
  load: async () => (await lifecycle()).waitCommand,
};

export const history: Entry = {
  name: 'history',
  short: 'Show the history of an image',
  load: async () => (await upkeep()).historyCommand,
};
export const importImage: Entry = {
  name: 'import',
  short: 'Import the contents from a tarball to create a filesystem image',
  load: async () => (await import('../commands/import.ts')).importCommand,
};
export const load: Entry = {
  name: 'load',
  short: 'Load an image from a tar archive or STDIN',
  load: async () => (await transfer()).loadCommand,
};
export const pull: Entry = {
  name: 'pull',
  short: 'Download an image from a registry',
  section: 'common',
  load: async () => (await transfer()).pullCommand,
};
export const push: Entry = {
  name: 'push',
  short: 'Upload an image to a registry',
  section: 'common',
  load: async () => (await transfer()).pushCommand,
};
export const save: Entry = {
  name: 'save',
  short: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  load: async () => (await transfer()).saveCommand,
};
export const tag: Entry = {
  name: 'tag',
  short: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  load: async () => (await transfer()).tagCommand,
};

export const events: Entry = {
  name: 'events',
  short: 'Get real time events from the server',
  load: async () => (await import('../commands/events.ts')).eventsCommand,
};
export const info: Entry = {
  name: 'info',
  short: 'Display system-wide information',
  section: 'common',
  load: async () => (await import('../commands/info.ts')).infoCommand,
};
