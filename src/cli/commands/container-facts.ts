/** `port`, `top`, `diff` */
import type { ContainerJson } from '../../wire/container-inspect.ts';
import type { ContainerChangeJson, TopResponseJson } from '../../wire/container-summary.ts';
import { isNotFound } from '../api/client.ts';
import type { Command } from '../command/command.ts';
import { StatusError } from '../command/status-error.ts';
import { joinHostPort } from '../container/listing.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { layoutColumns } from '../format/table.ts';
import { print } from '../terminal/output.ts';
import { changeWithoutSpec } from './port-change.ts';

export const portCommand: Command = {
  use: 'port CONTAINER [PRIVATE_PORT[/PROTO]]',
  short: 'List port mappings or a specific mapping for the container',
  aliases: ['container port', 'port'],
  args: [1, 2],
  flags: [],
  async run({ args, client, path }) {
    const [container = '', wanted] = args;
    const { NetworkSettings } = await client
      .json<ContainerJson>('GET', `/containers/${encodeURIComponent(container)}/json`)
      .catch((error: unknown) => {
        throw isNotFound(error) ? (changeWithoutSpec(path, args) ?? error) : error;
      });
    const ports = NetworkSettings.Ports ?? {};
    let lines: string[];
    if (wanted === undefined || wanted === '') {
      lines = Object.entries(ports).flatMap(([port, bindings]) =>
        (bindings ?? []).map(({ HostIp, HostPort }) => `${port} -> ${joinHostPort(HostIp, HostPort)}`),
      );
    } else {
      const [number = '', protocol = 'tcp'] = wanted.split('/');
      if (!/^\d+$/.test(number) || Number(number) > 65535) {
        throw new StatusError(
          `Error: invalid port (${number}): strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`,
        );
      }
      const bindings = ports[`${number}/${protocol}`] ?? [];
      if (bindings.length === 0) throw new StatusError(`Error: No public port '${wanted}' published for ${container}`);
      lines = bindings.map(({ HostIp, HostPort }) => joinHostPort(HostIp, HostPort));
    }
    if (lines.length > 0) print(`${lines.toSorted(naturalOrder).join('\n')}\n`);
  },
};

export const portLsCommand: Command = {
  ...portCommand,
  use: 'ls CONTAINER [PRIVATE_PORT[/PROTO]]',
  aliases: ['port ls', 'port list', 'port'],
};

const TOP_COLUMN = 20;

export const topCommand: Command = {
  use: 'top CONTAINER [ps OPTIONS]',
  short: 'Display the running processes of a container',
  aliases: ['container top', 'top'],
  args: [1, Infinity],
  interspersed: false,
  flags: [],
  async run({ args, client }) {
    const [container = '', ...options] = args;
    const query = { ps_args: options.length > 0 ? options.join(' ') : undefined };
    const { Titles, Processes } = await client.json<TopResponseJson>(
      'GET',
      `/containers/${encodeURIComponent(container)}/top`,
      { query },
    );
    const rows = [Titles ?? [], ...(Processes ?? [])].map((row) => `${row.join('\t')}\n`).join('');
    print(layoutColumns(rows, { minWidth: TOP_COLUMN }));
  },
};

const CHANGES = ['C', 'A', 'D'];

export const diffCommand: Command = {
  use: 'diff CONTAINER',
  short: "Inspect changes to files or directories on a container's filesystem",
  aliases: ['container diff', 'diff'],
  args: [1, 1],
  flags: [],
  async run({ args, client }) {
    if (args[0] === '') throw new StatusError('Container name cannot be empty');
    const changes = await client.json<ContainerChangeJson[] | null>(
      'GET',
      `/containers/${encodeURIComponent(args[0] ?? '')}/changes`,
    );
    print((changes ?? []).map(({ Kind, Path }) => `${CHANGES[Kind] ?? ''} ${Path}\n`).join(''));
  },
};
