/**
 * Containers that make their hosts files as long as they are read: what they link to comes and goes, and the API
 * answers everybody meanwhile.
 */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PingSampler, tooLong } from '../harness/ping-sampler.ts';
import { TestEngine } from '../harness/test-engine.ts';

const CONTAINERS = 20;
const BYTES = 4 * 1024 * 1024 - 1024; // as much as is read, with what is ours
const BOUND_MS = 1000;
let engine: TestEngine;
let ids: string[];

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'db', 'busybox', 'sleep', '1000');
  ids = Array.from({ length: CONTAINERS }, () =>
    engine.ok('run', '-d', '--link', 'db:database', 'busybox', 'sleep', '1000'),
  );
});

after(() => engine?.destroy());

const hostsOf = (id: string): string => join(engine.dataRoot, 'containers', id, 'hosts');
const addressIn = (id: string): string | undefined => /^(\S+)\tdatabase /m.exec(readFileSync(hostsOf(id), 'utf8'))?.[1];

test('twenty hosts files of 4 MB, of newlines, of one line, of lists of names: `/_ping` is answered while what they link to stops and starts elsewhere', async () => {
  const name = (index: number): string => `0.0.0.0\tname-that-is-blocked-${index}.example.com\n`;
  const list = Array.from({ length: Math.floor(BYTES / name(99_999).length) - 1 }, (_, index) => name(index)).join('');
  const texts = ['\n'.repeat(BYTES), list, `127.0.0.1\tlocalhost\n`.repeat(BYTES / 20), 'x'.repeat(BYTES)];
  for (const [index, id] of ids.entries()) appendFileSync(hostsOf(id), texts[index % texts.length]!);
  const before = addressIn(ids[1]!);
  const sampler = await PingSampler.start(engine);
  try {
    await sampler.longestSilence();
    engine.ok('stop', '-t', '0', 'db');
    engine.ok('run', '-d', '--name', 'thief', 'busybox', 'sleep', '1000');
    engine.ok('start', 'db');
    assert.equal(tooLong(await sampler.longestSilence(), BOUND_MS), undefined);
  } finally {
    sampler.stop();
  }
  const address = engine.ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'db');
  assert.notEqual(address, before);
  for (const [index, id] of ids.entries()) {
    if (index % 4 !== 1 && index % 4 !== 3) continue; // the others have more lines than anybody's list of names
    assert.equal(addressIn(id), address);
    assert.ok(statSync(hostsOf(id)).size > list.length, 'lines of the user are gone');
  }
});
