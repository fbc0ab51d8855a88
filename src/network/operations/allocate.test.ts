import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UndoStack } from '../../base/undo.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../model/network.ts';
import type { WantedPort } from '../ports/port-request.ts';
import { BRIDGE_OPTION } from '../plan/bridge-options.ts';
import type { JoinRequest } from '../table/sandbox.ts';
import { NetworkTable } from '../table/table.ts';
import { Allocation } from './allocate.ts';

const endpoint: Endpoint = {
  id: 'endpoint',
  networkId: 'net',
  networkName: 'net',
  containerId: 'container',
  ifname: 'eth0',
  hostIfname: 'veth',
  mac: '',
  ipv4: '10.1.0.2',
  prefix4: 24,
  gateway4: '10.1.0.1',
  ipv6: '',
  prefix6: 0,
  gateway6: '',
  dnsNames: [],
  published: [],
  spec: EMPTY_ENDPOINT_SPEC,
} as unknown as Endpoint;
const dual: Partial<Endpoint> = { ipv6: 'fd00::2', prefix6: 64, gateway6: 'fd00::1' };
const request = { containerId: 'container', containerName: 'web', publishAllPorts: false } as JoinRequest;
const wanted = (hostIp: string, hostPort = '8080'): WantedPort[] => [
  { port: { port: 80, protocol: 'tcp' }, bindings: [{ hostIp, hostPort }] },
];

/** 'address:port' of what is published; 0: only opened. */
function published(mode4: string, mode6: string, more: Partial<Endpoint>, ports = wanted(''), ipv6 = true): string[] {
  const table = new NetworkTable();
  table.putNetwork({
    ...EMPTY_NETWORK_SPEC,
    id: 'net',
    name: 'net',
    driver: 'bridge',
    scope: 'local',
    createdAt: '',
    pools: [],
    bridgeName: 'br-net',
    predefined: false,
    options: { [BRIDGE_OPTION.mode4]: mode4, [BRIDGE_OPTION.mode6]: mode6 },
  } as NetworkRecord);
  const allocation = new Allocation({
    table,
    config: { hostBindingIp: '', execRoot: '' },
    facts: { ipv6 },
    ports: {
      // As the allocator does it: an address that is not named stands for those of both families.
      publish: (_owner: unknown, asked: readonly WantedPort[], families: { ipv4: boolean; ipv6: boolean }) =>
        asked.flatMap(({ port, bindings }) =>
          bindings.flatMap(({ hostIp, hostPort }) =>
            (hostIp === '' ? ['0.0.0.0', '::'] : [hostIp])
              .filter((address) => (address.includes(':') ? families.ipv6 : families.ipv4))
              .map((address) => ({ ...port, hostIp: address, hostPort: Number(hostPort) })),
          ),
        ),
      release: () => {},
    },
  } as unknown as ConstructorParameters<typeof Allocation>[0]);
  const endpoints = [{ ...endpoint, ...more }];
  return allocation
    .publish({ sandboxId: 's', request, endpoints, wanted: ports }, new UndoStack())
    .map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`);
}

test('what a mode of either family does to published ports, IPv4 first', () => {
  assert.deepEqual(published('nat', 'nat', dual), ['0.0.0.0 8080', ':: 8080']);
  assert.deepEqual(published('routed', 'routed', dual), ['0.0.0.0 0', ':: 0']);
  assert.deepEqual(published('nat', 'routed', dual), ['0.0.0.0 8080', ':: 0']);
  assert.deepEqual(published('routed', 'nat', dual), ['0.0.0.0 0', ':: 8080']);
});

test('a container without IPv6 is reached over IPv6 as the IPv6 mode of its network says', () => {
  assert.deepEqual(published('nat', 'nat', {}), ['0.0.0.0 8080', ':: 8080']);
  assert.deepEqual(published('routed', 'nat', {}), ['0.0.0.0 0', ':: 8080'], 'by a relay');
  assert.deepEqual(published('nat', 'routed', {}), ['0.0.0.0 8080', ':: 0']);
  assert.deepEqual(published('routed', 'nat', {}, wanted('::1')), ['::1 8080']);
  assert.deepEqual(published('routed', 'nat', {}, wanted('127.0.0.1')), ['0.0.0.0 0']);
});

test('where the host has no IPv6 nothing is published over it, nor said to be', () => {
  assert.deepEqual(published('nat', 'routed', {}, wanted(''), false), ['0.0.0.0 8080']);
  assert.deepEqual(published('routed', 'nat', {}, wanted(''), false), ['0.0.0.0 0']);
});
