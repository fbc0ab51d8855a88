/**
 * The `causeway` command: Docker's grammar, flags, output and exit codes, over the Docker Engine API. Everything that
 * it knows of the engine comes from that API. Only what a command needs is loaded, so that it starts quickly.
 */
import { ApiClient } from './api/client.ts';
import { Endpoints } from './api/endpoint.ts';
import { entries, groups } from './command/catalog.ts';
import { usageLine, type Command, type Entry, type Group } from './command/command.ts';
import { FlagError, FlagSet, type Flag } from './command/flag-set.ts';
import * as type from './command/flag-types.ts';
import { COMMIT, PROGRAM, VERSION } from './command/program-name.ts';
import { errorText, StatusError } from './command/status-error.ts';
import { complain, print } from './terminal/output.ts';

const DESCRIPTION = 'A container engine whose heart is how containers are connected';
const SHORT_HELP_NOTE = 'Flag shorthand -h has been deprecated, use --help\n';
const LOG_LEVELS = ['panic', 'fatal', 'error', 'warning', 'warn', 'info', 'debug', 'trace'];

const globalFlags: readonly Flag[] = [
  { name: 'config', type: type.string, usage: 'Location of client config files', hidden: true },
  {
    name: 'context',
    short: 'c',
    type: type.string,
    usage: 'Name of the Docker context to use to connect to the daemon (overrides CAUSEWAY_HOST and DOCKER_HOST)',
  },
  { name: 'debug', short: 'D', type: type.bool, usage: 'Enable debug mode: show every request' },
  { name: 'host', short: 'H', type: type.list, usage: 'Daemon socket to connect to' },
  {
    name: 'log-level',
    short: 'l',
    type: type.string,
    preset: 'info',
    usage: 'Set the logging level ("debug", "info", "warn", "error", "fatal")',
  },
  { name: 'tls', type: type.bool, usage: 'Use TLS; implied by --tlsverify' },
  { name: 'tlscacert', type: type.string, usage: 'Trust certs signed only by this CA' },
  { name: 'tlscert', type: type.string, usage: 'Path to TLS certificate file' },
  { name: 'tlskey', type: type.string, usage: 'Path to TLS key file' },
  { name: 'tlsverify', type: type.bool, usage: 'Use TLS and verify the remote' },
  { name: 'version', short: 'v', type: type.bool, usage: 'Print version information and quit' },
];

async function main(argv: readonly string[]): Promise<void> {
  const globals = new FlagSet(globalFlags);
  await parseFlags(globals, argv, false, `${PROGRAM} [OPTIONS] COMMAND [ARG...]`, PROGRAM);
  const [word, ...rest] = globals.args;
  if (globals.bool('version')) return print(versionLine());
  if (!LOG_LEVELS.includes(globals.string('log-level').toLowerCase())) {
    throw new StatusError(`Unable to parse logging level: ${globals.string('log-level')}`);
  }
  if (globals.helpWanted) return print(await rootHelp());
  // Nothing to do is a mistake of the caller's: it is not output.
  if (word === undefined) return complain((await rootHelp()).trimEnd());
  if (word === 'help') return helpTopic(rest);

  const found = find(globals.args);
  if ('group' in found) return groupUsage(found.group, found.rest);
  if (!('entry' in found)) throw await unknownCommand(PROGRAM, word, [...entries, ...groups], '');
  const command = await found.entry.load();
  const flags = new FlagSet(command.flags);
  const usage = usageLine(found.path, command.use);
  await parseFlags(flags, found.rest, command.interspersed ?? true, usage, found.path);
  if (flags.helpWanted) {
    if (flags.shortHelpUsed) print(SHORT_HELP_NOTE);
    const { commandHelp } = await import('./command/help.ts');
    return print(commandHelp(command, found.path));
  }
  checkArguments(command, found.path, usage, flags.args);
  await call(command, found.path, flags, globals);
}

async function call(command: Command, path: string, flags: FlagSet, globals: FlagSet): Promise<void> {
  const debug = globals.bool('debug') || /^(debug|trace)$/i.test(globals.string('log-level'));
  let client: ApiClient | undefined;
  const endpoints = endpointsOf(globals);
  await endpoints.prepare();
  const connect = () => {
    const trace = debug ? (line: string) => complain(`DEBU ${line}`) : undefined;
    return (client = new ApiClient(endpoints.endpoint(), trace));
  };
  await command.run({
    path,
    flags,
    args: flags.args,
    debug,
    endpoints,
    get client() {
      return client ?? connect();
    },
  });
}

const endpointsOf = (globals: FlagSet): Endpoints =>
  new Endpoints(
    {
      hosts: globals.list('host'),
      context: globals.string('context'),
      tls: globals.bool('tls'),
      tlsVerify: globals.bool('tlsverify'),
      ca: globals.string('tlscacert'),
      cert: globals.string('tlscert'),
      key: globals.string('tlskey'),
    },
    process.env,
  );

async function parseFlags(
  flags: FlagSet,
  argv: readonly string[],
  interspersed: boolean,
  usage: string,
  path: string,
): Promise<void> {
  try {
    flags.parse(argv, { interspersed });
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const { nearest } = await import('./command/unknown.ts');
    const close = error.unknown === undefined ? undefined : nearest(error.unknown, flags.shown());
    const hint = close === undefined ? '' : `\n\nDid you mean --${close}?`;
    throw new StatusError(
      `${error.message}${hint}\n\nUsage:  ${usage}\n\nRun '${path} --help' for more information`,
      125,
    );
  }
}

type Found =
  | { group: Group; rest: readonly string[] }
  | { entry: Entry; path: string; rest: readonly string[] }
  | { nothing: true };

function find(words: readonly string[]): Found {
  const [first = '', second, ...rest] = words;
  const group = groups.find(({ name }) => name === first);
  if (group) {
    const entry = second === undefined ? undefined : group.entries.find((candidate) => answersTo(candidate, second));
    const behind = words.slice(1);
    const { bare } = group;
    const forHelp = behind.some((word) => word === '--help' || word === '-h');
    if (bare && !forHelp && !(entry && bare.names(behind)))
      return { entry: bare.entry, path: `${PROGRAM} ${bare.entry.name}`, rest: behind };
    if (!entry) return { group, rest: behind };
    return { entry, path: `${PROGRAM} ${group.name} ${entry.name}`, rest };
  }
  const entry = entries.find((candidate) => answersTo(candidate, first));
  return entry ? { entry, path: `${PROGRAM} ${entry.name}`, rest: words.slice(1) } : { nothing: true };
}

const answersTo = ({ name, aliases }: Entry, word: string) => name === word || (aliases?.includes(word) ?? false);

/** A management command without a command of its own: its help, or what is wrong with the words behind it. */
async function groupUsage(group: Group, words: readonly string[]): Promise<void> {
  const path = `${PROGRAM} ${group.name}`;
  const { elsewhere } = await import('./command/unknown.ts');
  // Whatever flags it has are those of a command that is not here.
  const way = elsewhere(`${group.name} ${words[0] ?? ''}`);
  if (way !== undefined) throw new StatusError(`${PROGRAM}: ${way}`);
  const flags = new FlagSet([]);
  await parseFlags(flags, words, true, path, path);
  if (flags.args.length > 0 && !flags.helpWanted) {
    throw await unknownCommand(path, flags.args[0]!, group.entries, `\n\nUsage:  ${path}`);
  }
  if (flags.shortHelpUsed) print(SHORT_HELP_NOTE);
  const text = await helpOf(group);
  if (flags.helpWanted) print(text);
  else complain(text.trimEnd());
}

async function helpOf(group: Group): Promise<string> {
  const { groupHelp } = await import('./command/help.ts');
  return groupHelp(group, (await group.bare?.entry.load())?.use);
}

/** In Docker's words, with what Docker has by that name and where it is done here, or what may have been meant. */
async function unknownCommand(path: string, word: string, known: readonly { name: string }[], usage: string) {
  const { elsewhere, nearest } = await import('./command/unknown.ts');
  const way = elsewhere(path === PROGRAM ? word : `${path.slice(PROGRAM.length + 1)} ${word}`);
  if (way !== undefined) return new StatusError(`${PROGRAM}: ${way}`);
  const close = nearest(
    word,
    known.map(({ name }) => name),
  );
  const hint = close === undefined ? '' : `\n\nDid you mean '${path} ${close}'?`;
  return new StatusError(
    `${PROGRAM}: unknown command: ${path} ${word}${hint}${usage}\n\nRun '${path} --help' for more information`,
  );
}

async function rootHelp(): Promise<string> {
  const help = await import('./command/help.ts');
  return help.rootHelp(DESCRIPTION, entries, groups, globalFlags);
}

async function helpTopic(words: readonly string[]): Promise<void> {
  if (words.length === 0) return print(await rootHelp());
  const found = find(words);
  const unknown = 'nothing' in found ? words : found.rest;
  if ('nothing' in found || unknown.length > 0) throw new StatusError(`unknown help topic: ${unknown.join(' ')}`);
  const help = await import('./command/help.ts');
  if ('group' in found) return print(await helpOf(found.group));
  print(help.commandHelp(await found.entry.load(), found.path));
}

function checkArguments(command: Command, path: string, usage: string, args: readonly string[]): void {
  const [least, most] = command.args;
  if (args.length >= least && args.length <= most) return;
  const plural = (count: number) => (count === 1 ? 'argument' : 'arguments');
  const complaint =
    most === 0
      ? 'accepts no arguments'
      : least === most
        ? `requires ${least} ${plural(least)}`
        : most === Infinity
          ? `requires at least ${least} ${plural(least)}`
          : least === 0
            ? `requires at most ${most} ${plural(most)}`
            : `requires at least ${least} and at most ${most} ${plural(most)}`;
  const hint = most === Infinity ? 'See' : 'Run';
  throw new StatusError(
    `${PROGRAM}: '${path}' ${complaint}\n\nUsage:  ${usage}\n\n${hint} '${path} --help' for more information`,
  );
}

function versionLine(): string {
  return `Causeway version ${VERSION}${COMMIT === '' ? '' : `, build ${COMMIT}`}\n`;
}

main(process.argv.slice(2)).then(
  () => process.exit(process.exitCode ?? 0),
  (error: unknown) => {
    const text = errorText(error);
    if (text !== '') complain(text);
    if (!(error instanceof StatusError) && process.env['CAUSEWAY_DEBUG']) complain(String((error as Error).stack));
    process.exit(error instanceof StatusError ? error.exitCode : 1);
  },
);
