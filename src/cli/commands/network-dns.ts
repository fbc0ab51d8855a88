/**
 * `network dns`: what the embedded DNS answers on a network, and to which containers; or one container's queries as
 * they arrive.
 */
import type { NameQueryJson, NetworkNamesJson } from '../../wire/names.ts';
import type { Call, Command } from '../command/command.ts';
import { listFormat } from '../command/common-flags.ts';
import * as type from '../command/flag-types.ts';
import { formatList, type ListShape, type Row } from '../format/list-output.ts';
import { jsonLines } from '../terminal/json-progress.ts';
import { printLine, printShown } from '../terminal/output.ts';

export const dnsCommand: Command = {
  use: 'dns [OPTIONS] NETWORK\ndns --log CONTAINER',
  short: 'Show what the embedded DNS answers on a network, or what a container asks it',
  long: "Show what the embedded DNS answers on a network, and to whom: names to every container\non it, the aliases of links to the one that has them. With --log, show a running\ncontainer's questions as it asks them, until it ends or you press Ctrl-C.",
  args: [1, 1],
  flags: [
    listFormat,
    { name: 'log', type: type.bool, usage: 'Show the questions of a running container as they are answered' },
  ],
  async run(call) {
    if (call.flags.bool('log')) await followQueries(call);
    else await showNames(call);
  },
};

const shape: ListShape = {
  type: '*network.dnsContext',
  headers: { Name: 'NAME', Type: 'TYPE', Answer: 'ANSWER', TTL: 'TTL', To: 'TO' },
};
const COLUMNS = 'table {{.Name}}\\t{{.Type}}\\t{{.Answer}}\\t{{.TTL}}\\t{{.To}}';
const ALL = 'all';

async function showNames({ flags, args, client }: Call): Promise<void> {
  const names = await client.json<NetworkNamesJson>(
    'GET',
    `/causeway/networks/${encodeURIComponent(args[0] ?? '')}/dns`,
  );
  const wanted = flags.string('format');
  printShown(formatList(shape, wanted === '' || wanted === 'table' ? COLUMNS : wanted, nameRows(names)));
}

function nameRows(names: NetworkNamesJson): Row[] {
  const rows: Row[] = [];
  const add = (name: string, recordType: string, answer: string, to: string, ttl = String(names.TTL)) =>
    rows.push({ Answer: () => answer, Name: () => name, TTL: () => ttl, To: () => to, Type: () => recordType });
  for (const { Name, A, AAAA } of names.Names) {
    if (A.length > 0) add(Name, 'A', A.join(', '), ALL);
    if (AAAA.length > 0) add(Name, 'AAAA', AAAA.join(', '), ALL);
    if (A.length + AAAA.length === 0) add(Name, '-', '(known, no address)', ALL);
  }
  for (const { Name, Services } of names.Names)
    for (const { Service, Target, Port } of Services) add(`${Service}.${Name}`, 'SRV', `${Target}:${Port}`, ALL);
  for (const { Address, Name } of names.Reverse) add(Address, 'PTR', Name, ALL);
  for (const container of names.Containers) {
    for (const { Alias, Network, Addresses } of container.Aliases) {
      if (Network === names.Name) add(Alias, 'link', Addresses.join(', ') || '(known, no address)', container.Name);
    }
    const servers = container.Servers.map(
      ({ Address, Port, From }) => `${Address}${Port === 53 ? '' : `:${Port}`} from the ${From}`,
    ).join(', then ');
    add('*', '-', container.Forward ? `asks ${servers}` : 'SERVFAIL: nothing is forwarded', container.Name, '-');
  }
  return rows;
}

async function followQueries({ flags, args, client }: Call): Promise<void> {
  const response = await client.send('GET', `/causeway/containers/${encodeURIComponent(args[0] ?? '')}/dns/queries`);
  for await (const line of jsonLines(response))
    printLine(flags.string('format') === 'json' ? line : queryLine(JSON.parse(line) as NameQueryJson));
}

function queryLine(query: NameQueryJson): string {
  const count = query.Code === 'NOERROR' ? ` ${query.Answers} ${query.Answers === 1 ? 'answer' : 'answers'}` : '';
  const by = query.Server === '' ? 'own' : `${query.Server} ${query.DurationMs} ms`;
  return `${query.Time} ${query.Protocol} ${query.Name} ${query.Type} ${query.Code}${count} (${by})${query.Problem === '' ? '' : ` ${query.Problem}`}`;
}
