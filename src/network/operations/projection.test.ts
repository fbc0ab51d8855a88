/**
 * Whatever happens to containers, what follows from it is what a plain model says: DNS zones, hosts files, link
 * variables and firewall elements. Elements and zones are kept by differences, as the service keeps them, and must
 * never drift from the whole.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import type { Port } from '../../model/port.ts';
import { renderFiles } from '../files/container-files.ts';
import type { ResolverChange } from '../../base/dns-zone.ts';
import { predefinedRecord } from './default-networks.ts';
import { linkVariables } from '../links/variables.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import { parseResolvConf } from '../dns/resolv-conf.ts';
import { elementKey, elementOf, elementsOf, type Element } from '../firewall/facts/element.ts';
import { desiredElements, factsOfHost, factsOfNetwork } from '../plan/firewall-facts.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { NetworkTable } from '../table/table.ts';
import { Resolution } from '../dns/resolution.ts';
import { replaceRow } from './row.ts';

const ICC = 'com.docker.network.bridge.enable_icc';
const POLICY = { closed: { 4: { earlier: [], routers: [] }, 6: { earlier: [], routers: [] } }, ipMasq: true };
const network = (name: string, more: Partial<NetworkRecord>): NetworkRecord => ({
  ...predefinedRecord('none', ''),
  id: name,
  name,
  driver: 'bridge',
  predefined: false,
  bridgeName: `br-${name}`,
  ...more,
});
const NETWORKS = [
  network('bridge', { predefined: true, options: { [ICC]: 'false' } }),
  network('apart', { options: { [ICC]: 'false' }, enableIpv6: true }),
  network('open', { enableIpv6: true }),
];
const USERS = NETWORKS.slice(1).map(({ id }) => id);

// ---- the model: a few facts of each container, and what should be seen of them

interface Container {
  readonly number: number;
  name: string;
  running: boolean;
  address: number; // the last byte, another one at every start
  networks: { id: string; alias: string; links: string[] }[]; // links: 'name:alias'
  links: { to: number; alias: string }[]; // of the default bridge
  readonly ports: Port[];
}

const NAMES = ['db', 'web', 'cache', 'DB2', 'constructor'];
const idOf = (number: number): string => String(number).repeat(12).padEnd(64, '0');
const v4 = (networkId: string, address: number): string =>
  `10.${NETWORKS.findIndex(({ id }) => id === networkId)}.0.${address}`;
const v6 = (networkId: string, address: number): string =>
  networkId === 'bridge' ? '' : `fd00:${NETWORKS.findIndex(({ id }) => id === networkId)}::${address}`;

function namesOn(container: Container, networkId: string): string[] {
  const connection = container.networks.find(({ id }) => id === networkId);
  if (!connection || networkId === 'bridge') return [];
  return [
    ...new Set([container.name, connection.alias, idOf(container.number).slice(0, 12)].filter((name) => name !== '')),
  ];
}

function expectedNames(all: readonly Container[], networkId: string): Map<string, string[]> {
  const names = new Map<string, string[]>();
  for (const container of all) {
    for (const name of namesOn(container, networkId)) {
      const list = names.get(name.toLowerCase()) ?? [];
      names.set(
        name.toLowerCase(),
        container.running ? [...list, v4(networkId, container.address), v6(networkId, container.address)] : list,
      );
    }
  }
  return names;
}

function expectedHosts(all: readonly Container[], container: Container): string[] {
  const lines: string[] = [];
  for (const { to, alias } of container.links) {
    const source = all[to]!;
    if (!source.running || !source.networks.some(({ id }) => id === 'bridge')) continue;
    lines.push(
      `${v4('bridge', source.address)}\t${alias} ${idOf(to).slice(0, 12)}${alias === source.name ? '' : ` ${source.name}`}`,
    );
  }
  for (const { id } of container.networks) {
    for (const address of [v4(id, container.address), v6(id, container.address)])
      if (address !== '') lines.push(`${address}\t${idOf(container.number).slice(0, 12)}`);
  }
  return lines;
}

function expectedHoles(all: readonly Container[]): Set<string> {
  const holes = new Set<string>();
  const running = all.filter((container) => container.running);
  const open = (from: Container, to: Container, networkId: string) => {
    for (const { port, protocol } of to.ports) {
      holes.add(`holes4 ${v4(networkId, from.address)} . ${v4(networkId, to.address)} . ${protocol} . ${port}`);
      if (networkId !== 'bridge')
        holes.add(`holes6 ${v6(networkId, from.address)} . ${v6(networkId, to.address)} . ${protocol} . ${port}`);
    }
  };
  for (const from of running) {
    for (const { id, links } of from.networks) {
      const there = running.filter((one) => one.networks.some((connection) => connection.id === id));
      if (id === 'bridge') for (const { to } of from.links) if (there.includes(all[to]!)) open(from, all[to]!, id);
      if (id !== 'apart') continue;
      const wanted = new Set(links.map((link) => link.split(':')[0]!.toLowerCase().slice(0, 12))); // a whole id by its first digits
      for (const to of there)
        if (to !== from && namesOn(to, id).some((name) => wanted.has(name.toLowerCase()))) open(from, to, id);
    }
  }
  return holes;
}

// ---- the system: the endpoint table, changed as the service changes it

class System {
  readonly table = new NetworkTable();
  readonly resolution = new Resolution({ table: this.table, defaultTtlS: 5 });
  readonly elements = new Map<string, Element>();
  readonly zones = new Map<string, { names: Map<string, unknown>; ptr: Map<string, unknown> }>();

  constructor() {
    for (const one of NETWORKS) this.table.putNetwork(one);
    for (const element of elementsOf([
      ...factsOfHost(POLICY),
      ...NETWORKS.flatMap((one) => factsOfNetwork(one, POLICY)),
    ]))
      this.elements.set(elementKey(element), element);
    this.#tell(this.resolution.zoneChanges(USERS));
  }

  become(container: Container): void {
    const id = idOf(container.number);
    const next = container.running ? record(container) : undefined;
    const { diff } = replaceRow({ table: this.table, policy: POLICY }, id, next);
    for (const fact of diff.remove) this.elements.delete(elementKey(elementOf(fact)));
    for (const element of elementsOf(diff.add)) this.elements.set(elementKey(element), element);
    this.resolution.remember({
      containerId: id,
      containerName: container.name,
      hostname: id.slice(0, 12),
      connections: connectionsOf(container),
    });
    this.#tell(this.resolution.containerChanges(id));
  }

  #tell(changes: readonly ResolverChange[]): void {
    for (const change of changes) {
      if (change.op === 'put-network')
        this.zones.set(change.zone.id, {
          names: new Map(Object.entries(change.zone.names)),
          ptr: new Map(Object.entries(change.zone.ptr)),
        });
      if (change.op !== 'patch-network') continue;
      const zone = this.zones.get(change.patch.id)!;
      patch(zone.names, change.patch.names);
      patch(zone.ptr, change.patch.ptr);
    }
  }
}

function patch(map: Map<string, unknown>, changes: Readonly<Record<string, unknown>>): void {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) map.delete(key);
    else map.set(key, value);
  }
}

const connectionsOf = (container: Container) =>
  container.networks.map(({ id, alias, links }) => ({
    networkId: id,
    networkName: id,
    spec: { ...EMPTY_ENDPOINT_SPEC, aliases: alias === '' ? [] : [alias], links },
  }));

function record(container: Container): SandboxRecord {
  const id = idOf(container.number);
  const hostname = id.slice(0, 12);
  const endpoints = connectionsOf(container).map((connection, index): Endpoint => ({
    id: `${id}-${connection.networkId}`,
    networkId: connection.networkId,
    networkName: connection.networkName,
    containerId: id,
    ifname: `eth${index}`,
    hostIfname: '',
    mac: '',
    ipv4: v4(connection.networkId, container.address),
    prefix4: 24,
    ipv6: v6(connection.networkId, container.address),
    prefix6: 64,
    gateway4: '',
    gateway6: '',
    dnsNames: dnsNamesFor({ id, name: container.name, hostname }, connection, {
      predefined: connection.networkId === 'bridge',
    }),
    spec: connection.spec,
    published: [],
  }));
  const links = container.links.map(({ to, alias }) => ({
    sourceId: idOf(to),
    sourceName: '',
    alias,
    ports: PORTS[to]!,
  }));
  return {
    id,
    request: {
      containerId: id,
      containerName: container.name,
      hostname,
      domainname: '',
      extraHosts: [],
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      sysctls: {},
      exposedPorts: container.ports,
      links,
    } as unknown as SandboxRecord['request'],
    sandbox: { id, containerId: id, netns: '/x', mode: 'networks', endpoints, gatewayEndpointId: '' },
    pid: 0,
    resolverPort: 1,
    written: { hosts: '', resolvConf: '' },
  };
}

// ---- what happens

const PORTS: readonly Port[][] = [
  [{ port: 5432, protocol: 'tcp' }],
  [
    { port: 53, protocol: 'udp' },
    { port: 53, protocol: 'tcp' },
  ],
  [],
  [{ port: 80, protocol: 'tcp' }],
];

const number = fc.integer({ min: 0, max: PORTS.length - 1 });
const userLinks = fc.subarray(['db:database', 'WEB:site', 'pool:any', `${idOf(0)}:first`]);

/** Most run, and know each other: what happens then has consequences. */
const beginning = fc.tuple(
  ...PORTS.map(() =>
    fc.record({
      running: fc.boolean(),
      networks: fc.subarray(
        NETWORKS.map(({ id }) => id),
        { minLength: 1 },
      ),
      links: userLinks,
      sources: fc.array(number, { maxLength: 2 }),
    }),
  ),
);
const operation = fc.oneof(
  fc.record({ kind: fc.constant('start' as const), at: number }),
  fc.record({ kind: fc.constant('stop' as const), at: number }),
  fc.record({ kind: fc.constant('rename' as const), at: number, name: fc.constantFrom(...NAMES) }),
  fc.record({
    kind: fc.constant('connect' as const),
    at: number,
    to: fc.constantFrom(...NETWORKS.map(({ id }) => id)),
    alias: fc.constantFrom('', 'pool', 'db'),
    links: userLinks,
  }),
  fc.record({
    kind: fc.constant('disconnect' as const),
    at: number,
    to: fc.constantFrom(...NETWORKS.map(({ id }) => id)),
  }),
  fc.record({
    kind: fc.constant('link' as const),
    at: number,
    links: fc.array(fc.record({ to: number, alias: fc.constantFrom('db', 'store') }), { maxLength: 3 }),
  }),
);

test('after any sequence of operations names, hosts files, variables and elements match the model', () => {
  fc.assert(
    fc.property(beginning, fc.array(operation, { maxLength: 30 }), (first, operations) => {
      const all = first.map(({ running, networks, links, sources }, index): Container => ({
        number: index,
        name: NAMES[index]!,
        running,
        address: 2 + index,
        networks: networks.map((id) => ({ id, alias: '', links: id === 'bridge' ? [] : links })),
        links: sources.filter((to) => to !== index).map((to) => ({ to, alias: 'store' })),
        ports: PORTS[index]!,
      }));
      const system = new System();
      for (const container of all) system.become(container);
      compare(system, all);
      for (const step of operations) {
        const container = all[step.at]!;
        if (step.kind === 'start') {
          if (container.running) continue;
          container.running = true;
          // The lowest that is free: an unrelated container may get what another had a moment ago.
          const taken = new Set(all.filter((one) => one.running && one !== container).map(({ address }) => address));
          container.address = 2;
          while (taken.has(container.address)) container.address += 1;
        } else if (step.kind === 'stop') container.running = false;
        else if (step.kind === 'rename') {
          if (all.some(({ name }) => name === step.name)) continue;
          container.name = step.name;
        } else if (step.kind === 'connect') {
          if (container.networks.some(({ id }) => id === step.to)) continue;
          container.networks = [
            ...container.networks,
            {
              id: step.to,
              alias: step.to === 'bridge' ? '' : step.alias,
              links: step.to === 'bridge' ? [] : step.links,
            },
          ];
        } else if (step.kind === 'disconnect')
          container.networks = container.networks.filter(({ id }) => id !== step.to);
        else container.links = step.links.filter(({ to }) => to !== step.at);
        system.become(container);
        compare(system, all);
      }
    }),
  );
});

function compare(system: System, all: readonly Container[]): void {
  // Elements: kept by differences, and projected from scratch; the holes also as the model has them.
  const keys = (elements: Iterable<Element>) =>
    [...new Set([...elements].map((element) => `${elementKey(element)} ${element.value ?? ''}`))].toSorted();
  assert.deepEqual(keys(system.elements.values()), keys(desiredElements(system.table, POLICY)));
  assert.deepEqual(
    [...system.elements.keys()].filter((key) => key.startsWith('holes')).toSorted(),
    [...expectedHoles(all)].toSorted(),
  );

  for (const networkId of USERS) {
    const told = system.zones.get(networkId)!;
    const expected = expectedNames(all, networkId);
    assert.deepEqual([...told.names.keys()].toSorted(), [...expected.keys()].toSorted());
    for (const [name, addresses] of expected) {
      const { a, aaaa } = told.names.get(name) as { a: string[]; aaaa: string[] };
      assert.deepEqual([...a, ...aaaa].toSorted(), addresses.toSorted(), name);
    }
    const reverse = all
      .filter((one) => one.running && one.networks.some(({ id }) => id === networkId))
      .flatMap((one) =>
        [v4(networkId, one.address), v6(networkId, one.address)].map((ip) => [ip, `${one.name}.${networkId}`]),
      );
    assert.deepEqual([...told.ptr].toSorted(), reverse.toSorted());
  }

  const facts = {
    ipv6: true,
    hostGateways: [],
    resolvConf: parseResolvConf('', ''),
    reachableResolvConf: parseResolvConf('', ''),
    defaults: { dns: [], dnsSearch: [], dnsOptions: [] },
  };
  for (const container of all.filter((one) => one.running)) {
    const text = renderFiles(system.table.sandbox(idOf(container.number))!, system.table, facts).hosts;
    assert.deepEqual(text.split('\n').slice(6, -1), expectedHosts(all, container));
  }
}

test('link variables: for any ports each has four, the first is PORT, and every run of consecutive ones has its ends', () => {
  const port = fc.record({
    port: fc.integer({ min: 1, max: 12 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  });
  const ports = fc.uniqueArray(port, { selector: ({ port: at, protocol }) => `${at}/${protocol}`, maxLength: 14 });
  fc.assert(
    fc.property(
      ports,
      fc.array(fc.constantFrom('A=1', 'PATH=/bin', 'HOME=/', 'EMPTY=', 'NONE', 'B=x=y')),
      (list, sourceEnv) => {
        const variables = new Map(
          linkVariables({ alias: 'my-db', recipientName: 'web', address: '10.0.0.2', ports: list, sourceEnv }).map(
            (entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)],
          ),
        );
        const expected = new Map<string, string>([['MY_DB_NAME', '/web/my-db']]);
        const set = (name: string, value: string | number) => void expected.set(`MY_DB_${name}`, String(value));
        const url = ({ port: at, protocol }: Port) => `${protocol}://10.0.0.2:${at}`;
        for (const protocol of ['tcp', 'udp'] as const) {
          const mine = list.filter((one) => one.protocol === protocol).toSorted((a, b) => a.port - b.port);
          if (mine[0] && !expected.has('MY_DB_PORT')) set('PORT', url(mine[0]));
          for (const one of mine) {
            const name = `PORT_${one.port}_${protocol.toUpperCase()}`;
            set(name, url(one));
            set(`${name}_ADDR`, '10.0.0.2');
            set(`${name}_PORT`, one.port);
            set(`${name}_PROTO`, protocol);
            const has = (at: number) => mine.some((other) => other.port === at);
            if (has(one.port - 1) || !has(one.port + 1)) continue;
            let end = one.port;
            while (has(end + 1)) end += 1;
            set(`${name}_START`, url(one));
            set(`${name}_PORT_START`, one.port);
            set(`${name}_END`, url({ port: end, protocol }));
            set(`${name}_PORT_END`, end);
          }
        }
        for (const entry of sourceEnv) {
          const [key = ''] = entry.split('=');
          if (entry.includes('=') && key !== 'PATH' && key !== 'HOME') set(`ENV_${key}`, entry.slice(key.length + 1));
        }
        assert.deepEqual([...variables].toSorted(), [...expected].toSorted());
      },
    ),
  );
});
