/** What follows a container until it ends, and it ends while that begins. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { CONNECTED, EngineOnFakes } from '../../../test/harness/engine-on-fakes.ts';
import { makeRecord } from '../../../test/oci/fixture.ts';
import { followQueries, type NameNeeds } from '../network/name-inspection.ts';
import { readContainerLogs, type LogNeeds } from './container-streams.ts';
import { ExitWaits } from './exit-waits.ts';

let engine: EngineOnFakes;
let id: string;
let waits: ExitWaits;
beforeEach(async () => {
  engine = new EngineOnFakes();
  ({ id } = await engine.addRunning(makeRecord('true', { record: CONNECTED })));
  waits = new ExitWaits();
});
afterEach(() => engine.close());

/** The last of its output arrives, and with it the end. */
const ends = async (): Promise<void> => waits.exited(id, { exitCode: 7, error: '' });
const signal = new AbortController().signal;

test('a log that is followed ends', async () => {
  const path = join(engine.dir, 'log');
  writeFileSync(path, '2026-01-01T00:00:00.000000000Z stdout F sorry\n');
  const needs = {
    containers: engine.parts.containers,
    waits,
    logs: { settled: ends, files: () => ({ path, format: 'plain' }) },
  } as unknown as LogNeeds;
  const query = { stdout: true, stderr: true, follow: true, tail: -1, sinceNs: 0n, untilNs: 0n };
  const { frames } = await readContainerLogs(needs, id, query, signal);
  let lines = 0;
  for await (const chosen of frames) lines += chosen.length;
  assert.equal(lines, 1);
});

test('questions to its resolver that are followed end', async () => {
  let stopped = false;
  const names = {
    dump: () => Promise.reject(new Error('not asked')),
    followQueries: async () => {
      await ends();
      return () => void (stopped = true);
    },
  };
  const needs = {
    containers: engine.parts.containers,
    waits,
    network: { sandbox: () => ({ id: 'one', endpoints: [{ dnsNames: ['web'] }] }) },
  } as unknown as NameNeeds;
  for await (const query of await followQueries(needs, names, id, signal)) assert.fail(JSON.stringify(query));
  assert.ok(stopped);
});
