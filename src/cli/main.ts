/**
 * The `causeway` command: Docker's grammar, flags, output and exit codes, over the Docker Engine API. Everything that
 * it knows of the engine comes from that API. Only what a command needs is loaded, so that it starts quickly.
 */
import { ApiClient } from './api/client.ts';
import { entries, groups } from './command/catalog.ts';
import { usageLine, type Command, type Group } from './command/command.ts';
import { find, type Found } from './command/find.ts';
import { FlagError, FlagSet } from './command/flag-set.ts';
import { endpointsOf, globalFlags } from './command/global-flags.ts';
import { COMMIT, DESCRIPTION, PROGRAM, VERSION } from './command/program-name.ts';
import { errorText, StatusError } from './command/status-error.ts';
import { complain, print } from './terminal/output.ts';

const SHORT_HELP_NOTE = 'Flag shorthand -h has been deprecated, use --help\n';
const LOG_LEVELS = ['panic', 'fatal', 'error', 'warning', 'warn', 'info', 'debug', 'trace'];

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

  const found = ofScripts(word, rest) ?? find(globals.args);
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

/** What nobody types: they know the table of commands, which therefore does not know them. */
function ofScripts(word: string, rest: readonly string[]): Found | undefined {
  const load =
    word === '__complete'
      ? async () => (await import('./completion/answer.ts')).completeCommand
      : word === '__manual'
        ? async () => (await import('./manual/write.ts')).manualCommand
        : undefined;
  return load && { entry: { name: word, short: '', load }, path: `${PROGRAM} ${word}`, rest };
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
