import type { NetworkZone, ResolverChange } from '../../base/dns-zone.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord } from '../../model/network.ts';
import { predefinedRecord } from '../operations/default-networks.ts';
import { dnsNamesFor } from '../table/dns-names.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { NetworkTable } from '../table/table.ts';
import { Resolution } from './resolution.ts';

const NETWORKS = ['red', 'blue'].map((name): NetworkRecord => ({
  ...predefinedRecord('none', ''),
  id: name,
  name,
  predefined: false,
  driver: 'bridge',
}));

const idOf = (container: number): string => `c${String(container).padStart(11, '0')}`;

function connection(networkId: string, alias: string) {
  return { networkId, networkName: networkId, spec: { ...EMPTY_ENDPOINT_SPEC, aliases: alias === '' ? [] : [alias] } };
}

function record(container: number, name: string, connections: ReturnType<typeof connection>[]): SandboxRecord {
  const id = idOf(container);
  const endpoints = connections.map((one, index): Endpoint => ({
    id: `${id}-${one.networkId}`,
    networkId: one.networkId,
    networkName: one.networkName,
    containerId: id,
    ifname: `eth${index}`,
    hostIfname: '',
    mac: '',
    ipv4: `10.${one.networkId === 'red' ? 1 : 2}.0.${container}`,
    prefix4: 24,
    ipv6: container % 2 === 0 ? `fd00::${container}` : '',
    prefix6: 64,
    gateway4: '',
    gateway6: '',
    dnsNames: dnsNamesFor({ id, name, hostname: '' }, one, { predefined: false }),
    spec: one.spec,
    published: [],
  }));
  return {
    id: `sandbox-${container}`,
    request: {
      containerId: id,
      containerName: name,
      hostname: '',
      connections,
      links: [],
    } as unknown as SandboxRecord['request'],
    sandbox: {
      id: `sandbox-${container}`,
      containerId: id,
      netns: '/x',
      mode: 'networks',
      endpoints,
      gatewayEndpointId: '',
    },
    pid: 0,
    resolverPort: 1,
    written: { hosts: '', resolvConf: '' },
  };
}

function patchMap<V>(map: Map<string, V>, changes: Readonly<Record<string, V | null>>): void {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) map.delete(key);
    else map.set(key, value);
  }
}

/** A resolver that keeps what it is sent. */
class Told {
  readonly zones = new Map<string, { names: Map<string, unknown>; ptr: Map<string, string> }>();

  apply(changes: readonly ResolverChange[]): void {
    for (const change of changes) {
      if (change.op === 'put-network') {
        this.zones.set(change.zone.id, {
          names: new Map(Object.entries(change.zone.names)),
          ptr: new Map(Object.entries(change.zone.ptr)),
        });
      } else if (change.op === 'patch-network') {
        const zone = this.zones.get(change.patch.id)!;
        patchMap<unknown>(zone.names, change.patch.names);
        patchMap(zone.ptr, change.patch.ptr);
      }
    }
  }
}

const sorted = (names: Iterable<readonly [string, unknown]>) =>
  [...names]
    .map(
      ([name, value]) =>
        [
          name,
          Object.fromEntries(
            Object.entries(value as Record<string, string[]>).map(([type, list]) => [type, list.toSorted()]),
          ),
        ] as const,
    )
    .toSorted(([a], [b]) => (a < b ? -1 : 1));

const operation = fc.record({
  kind: fc.constantFrom('join', 'join', 'leave', 'remember', 'forget', 'sick', 'well'),
  container: fc.integer({ min: 1, max: 5 }),
  name: fc.constantFrom('db', 'web', 'DB', '__proto__', 'cache'),
  networks: fc.subarray(['red', 'blue']),
  alias: fc.constantFrom('', 'pool', 'web', 'constructor'),
});

test('incremental updates give a resolver the same zones as the whole table', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 40 }), (operations) => {
      const table = new NetworkTable();
      for (const network of NETWORKS) table.putNetwork(network);
      const resolution = new Resolution({ table, defaultTtlS: 5 });
      const told = new Told();
      told.apply(resolution.zoneChanges(NETWORKS.map((network) => network.id)));
      for (const { kind, container, name, networks, alias } of operations) {
        const id = idOf(container);
        const connections = networks.map((network) => connection(network, alias));
        if (kind === 'join') table.putSandbox(record(container, name, connections));
        if (kind === 'leave') table.removeSandbox(id);
        if (kind === 'remember')
          resolution.remember({ containerId: id, containerName: name, hostname: '', connections });
        if (kind === 'forget') resolution.forget(id);
        told.apply(
          kind === 'sick' || kind === 'well'
            ? resolution.healthChanges(id, kind === 'well')
            : resolution.containerChanges(id),
        );
        // Forgetting also forgets that it was sick, which changes what others share with it.
        if (kind === 'forget') told.apply(resolution.zoneChanges(NETWORKS.map((network) => network.id)));
      }
      for (const network of NETWORKS) {
        const whole: NetworkZone = resolution.zone(network);
        const { names, ptr } = told.zones.get(network.id)!;
        assert.deepEqual(sorted(names), sorted(Object.entries(whole.names)));
        assert.deepEqual([...ptr].toSorted(), Object.entries(whole.ptr).toSorted());
      }
    }),
  );
});

test('a change reports only the names it affects, however many others exist', () => {
  const table = new NetworkTable();
  table.putNetwork(NETWORKS[0]!);
  const resolution = new Resolution({ table, defaultTtlS: 5 });
  resolution.zoneChanges(['red']);
  for (let container = 1; container <= 200; container++) {
    table.putSandbox(record(container, `name-${container}`, [connection('red', '')]));
    const [change] = resolution.containerChanges(idOf(container));
    assert.ok(change?.op === 'patch-network');
    assert.ok(JSON.stringify(change).length < 400);
  }
  assert.deepEqual(resolution.containerChanges(idOf(7)), [], 'nothing new, nothing said');
});

test('a container of very many names costs each of them once', () => {
  const table = new NetworkTable();
  table.putNetwork(NETWORKS[0]!);
  const resolution = new Resolution({ table, defaultTtlS: 5 });
  resolution.zoneChanges(['red']);
  const aliases = Array.from({ length: 20_000 }, (_, index) => `alias-${index}`);
  table.putSandbox(
    record(1, 'many', [{ networkId: 'red', networkName: 'red', spec: { ...EMPTY_ENDPOINT_SPEC, aliases } }]),
  );
  const begun = process.cpuUsage();
  const [change] = resolution.containerChanges(idOf(1));
  const { user, system } = process.cpuUsage(begun);
  assert.ok(change?.op === 'patch-network');
  assert.equal(Object.keys(change.patch.names).length, 20_002); // its name and its id too
  assert.ok(user + system < 5_000_000, `${(user + system) / 1e6} s of processor time`);
});
