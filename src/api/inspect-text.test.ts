/** The kept text of inspect is what would be made anew at that moment, whatever has changed since. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeRecord } from '../../test/oci/fixture.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../model/endpoint.ts';
import type { ContainerView } from '../model/views.ts';
import { inspectText } from './inspect-text.ts';
import { toContainerJson, type ShowOptions } from './map/container-json.ts';

const OPTIONS: ShowOptions = { version: 151, cgroupVersion: '2', defaultRuntime: 'crun', storageDriver: 'overlay2' };

const endpoint = (ipv4: string): Endpoint => ({
  id: 'e1',
  networkId: 'n1',
  networkName: 'bridge',
  containerId: 'c',
  ifname: 'eth0',
  hostIfname: 'veth0',
  mac: '02:42:ac:11:00:02',
  ipv4,
  prefix4: 16,
  ipv6: '',
  prefix6: 0,
  gateway4: '172.17.0.1',
  gateway6: '',
  dnsNames: [],
  spec: EMPTY_ENDPOINT_SPEC,
  published: [{ port: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 }],
});

const CONNECTED = { connections: [{ networkId: 'n1', networkName: 'bridge', spec: EMPTY_ENDPOINT_SPEC }] };

const view = (changes: Partial<ContainerView> = {}): ContainerView => ({
  record: makeRecord('true', { record: CONNECTED }),
  names: ['web'],
  imageRef: 'busybox',
  endpoints: [endpoint('172.17.0.2')],
  sandboxId: 's1',
  sandboxKey: '/run/netns/s1',
  execIds: [],
  paths: { hosts: '/h', hostname: '/n', resolvConf: '/r', log: '/l' },
  graph: { UpperDir: '/u' },
  platform: 'linux',
  ...changes,
});

class Reader {
  made = 0;
  readonly shapeKey: string;

  constructor(shapeKey = '151') {
    this.shapeKey = shapeKey;
  }

  text(value: unknown): string {
    this.made++;
    return JSON.stringify({ ...(value as object), shape: this.shapeKey });
  }

  /** What is shown is what would be made anew. */
  reads(shown: ContainerView, options = OPTIONS): void {
    const anew = JSON.stringify({ ...toContainerJson(shown, options), shape: this.shapeKey });
    assert.equal(inspectText(this, shown, options), anew);
  }
}

test('a container that has not changed is made text once', () => {
  const reader = new Reader();
  const shown = view();
  for (let time = 0; time < 3; time++) reader.reads({ ...shown, paths: { ...shown.paths }, execIds: [] });
  assert.equal(reader.made, 1);
});

test('whatever inspect is made of, a change of it is shown', () => {
  const reader = new Reader();
  const shown = view();
  const { record } = shown;
  const changes: Partial<ContainerView>[] = [
    {},
    { endpoints: [endpoint('172.17.0.3')] },
    { endpoints: [] },
    { networkLost: 'db' },
    { missing: 'its image is missing' },
    { sandboxId: 's2', sandboxKey: '/run/netns/s2' },
    { execIds: ['x'] },
    { paths: { ...shown.paths, log: '' } },
    { graph: {} },
    { record: { ...record, name: 'other' } },
    { record: { ...record, state: { ...record.state, exitCode: 3 } } },
    { sizeRwBytes: 5, sizeRootFsBytes: 10 },
    { sizeRwBytes: 6, sizeRootFsBytes: 11 },
  ];
  for (const change of [...changes, ...changes.toReversed()]) reader.reads({ ...shown, ...change });
  reader.reads(shown, { ...OPTIONS, defaultRuntime: 'runc' });
  for (const version of ['124', '151', '124']) new Reader(version).reads(shown);
});

test('what is kept has a bound: of many, those inspected last', () => {
  const reader = new Reader();
  const label = 'x'.repeat(20_000);
  const many = Array.from({ length: 300 }, (_, index) =>
    view({ record: { ...makeRecord('true'), id: `many-${index}`, path: label } }),
  );
  for (const one of many) reader.reads(one);
  reader.reads(many.at(-1)!);
  assert.equal(reader.made, many.length);
  reader.reads(many[0]!);
  assert.equal(reader.made, many.length + 1);
  const huge = view({ record: { ...makeRecord('true'), id: 'huge', path: 'x'.repeat(100_000) } });
  for (let time = 0; time < 2; time++) reader.reads(huge);
  assert.equal(reader.made, many.length + 3, 'one of that size is not kept');
});
