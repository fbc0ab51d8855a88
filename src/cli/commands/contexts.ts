/** `context install`, `ls`, `show`: Docker's contexts, which `--context` and DOCKER_CONTEXT choose from. */
import { DEFAULT_CONTEXT } from '../api/context.ts';
import { addContext, listContexts } from '../api/context-store.ts';
import { configDirectory } from '../api/tls-files.ts';
import type { Command } from '../command/command.ts';
import { listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { PROGRAM } from '../command/program-name.ts';
import { StatusError } from '../command/status-error.ts';
import { formatList, type ListShape, type Row } from '../format/list-output.ts';
import { complain, print, printLine, printShown } from '../terminal/output.ts';

const shape: ListShape = {
  type: '*formatter.clientContextContext',
  headers: {
    Name: 'NAME',
    Description: 'DESCRIPTION',
    DockerEndpoint: 'DOCKER ENDPOINT',
    Error: 'ERROR',
  },
};

const FORMAT = 'table {{.Name}}{{if .Current}} *{{end}}\\t{{.Description}}\\t{{.DockerEndpoint}}\\t{{.Error}}';

const row = (current: string, name: string, description: string, host: string): Row => ({
  Current: () => name === current,
  Description: () => description,
  DockerEndpoint: () => host,
  Error: () => '',
  Name: () => name,
});

export const contextLsCommand: Command = {
  use: 'ls [OPTIONS]',
  short: 'List contexts',
  aliases: ['context ls', 'context list'],
  args: [0, 0],
  flags: [listFormat, { name: 'quiet', short: 'q', type: type.bool, usage: 'Only show context names' }],
  run({ flags, endpoints }) {
    const current = endpoints.context();
    const rows = [
      row(current, DEFAULT_CONTEXT, 'The host of -H, CAUSEWAY_HOST or DOCKER_HOST', endpoints.defaultHost()),
      ...listContexts(configDirectory(process.env)).map(({ name, description, host }) =>
        row(current, name, description, host),
      ),
    ];
    if (flags.bool('quiet')) return print(rows.map(({ Name }) => `${String(Name?.())}\n`).join(''));
    const wanted = flags.string('format');
    printShown(formatList(shape, wanted === '' || wanted === 'table' ? FORMAT : wanted, rows));
  },
};

export const contextShowCommand: Command = {
  use: 'show',
  short: 'Print the name of the current context',
  args: [0, 0],
  flags: [],
  run: ({ endpoints }) => printLine(endpoints.context()),
};

export const contextInstallCommand: Command = {
  use: 'install [NAME]',
  short: "Make this daemon known to Docker's clients as a context",
  long: `Make this daemon known to Docker's clients as a context: docker --context ${PROGRAM} ps, or docker context use ${PROGRAM}`,
  args: [0, 1],
  flags: [],
  run({ args: [name = PROGRAM], endpoints }) {
    const host = endpoints.defaultHost();
    if (!host.startsWith('unix://'))
      throw new StatusError(`${PROGRAM}: ${host} is no socket of this machine: add it with docker context create`);
    const added = addContext(configDirectory(process.env), { name, description: 'Causeway', host });
    printLine(name);
    complain(
      `${added ? 'Added' : 'There already'}: docker --context ${name} goes to ${host}; docker context use ${name} makes it the one that docker uses`,
    );
  },
};
