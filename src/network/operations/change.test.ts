import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UndoStack, withUndo } from '../../base/undo.ts';
import { EMPTY_ENDPOINT_SPEC } from '../../model/endpoint.ts';
import type { Step } from '../plan/step.ts';
import { NetworkTable } from '../table/table.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
import { predefinedRecord } from './default-networks.ts';
import { applyChange, type ChangeNeeds } from './change.ts';

const record: SandboxRecord = {
  id: 'sandbox',
  request: {
    containerId: 'container',
    containerName: 'name',
    hostname: 'host',
    domainname: '',
    mode: 'networks',
    connections: [],
    links: [],
    exposedPorts: [],
    portBindings: {},
    publishAllPorts: false,
    extraHosts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    macAddress: '',
    files: { hosts: '/nowhere/hosts', resolvConf: '/nowhere/resolv.conf', hostname: '/nowhere/hostname' },
  } as unknown as SandboxRecord['request'],
  sandbox: {
    id: 'sandbox',
    containerId: 'container',
    netns: '',
    mode: 'networks',
    endpoints: [],
    gatewayEndpointId: '',
  },
  pid: 0,
  sharers: [],
  resolverPort: 61053,
  written: { hosts: '', resolvConf: '' },
};

test("the host's name servers are looked up once for a change: its files and its view agree on them", async () => {
  let asked = 0;
  const seen: unknown[] = [];
  const servers = () => assert.fail('not needed by these fakes');
  const needs = {
    table: new NetworkTable(),
    policy: { closed: {}, ipMasq: true, inputPolicy: false },
    ports: { setForwarded: () => {} },
    resolution: { known: () => undefined },
    rows: { commit: async () => {} },
    steps: { run: () => {} },
    files: {
      one: (_id: string, given: unknown) => seen.push(given),
      others: async (_ids: readonly string[], given: unknown) => void seen.push(given),
    },
    feed: {
      hostServers: () => {
        asked++;
        return servers;
      },
      names: () => [],
      view: (_record: SandboxRecord, given: unknown) => {
        seen.push(given);
        return { op: 'remove-sandbox', id: '' } as const;
      },
      tell: async () => {},
    },
  } as unknown as ChangeNeeds;
  await applyChange(needs, new UndoStack(), { containerId: 'container', next: record, steps: [] });
  assert.equal(asked, 1);
  assert.deepEqual(seen, [servers, servers, servers]);
});

test('a change that fails says why, also where the firewall cannot be told what is taken back', async () => {
  const table = new NetworkTable();
  table.putNetwork({ ...predefinedRecord('none', ''), id: 'net', driver: 'bridge', bridgeName: 'br-net' });
  const refuse = (what: string): never => {
    throw new Error(what);
  };
  const needs = {
    table,
    policy: { closed: { 4: { earlier: [], routers: [] }, 6: { earlier: [], routers: [] } }, ipMasq: true },
    ports: { setForwarded: () => refuse('the change') },
    resolution: { known: () => undefined },
    rows: { commit: async () => {} },
    steps: {
      run: () => {},
      beginTearDown: (steps: readonly Step[]) => ({ errors: steps.slice(0, 1).map(() => new Error('the undoing')) }),
    },
    files: { one: () => {}, others: async () => {} },
    feed: { hostServers: () => () => assert.fail(), names: () => [], tell: async () => {} },
  } as unknown as ChangeNeeds;
  const endpoint = {
    id: 'e',
    networkId: 'net',
    networkName: 'net',
    containerId: 'container',
    ifname: 'eth0',
    hostIfname: 'veth0',
    mac: '',
    ipv4: '10.0.0.2',
    prefix4: 24,
    ipv6: '',
    prefix6: 0,
    gateway4: '',
    gateway6: '',
    dnsNames: [],
    spec: EMPTY_ENDPOINT_SPEC,
    published: [{ port: 80, protocol: 'tcp' as const, hostIp: '0.0.0.0', hostPort: 8080 }],
  };
  const next = { ...record, sandbox: { ...record.sandbox, endpoints: [endpoint] } };
  const reported: unknown[] = [];
  await assert.rejects(
    withUndo(
      (undo) => applyChange(needs, undo, { containerId: 'container', next, steps: [] }),
      ({ error }) => reported.push((error as Error).message),
    ),
    /^Error: the change$/,
  );
  assert.deepEqual(reported, ['the undoing']);
  assert.equal(table.sandbox('container'), undefined);
});
