import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UndoStack } from '../../base/undo.ts';
import { NetworkTable } from '../table/table.ts';
import type { SandboxRecord } from '../table/sandbox.ts';
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
