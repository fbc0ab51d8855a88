/** Every command, by the words that call it. A module is loaded when a command of it is called. */
import type { Entry, Group } from './command.ts';

const lifecycle = () => import('../commands/container-lifecycle.ts');
const facts = () => import('../commands/container-facts.ts');
const inspecting = () => import('../commands/inspect.ts');
const images = () => import('../commands/images.ts');
const transfer = () => import('../commands/image-transfer.ts');
const upkeep = () => import('../commands/image-upkeep.ts');
const networks = () => import('../commands/networks.ts');
const volumes = () => import('../commands/volumes.ts');
const system = () => import('../commands/system.ts');
const login = () => import('../commands/login.ts');
const programs = () => import('../commands/programs.ts');
const portChanges = () => import('../commands/port-change.ts');
const contexts = () => import('../commands/contexts.ts');
const containerImages = () => import('../commands/container-images.ts');

/** Commands that are both at the top level and in a group. */
const attach: Entry = {
  name: 'attach',
  short: 'Attach local standard input, output, and error streams to a running container',
  load: async () => (await import('../commands/attach.ts')).attachCommand,
};
const commit: Entry = {
  name: 'commit',
  short: "Create a new image from a container's changes",
  load: async () => (await containerImages()).commitCommand,
};
const cp: Entry = {
  name: 'cp',
  short: 'Copy files/folders between a container and the local filesystem',
  load: async () => (await import('../commands/cp.ts')).cpCommand,
};
const create: Entry = {
  name: 'create',
  short: 'Create a new container',
  load: async () => (await import('../commands/create.ts')).createCommand,
};
const diff: Entry = {
  name: 'diff',
  short: "Inspect changes to files or directories on a container's filesystem",
  load: async () => (await facts()).diffCommand,
};
const exec: Entry = {
  name: 'exec',
  short: 'Execute a command in a running container',
  section: 'common',
  load: async () => (await import('../commands/exec.ts')).execCommand,
};
const exportContainer: Entry = {
  name: 'export',
  short: "Export a container's filesystem as a tar archive",
  load: async () => (await containerImages()).exportCommand,
};
const kill: Entry = {
  name: 'kill',
  short: 'Kill one or more running containers',
  load: async () => (await lifecycle()).killCommand,
};
const logs: Entry = {
  name: 'logs',
  short: 'Fetch the logs of a container',
  load: async () => (await import('../commands/logs.ts')).logsCommand,
};
const pause: Entry = {
  name: 'pause',
  short: 'Pause all processes within one or more containers',
  load: async () => (await lifecycle()).pauseCommand,
};
const port: Entry = {
  name: 'port',
  short: 'List port mappings or a specific mapping for the container',
  load: async () => (await facts()).portCommand,
};
const rename: Entry = {
  name: 'rename',
  short: 'Rename a container',
  load: async () => (await lifecycle()).renameCommand,
};
const restart: Entry = {
  name: 'restart',
  short: 'Restart one or more containers',
  load: async () => (await lifecycle()).restartCommand,
};
const rm: Entry = {
  name: 'rm',
  short: 'Remove one or more containers',
  load: async () => (await lifecycle()).rmCommand,
};
const run: Entry = {
  name: 'run',
  short: 'Create and run a new container from an image',
  section: 'common',
  load: async () => (await import('../commands/run.ts')).runCommand,
};
const start: Entry = {
  name: 'start',
  short: 'Start one or more stopped containers',
  load: async () => (await import('../commands/start.ts')).startCommand,
};
const stats: Entry = {
  name: 'stats',
  short: 'Display a live stream of container(s) resource usage statistics',
  load: async () => (await import('../commands/stats.ts')).statsCommand,
};
const stop: Entry = {
  name: 'stop',
  short: 'Stop one or more running containers',
  load: async () => (await lifecycle()).stopCommand,
};
const top: Entry = {
  name: 'top',
  short: 'Display the running processes of a container',
  load: async () => (await facts()).topCommand,
};
const unpause: Entry = {
  name: 'unpause',
  short: 'Unpause all processes within one or more containers',
  load: async () => (await lifecycle()).unpauseCommand,
};
const update: Entry = {
  name: 'update',
  short: 'Update configuration of one or more containers',
  load: async () => (await import('../commands/update.ts')).updateCommand,
};
const wait: Entry = {
  name: 'wait',
  short: 'Block until one or more containers stop, then print their exit codes',
  load: async () => (await lifecycle()).waitCommand,
};

const history: Entry = {
  name: 'history',
  short: 'Show the history of an image',
  load: async () => (await upkeep()).historyCommand,
};
const importImage: Entry = {
  name: 'import',
  short: 'Import the contents from a tarball to create a filesystem image',
  load: async () => (await import('../commands/import.ts')).importCommand,
};
const load: Entry = {
  name: 'load',
  short: 'Load an image from a tar archive or STDIN',
  load: async () => (await transfer()).loadCommand,
};
const pull: Entry = {
  name: 'pull',
  short: 'Download an image from a registry',
  section: 'common',
  load: async () => (await transfer()).pullCommand,
};
const push: Entry = {
  name: 'push',
  short: 'Upload an image to a registry',
  section: 'common',
  load: async () => (await transfer()).pushCommand,
};
const save: Entry = {
  name: 'save',
  short: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  load: async () => (await transfer()).saveCommand,
};
const tag: Entry = {
  name: 'tag',
  short: 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE',
  load: async () => (await transfer()).tagCommand,
};

const events: Entry = {
  name: 'events',
  short: 'Get real time events from the server',
  load: async () => (await import('../commands/events.ts')).eventsCommand,
};
const info: Entry = {
  name: 'info',
  short: 'Display system-wide information',
  section: 'common',
  load: async () => (await import('../commands/info.ts')).infoCommand,
};

export const entries: readonly Entry[] = [
  run,
  exec,
  {
    name: 'ps',
    short: 'List containers',
    section: 'common',
    load: async () => (await import('../commands/ps.ts')).psCommand,
  },
  pull,
  push,
  { name: 'images', short: 'List images', section: 'common', load: async () => (await images()).imagesCommand },
  {
    name: 'login',
    short: 'Authenticate to a registry',
    section: 'common',
    load: async () => (await login()).loginCommand,
  },
  {
    name: 'logout',
    short: 'Log out from a registry',
    section: 'common',
    load: async () => (await login()).logoutCommand,
  },
  {
    name: 'version',
    short: 'Show the Causeway version information',
    section: 'common',
    load: async () => (await import('../commands/version.ts')).versionCommand,
  },
  info,
  { name: 'daemon', short: 'Run the engine on this machine', load: async () => (await programs()).daemonCommand },
  {
    name: 'doctor',
    short: 'Check what this machine has for the engine, and say what to do',
    load: async () => (await programs()).doctorCommand,
  },
  attach,
  commit,
  cp,
  create,
  diff,
  events,
  exportContainer,
  history,
  importImage,
  {
    name: 'inspect',
    short: 'Return low-level information on Causeway objects',
    load: async () => (await inspecting()).inspectCommand,
  },
  kill,
  load,
  logs,
  pause,
  rename,
  restart,
  rm,
  { name: 'rmi', short: 'Remove one or more images', load: async () => (await upkeep()).rmiCommand },
  save,
  start,
  stats,
  stop,
  tag,
  top,
  unpause,
  update,
  wait,
];

const PORT = /^\d+(?:\/\w+)?$/;

export const groups: readonly Group[] = [
  {
    name: 'container',
    short: 'Manage containers',
    entries: [
      attach,
      commit,
      cp,
      create,
      diff,
      exec,
      exportContainer,
      {
        name: 'inspect',
        short: 'Display detailed information on one or more containers',
        load: async () => (await inspecting()).containerInspectCommand,
      },
      kill,
      logs,
      {
        name: 'ls',
        aliases: ['ps', 'list'],
        short: 'List containers',
        load: async () => (await import('../commands/ps.ts')).containerLsCommand,
      },
      pause,
      port,
      {
        name: 'prune',
        short: 'Remove all stopped containers',
        load: async () => (await import('../commands/container-prune.ts')).containerPruneCommand,
      },
      rename,
      restart,
      { ...rm, aliases: ['remove'] },
      run,
      start,
      stats,
      stop,
      top,
      unpause,
      update,
      wait,
    ],
  },
  {
    name: 'context',
    short: 'Show the Docker contexts that --context can name',
    entries: [
      { name: 'ls', aliases: ['list'], short: 'List contexts', load: async () => (await contexts()).contextLsCommand },
      {
        name: 'show',
        short: 'Print the name of the current context',
        load: async () => (await contexts()).contextShowCommand,
      },
    ],
  },
  {
    name: 'image',
    short: 'Manage images',
    entries: [
      history,
      importImage,
      {
        name: 'inspect',
        short: 'Display detailed information on one or more images',
        load: async () => (await inspecting()).imageInspectCommand,
      },
      load,
      { name: 'ls', aliases: ['list'], short: 'List images', load: async () => (await images()).imageLsCommand },
      { name: 'prune', short: 'Remove unused images', load: async () => (await upkeep()).imagePruneCommand },
      pull,
      push,
      {
        name: 'rm',
        aliases: ['rmi', 'remove'],
        short: 'Remove one or more images',
        load: async () => (await upkeep()).imageRmCommand,
      },
      save,
      tag,
    ],
  },
  {
    name: 'network',
    short: 'Manage networks',
    entries: [
      {
        name: 'connect',
        short: 'Connect a container to a network',
        load: async () => (await networks()).connectCommand,
      },
      {
        name: 'create',
        short: 'Create a network',
        load: async () => (await import('../commands/network-create.ts')).createCommand,
      },
      {
        name: 'disconnect',
        short: 'Disconnect a container from a network',
        load: async () => (await networks()).disconnectCommand,
      },
      {
        name: 'dns',
        short: 'Show what the embedded DNS answers on a network, or what a container asks it',
        load: async () => (await import('../commands/network-dns.ts')).dnsCommand,
      },
      {
        name: 'inspect',
        short: 'Display detailed information on one or more networks',
        load: async () => (await inspecting()).networkInspectCommand,
      },
      { name: 'ls', aliases: ['list'], short: 'List networks', load: async () => (await networks()).listCommand },
      { name: 'prune', short: 'Remove all unused networks', load: async () => (await networks()).pruneCommand },
      {
        name: 'rm',
        aliases: ['remove'],
        short: 'Remove one or more networks',
        load: async () => (await networks()).removeCommand,
      },
    ],
  },
  {
    name: 'port',
    short: 'Manage the published ports of a container',
    bare: {
      entry: port,
      // A container may be called `add`: `port add`, `port add 80` are of that one, where there is one.
      names: ([name, ...words]) =>
        name === 'ls' ? words.length > 1 || (words.length === 1 && !PORT.test(words[0]!)) : words.length > 1,
    },
    entries: [
      { name: 'add', short: 'Publish more ports of a container', load: async () => (await portChanges()).addCommand },
      { name: 'ls', aliases: ['list'], short: port.short, load: async () => (await facts()).portLsCommand },
      {
        name: 'rm',
        aliases: ['remove'],
        short: 'Stop publishing ports of a container',
        load: async () => (await portChanges()).removeCommand,
      },
    ],
  },
  {
    name: 'system',
    short: 'Manage Causeway',
    entries: [
      { name: 'df', short: 'Show causeway disk usage', load: async () => (await system()).dfCommand },
      {
        name: 'dial-stdio',
        short: 'Proxy the stdio stream to the daemon connection. Should not be invoked manually.',
        hidden: true,
        load: async () => (await import('../commands/dial-stdio.ts')).dialStdioCommand,
      },
      events,
      info,
      { name: 'prune', short: 'Remove unused data', load: async () => (await system()).systemPruneCommand },
    ],
  },
  {
    name: 'volume',
    short: 'Manage volumes',
    entries: [
      { name: 'create', short: 'Create a volume', load: async () => (await volumes()).volumeCreateCommand },
      {
        name: 'inspect',
        short: 'Display detailed information on one or more volumes',
        load: async () => (await inspecting()).volumeInspectCommand,
      },
      { name: 'ls', aliases: ['list'], short: 'List volumes', load: async () => (await volumes()).volumeLsCommand },
      { name: 'prune', short: 'Remove unused local volumes', load: async () => (await volumes()).volumePruneCommand },
      {
        name: 'rm',
        aliases: ['remove'],
        short: 'Remove one or more volumes',
        load: async () => (await volumes()).volumeRmCommand,
      },
    ],
  },
];
