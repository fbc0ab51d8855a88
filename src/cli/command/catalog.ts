/** Every command, by the words that call it. A module is loaded when a command of it is called. */
import type { Entry, Group } from './command.ts';
import {
  attach,
  build,
  commit,
  cp,
  create,
  diff,
  events,
  exec,
  exportContainer,
  history,
  importImage,
  info,
  kill,
  load,
  logs,
  pause,
  port,
  pull,
  push,
  rename,
  restart,
  rm,
  run,
  save,
  start,
  stats,
  stop,
  tag,
  top,
  unpause,
  update,
  wait,
} from './shared-entries.ts';

const facts = () => import('../commands/container-facts.ts');
const inspecting = () => import('../commands/inspect.ts');
const images = () => import('../commands/images.ts');
const upkeep = () => import('../commands/image-upkeep.ts');
const networks = () => import('../commands/networks.ts');
const volumes = () => import('../commands/volumes.ts');
const system = () => import('../commands/system.ts');
const login = () => import('../commands/login.ts');
const programs = () => import('../commands/programs.ts');
const portChanges = () => import('../commands/port-change.ts');
const contexts = () => import('../commands/contexts.ts');

export const entries: readonly Entry[] = [
  run,
  exec,
  {
    name: 'ps',
    short: 'List containers',
    section: 'common',
    load: async () => (await import('../commands/ps.ts')).psCommand,
  },
  { ...build, section: 'common' },
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
  {
    name: 'completion',
    short: 'Print what a shell reads to complete words',
    load: async () => (await import('../commands/completion.ts')).completionCommand,
  },
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
    name: 'builder',
    short: 'Manage builds',
    entries: [
      build,
      {
        name: 'prune',
        short: 'Remove build cache',
        load: async () => (await import('../commands/builder-prune.ts')).builderPruneCommand,
      },
    ],
  },
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
      {
        name: 'install',
        short: "Make this daemon known to Docker's clients as a context",
        load: async () => (await contexts()).contextInstallCommand,
      },
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
      build,
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
