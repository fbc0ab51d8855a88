/** `network ls`, `rm`, `connect`, `disconnect`, `prune` */
import type { NetworkJson, NetworksPrunedJson } from '../../wire/network.ts';
import type { Call, Command } from '../command/command.ts';
import { filterFlag, filtersQuery, filterValues, listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { errorText, StatusError } from '../command/status-error.ts';
import { isNotFound } from '../api/client.ts';
import { attachmentTo, endpointSettings } from '../container/network-flag.ts';
import { formatList, goTime, joinLabels, shortId, type ListShape, type Row } from '../format/list-output.ts';
import { naturalOrder } from '../format/natural-order.ts';
import { confirm } from '../terminal/confirm.ts';
import { complain, print, printLine, printShown } from '../terminal/output.ts';

const shape: ListShape = {
  type: '*network.networkContext',
  headers: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
  },
};

function networkRow(network: NetworkJson, truncate: boolean): Row {
  return {
    CreatedAt: () => goTimeExact(network.Created),
    Driver: () => network.Driver,
    ID: () => (truncate ? shortId(network.Id) : network.Id),
    IPv4: () => String(network.EnableIPv4 ?? true),
    IPv6: () => String(network.EnableIPv6),
    Internal: () => String(network.Internal),
    Labels: () => joinLabels(network.Labels),
    Name: () => network.Name,
    Scope: () => network.Scope,
    Label: (name: string) => network.Labels?.[name] ?? '',
  };
}

/** With the fraction of the second that the daemon gave, in the zone that it gave. */
function goTimeExact(time: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)$/.exec(time);
  if (!match) return goTime(new Date(time));
  const fraction = match[2] ?? '';
  const zone = match[3] === 'Z' ? '+0000 UTC' : `${match[3]?.replace(':', '')} ${match[3]?.replace(':', '')}`;
  return `${match[1]} ${fraction.includes('.') ? fraction.replace(/\.?0+$/, '') : fraction} ${zone}`;
}

export const listCommand: Command = {
  use: 'ls [OPTIONS]',
  short: 'List networks',
  aliases: ['network ls', 'network list'],
  args: [0, 0],
  flags: [
    { ...filterFlag, usage: 'Provide filter values (e.g. "driver=bridge")' },
    listFormat,
    { name: 'no-trunc', type: type.bool, usage: 'Do not truncate the output' },
    { name: 'quiet', short: 'q', type: type.bool, usage: 'Only display network IDs' },
  ],
  run: list,
};

const COLUMNS = 'table {{.ID}}\\t{{.Name}}\\t{{.Driver}}\\t{{.Scope}}';

async function list({ flags, client }: Call): Promise<void> {
  const networks = await client.json<NetworkJson[]>('GET', '/networks', {
    query: { filters: filtersQuery(flags.filters('filter')) },
  });
  const sorted = networks.toSorted((a, b) => naturalOrder(a.Name, b.Name));
  const wanted = flags.string('format');
  const format = flags.bool('quiet') ? '{{.ID}}' : wanted === '' || wanted === 'table' ? COLUMNS : wanted;
  printShown(
    formatList(
      shape,
      format,
      sorted.map((network) => networkRow(network, !flags.bool('no-trunc'))),
    ),
  );
}

export const removeCommand: Command = {
  use: 'rm NETWORK [NETWORK...]',
  short: 'Remove one or more networks',
  aliases: ['network rm', 'network remove'],
  args: [1, Infinity],
  flags: [{ name: 'force', short: 'f', type: type.bool, usage: 'Do not error if the network does not exist' }],
  run: remove,
};

async function remove({ flags, args, client }: Call): Promise<void> {
  let failed = false;
  for (const network of args) {
    try {
      await client.done('DELETE', `/networks/${encodeURIComponent(network)}`);
      printLine(network);
    } catch (error) {
      if (flags.bool('force') && isNotFound(error)) continue;
      complain(errorText(error));
      failed = true;
    }
  }
  if (failed) throw new StatusError('exit status 1');
}

export const connectCommand: Command = {
  use: 'connect [OPTIONS] NETWORK CONTAINER',
  short: 'Connect a container to a network',
  args: [2, 2],
  flags: [
    { name: 'alias', type: type.strings, usage: 'Add network-scoped alias for the container' },
    { name: 'driver-opt', type: type.strings, usage: 'driver options for the network' },
    {
      name: 'gw-priority',
      type: type.int,
      usage: 'Highest gw-priority provides the default gateway. Accepts positive and negative values.',
    },
    { name: 'ip', type: type.string, usage: 'IPv4 address (e.g., "172.30.100.104")' },
    { name: 'ip6', type: type.string, usage: 'IPv6 address (e.g., "2001:db8::33")' },
    { name: 'link', type: type.list, usage: 'Add link to another container' },
    { name: 'link-local-ip', type: type.strings, usage: 'Add a link-local address for the container' },
  ],
  async run({ flags, args, client }) {
    const [network = '', container = ''] = args;
    const driverOptions = Object.fromEntries(
      flags.list('driver-opt').map((option) => {
        const equals = option.indexOf('=');
        if (equals <= 0) throw new StatusError('invalid key/value pair format in driver options');
        return [option.slice(0, equals), option.slice(equals + 1)];
      }),
    );
    const EndpointConfig = endpointSettings({
      ...attachmentTo('network'),
      aliases: [...flags.list('alias')],
      links: [...flags.list('link')],
      driverOptions,
      ipv4: flags.string('ip'),
      ipv6: flags.string('ip6'),
      linkLocalIps: [...flags.list('link-local-ip')],
      gatewayPriority: flags.number('gw-priority'),
    });
    await client.done('POST', `/networks/${encodeURIComponent(network)}/connect`, {
      body: { Container: container, EndpointConfig },
    });
  },
};

export const disconnectCommand: Command = {
  use: 'disconnect [OPTIONS] NETWORK CONTAINER',
  short: 'Disconnect a container from a network',
  args: [2, 2],
  flags: [{ name: 'force', short: 'f', type: type.bool, usage: 'Force the container to disconnect from a network' }],
  async run({ flags, args, client }) {
    const [network = '', container = ''] = args;
    await client.done('POST', `/networks/${encodeURIComponent(network)}/disconnect`, {
      body: { Container: container, Force: flags.bool('force') },
    });
  },
};

export const pruneCommand: Command = {
  use: 'prune [OPTIONS]',
  short: 'Remove all unused networks',
  args: [0, 0],
  flags: [
    filterValues('Provide filter values (e.g. "until=<timestamp>")'),
    { name: 'force', short: 'f', type: type.bool, usage: 'Do not prompt for confirmation' },
  ],
  async run({ flags, client }) {
    const warning =
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?';
    if (!flags.bool('force') && !(await confirm(warning))) return;
    const { NetworksDeleted } = await client.json<NetworksPrunedJson>('POST', '/networks/prune', {
      query: { filters: filtersQuery(flags.filters('filter')) },
    });
    if (NetworksDeleted && NetworksDeleted.length > 0) print(`Deleted Networks:\n${NetworksDeleted.join('\n')}\n\n`);
  },
};
