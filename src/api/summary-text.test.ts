/** The kept text of a list's entry is what would be made anew at that moment, whatever has changed since. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerRecord } from '../model/container.ts';
import { EMPTY_ENDPOINT_SPEC, type Endpoint } from '../model/endpoint.ts';
import type { ListedContainer } from '../model/views.ts';
import { apiVersionNumber } from '../wire/api-version.ts';
import { createRequestSchema } from '../wire/container-create.ts';
import { checkValue } from '../wire/parse-body.ts';
import { toContainerSpec } from './map/container-spec.ts';
import { toContainerSummary } from './map/container-json.ts';
import { shapeAnswer } from './shape/shape.ts';
import { summaryText } from './summary-text.ts';

const STARTED_MS = Date.parse('2025-01-02T03:04:05Z');

function record(changes: Partial<ContainerRecord> = {}): ContainerRecord {
  return {
    id: 'c0ffee'.padEnd(64, '0'),
    name: 'web',
    createdAt: '2025-01-02T03:04:05Z',
    imageId: `sha256:${'a'.repeat(64)}`,
    spec: toContainerSpec(checkValue(createRequestSchema, 'CreateRequest', { Image: 'busybox', Labels: { a: '"b' } })),
    path: 'sleep',
    args: ['1'],
    state: {
      status: 'running',
      pid: 7,
      exitCode: 0,
      error: '',
      oomKilled: false,
      startedAt: '2025-01-02T03:04:05Z',
      finishedAt: '',
      health: { status: 'healthy', failingStreak: 0, log: [] },
    },
    restartCount: 0,
    stoppedByUser: false,
    mounts: [],
    connections: [{ networkId: 'n1', networkName: 'bridge', spec: EMPTY_ENDPOINT_SPEC }],
    links: [],
    ...changes,
  };
}

const endpoint = (ipv4: string): Endpoint => ({
  id: 'e1',
  networkId: 'n1',
  networkName: 'bridge',
  containerId: 'c0ffee',
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

class Reader {
  made = 0;
  readonly #version: number;
  readonly shapeKey: string;

  constructor(version: string) {
    this.#version = apiVersionNumber(version)!;
    this.shapeKey = version;
  }

  shape(entry: unknown): unknown {
    const shape = { route: 'GET /containers/json', version: this.#version, legacyFields: false };
    return (shapeAnswer([entry], shape) as unknown[])[0];
  }

  entryText(entry: unknown): string {
    this.made++;
    return JSON.stringify(this.shape(entry));
  }

  /** What is listed is what would be made anew. */
  reads(view: ListedContainer, nowMs: number): void {
    const text = summaryText(this, view, nowMs);
    assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(this.shape(toContainerSummary(view, nowMs)))));
  }
}

const view = (changes: Partial<ListedContainer> = {}): ListedContainer => ({
  record: record(),
  names: ['web'],
  imageRef: 'busybox',
  endpoints: [endpoint('172.17.0.2')],
  ...changes,
});

test('an entry whose container has not changed is made once, and its status follows the clock', () => {
  const reader = new Reader('1.51');
  const listed = view();
  for (const minutes of [0, 1, 2, 180]) reader.reads(listed, STARTED_MS + minutes * 60_000);
  reader.reads({ ...listed }, STARTED_MS);
  assert.equal(reader.made, 1);
});

test('whatever an entry is made of, a change of it is listed', () => {
  const reader = new Reader('1.51');
  const listed = view();
  const changes: Partial<ListedContainer>[] = [
    {},
    { names: ['web', 'front/web'] },
    { imageRef: `sha256:${'a'.repeat(64)}` },
    { endpoints: [endpoint('172.17.0.3')] },
    { endpoints: [] },
    { networkLost: 'db' },
    { record: record({ name: 'other' }) },
    {
      record: record({ state: { ...listed.record.state, health: { status: 'unhealthy', failingStreak: 3, log: [] } } }),
    },
    { sizeRwBytes: 5, sizeRootFsBytes: 10 },
    { sizeRwBytes: 6, sizeRootFsBytes: 11 },
  ];
  for (const change of [...changes, ...changes.toReversed()]) reader.reads({ ...listed, ...change }, STARTED_MS);
});

test('each API version reads the fields that it has', () => {
  const listed = view();
  for (const version of ['1.24', '1.45', '1.51', '1.52', '1.51', '1.24']) new Reader(version).reads(listed, STARTED_MS);
});
