/** Pages for man(1), in the man macros of roff: from the table of commands that --help shows. */
import type { Command, Entry, Group } from '../command/command.ts';
import { usageLine } from '../command/command.ts';
import type { Flag } from '../command/flag-set.ts';
import { usageText, valueLabel } from '../command/flag-text.ts';
import { PROGRAM } from '../command/program-name.ts';

export interface ManualPage {
  /** `causeway-network-create.1` */
  readonly file: string;
  readonly text: string;
}

/** Text as roff is to show it. */
const escape = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${line}` : line))
    .join('\n');

const bold = (text: string): string => `\\fB${escape(text)}\\fR`;
const italic = (text: string): string => `\\fI${escape(text)}\\fR`;

/** `date`: of the release, YYYY-MM-DD. */
const head = (name: string, version: string, date: string): string =>
  `.TH "${name.toUpperCase()}" "1" "${date}" "Causeway ${version}" "Causeway"\n.nh\n.ad l\n`;

const pageName = (path: string): string => path.replaceAll(' ', '-');
const reference = (page: string): string => `\\fB${escape(page)}\\fR(1)`;

function flagList(flags: readonly Flag[]): string {
  return flags
    .filter(({ hidden }) => !hidden)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map((flag) => {
      const label = valueLabel(flag);
      const value = label === '' ? '' : `=${italic(label)}`;
      const preset = flag.preset === undefined || flag.preset === '' ? '' : ` (default ${flag.preset})`;
      const short = flag.short ? `${bold(`-${flag.short}`)}, ` : '';
      return `.TP\n${short}${bold(`--${flag.name}`)}${value}\n${escape(usageText(flag) + preset)}\n`;
    })
    .join('');
}

export interface Release {
  readonly version: string;
  readonly date: string;
}

/** Of a command, by its words: "causeway network create". */
export function commandPage(command: Command, path: string, { version, date }: Release): ManualPage {
  const name = pageName(path);
  const forms = usageLine(path, command.use).split('\n\t');
  const flags = flagList(command.flags);
  const others = (command.aliases ?? []).map((alias) => `${PROGRAM} ${alias}`).filter((alias) => alias !== path);
  const text = [
    head(name, version, date),
    `.SH NAME\n${escape(name)} \\- ${escape(command.short)}\n`,
    `.SH SYNOPSIS\n${forms.map(escape).join('\n.br\n')}\n`,
    `.SH DESCRIPTION\n${paragraphs(command.long ?? command.short)}\n`,
    flags === '' ? '' : `.SH OPTIONS\n${flags}`,
    others.length === 0 ? '' : `.SH OTHER NAMES\n${others.map(escape).join(', ')}\n`,
    `.SH SEE ALSO\n${reference(PROGRAM)}\n`,
  ].join('');
  return { file: `${name}.1`, text };
}

/** Lines that are indented, or stand alone, are shown as they are. */
const paragraphs = (text: string): string =>
  text
    .split('\n\n')
    .map((part) => (part.includes('\n') ? `.nf\n${escape(part)}\n.fi` : escape(part)))
    .join('\n.PP\n');

export interface Table {
  readonly description: string;
  readonly entries: readonly Entry[];
  readonly groups: readonly Group[];
  readonly globals: readonly Flag[];
}

/** Of the program as a whole. */
export function programPage({ description, entries, groups, globals }: Table, { version, date }: Release): ManualPage {
  const listed = (path: string, all: readonly Entry[]): string =>
    all
      .filter(({ hidden }) => !hidden)
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((entry) => `.TP\n${reference(pageName(`${path} ${entry.name}`))}\n${escape(entry.short)}\n`)
      .join('');
  const text = [
    head(PROGRAM, version, date),
    `.SH NAME\n${PROGRAM} \\- ${escape(description)}\n`,
    `.SH SYNOPSIS\n${bold(PROGRAM)} [OPTIONS] COMMAND [ARG...]\n.br\n${bold(`${PROGRAM} daemon`)} [OPTIONS]\n`,
    `.SH DESCRIPTION\nA container engine that speaks the Docker Engine API, and its command line with the commands, flags, output and exit codes of Docker's.\n`,
    `.SH OPTIONS\n${flagList(globals)}`,
    `.SH COMMANDS\n${listed(PROGRAM, entries)}`,
    ...groups.map((group) => `.SS ${escape(group.short)}\n${listed(`${PROGRAM} ${group.name}`, group.entries)}`),
    `.SH ENVIRONMENT\n${ENVIRONMENT.map(([name, about]) => `.TP\n${bold(name)}\n${escape(about)}\n`).join('')}`,
    `.SH FILES\n${FILES.map(([name, about]) => `.TP\n${italic(name)}\n${escape(about)}\n`).join('')}`,
  ].join('');
  return { file: `${PROGRAM}.1`, text };
}

const ENVIRONMENT = [
  ['CAUSEWAY_HOST, DOCKER_HOST', 'The daemon that commands go to, where no -H is given.'],
  ['DOCKER_CONTEXT', 'A Docker context that names it.'],
  ['DOCKER_TLS_VERIFY, DOCKER_CERT_PATH', 'As --tlsverify, and where its certificates are.'],
  ['DOCKER_CONFIG', "Directory of Docker's settings of a user, in place of ~/.docker."],
  ['NO_COLOR', 'No colours, whatever the terminal.'],
] as const;

const FILES = [
  ['/etc/causeway/daemon.json', 'Settings of the daemon, as those of dockerd.'],
  ['/var/lib/causeway', 'Images, containers, networks and volumes.'],
  ['/run/causeway/causeway.sock', 'Where the daemon serves its API.'],
] as const;
