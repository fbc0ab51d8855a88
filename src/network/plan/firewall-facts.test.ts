/** Facts are what a verdict is explained by: each says in fields what it means, and what it came from. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../../model/endpoint.ts';
import { EMPTY_NETWORK_SPEC, type NetworkRecord } from '../../model/network.ts';
import { elementOf } from '../firewall/facts/element.ts';
import type { JoinLink, SandboxRecord } from '../table/sandbox.ts';
import { NetworkTable } from '../table/table.ts';
import { desiredFacts, factsOfHost, factsOfLinks, factsOfNetwork, factsOfSandbox } from './firewall-facts.ts';
import { closedHoleSteps, openedPortSteps } from './sandbox-steps.ts';

const POLICY = { closed: {}, ipMasq: true };
const network = (id: string, change: Partial<NetworkRecord> = {}): NetworkRecord => ({
  ...EMPTY_NETWORK_SPEC,
  name: id,
  id,
  driver: 'bridge',
  scope: 'local',
  createdAt: '',
  pools: [],
  bridgeName: `br-${id}`,
  predefined: false,
  ...change,
});
const APART = network('apart', { predefined: true, options: { 'com.docker.network.bridge.enable_icc': 'false' } });
const OTHER = network('other');

function endpoint(containerId: string, networkId: string, ipv4: string, change: Partial<Endpoint> = {}): Endpoint {
  return {
    id: `${containerId}-${networkId}`,
    networkId,
    networkName: networkId,
    containerId,
    ifname: 'eth0',
    hostIfname: '',
    mac: '',
    ipv4,
    prefix4: 24,
    ipv6: '',
    prefix6: 0,
    gateway4: '',
    gateway6: '',
    dnsNames: [],
    spec: EMPTY_ENDPOINT_SPEC,
    published: [],
    ...change,
  };
}

function sandbox(containerId: string, endpoints: readonly Endpoint[], links: readonly JoinLink[] = []): SandboxRecord {
  return {
    id: containerId,
    pid: 1,
    resolverPort: 0,
    request: { links, exposedPorts: [] },
    sandbox: { id: containerId, containerId, netns: '', mode: 'networks', endpoints, gatewayEndpointId: '' },
  } as unknown as SandboxRecord;
}

const WEB = sandbox('web', [
  endpoint('web', 'apart', '10.1.0.2', {
    published: [
      { port: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 },
      { port: 53, protocol: 'udp', hostIp: '192.0.2.1', hostPort: 53 },
    ],
  }),
  endpoint('web', 'other', '10.2.0.2'),
]);
const CLIENT = sandbox(
  'client',
  [endpoint('client', 'apart', '10.1.0.3')],
  [{ sourceId: 'web', sourceName: 'web', alias: 'web', ports: [{ port: 80, protocol: 'tcp' }] }],
);

function tableOf(): NetworkTable {
  const table = new NetworkTable();
  for (const one of [APART, OTHER]) table.putNetwork(one);
  for (const one of [WEB, CLIENT]) table.putSandbox(one);
  return table;
}

test('a published port is one fact with its origin', () => {
  const origin = { kind: 'published', containerId: 'web', networkId: 'apart' } as const;
  const published = factsOfSandbox(WEB, tableOf()).filter((fact) => fact.kind === 'publish');
  assert.deepEqual(published, [
    {
      kind: 'publish',
      version: 4,
      protocol: 'tcp',
      hostIp: '',
      hostPort: 8080,
      target: { address: '10.1.0.2', port: 80 },
      origin,
    },
    {
      kind: 'publish',
      version: 4,
      protocol: 'udp',
      hostIp: '192.0.2.1',
      hostPort: 53,
      target: { address: '10.1.0.2', port: 53 },
      origin,
    },
  ]);
  assert.deepEqual(published.map(elementOf), [
    { set: 'publish-any4', key: ['tcp', 8080], value: ['10.1.0.2', 80] },
    { set: 'publish4', key: ['192.0.2.1', 'udp', 53], value: ['10.1.0.2', 53] },
  ]);
  assert.deepEqual(openedPortSteps({ add: published, remove: [] }), [
    { kind: 'forget-unled-flows', protocol: 'tcp', hostIp: '', ports: [8080] },
    { kind: 'forget-unled-flows', protocol: 'udp', hostIp: '192.0.2.1', ports: [53] },
  ]);
});

test('a firewall hole names its link', () => {
  const holes = factsOfLinks(CLIENT, tableOf());
  assert.deepEqual(holes, [
    {
      kind: 'hole',
      version: 4,
      from: '10.1.0.3',
      to: '10.1.0.2',
      protocol: 'tcp',
      port: 80,
      origin: { kind: 'link', containerId: 'client', sourceId: 'web', networkId: 'apart' },
    },
  ]);
  assert.deepEqual(closedHoleSteps({ add: [], remove: holes }), [
    { kind: 'forget-pair-flows', from: '10.1.0.3', to: '10.1.0.2' },
  ]);
});

test('facts of a network, of the host and of a container on several networks carry their origin', () => {
  const origins = (facts: readonly { readonly origin: unknown }[]) =>
    [...new Set(facts.map(({ origin }) => JSON.stringify(origin)))].map((text) => JSON.parse(text) as unknown);
  assert.deepEqual(origins(factsOfNetwork(APART, POLICY)), [{ kind: 'network', networkId: 'apart' }]);
  assert.deepEqual(origins(factsOfHost(POLICY)), [{ kind: 'host' }]);
  assert.deepEqual(origins(factsOfSandbox(WEB, tableOf()).filter(({ kind }) => kind === 'astride')), [
    { kind: 'addresses', containerId: 'web' },
  ]);
  assert.equal(
    desiredFacts(tableOf(), POLICY).every(({ origin }) => origin !== undefined),
    true,
  );
});
