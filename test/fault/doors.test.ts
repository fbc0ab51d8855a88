/**
 * The daemon that tests order about at its doors does as ordered, and the one that users get cannot be ordered about.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Visit } from '../harness/doors/order.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { Api, Cut } from './churn/api.ts';

test('no program that users get has a trace of the doors', () => {
  for (const name of ['daemon.mjs', 'enter.mjs', 'engine.code', 'dns.mjs', 'cli.cjs', 'cli.code'])
    assert.doesNotMatch(
      readFileSync(join(PROJECT, 'dist', name), 'utf8'),
      /CAUSEWAY_TEST|injected|test\/harness|fsCall|hookFs/,
      name,
    );
  assert.match(
    readFileSync(join(PROJECT, 'scripts/build.mjs'), 'utf8'),
    /hooks\s*\?\s*\[[^\]]*dist\/hooked\//,
    'they are in dist/hooked alone',
  );
});

test(
  'the daemon that users get does not look at orders',
  { skip: process.getuid?.() !== 0 && 'needs root' },
  async () => {
    const engine = await TestEngine.start();
    try {
      engine.order({ mode: 'kill', name: 'reply.end@', n: 1 });
      assert.ok(await engine.answers());
    } finally {
      await engine.destroy();
    }
  },
);

describe('a daemon with doors', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let engine: TestEngine;
  let api: Api;
  before(async () => {
    engine = await TestEngine.start({ hooked: true });
    api = new Api(engine.socket);
  });
  after(async () => {
    api.close();
    await engine.destroy();
  });

  async function visits(): Promise<Visit[]> {
    const output = join(engine.dir, 'visits');
    engine.order({ mode: 'list', output });
    await api.ok('POST', '/networks/create', { Name: 'net' });
    engine.order(undefined);
    await api.ok('DELETE', '/networks/net');
    return readFileSync(output, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Visit);
  }

  test('a list has every door, in order', async () => {
    const acts = (await visits()).filter((visit) => visit.acts).map((visit) => visit.name.replace(/@.*/, ''));
    for (const door of ['c.send', 'fs.writeFile', 'socket.write', 'store.commit', 'reply.end'])
      assert.ok(acts.includes(door), `${door} in ${acts.join(' ')}`);
    assert.ok(acts.indexOf('c.send') < acts.indexOf('store.commit'));
    assert.equal(acts.at(-1), 'reply.end');
  });

  test('a door can fail with an errno, and the reason reaches the client', async () => {
    const seen = await visits();
    // Of the many messages that are sent the one that makes the bridge: others may come from work beside the call.
    const at = (door: string): Visit =>
      seen.find(
        (visit) => visit.name.startsWith(`${door}@`) && (door !== 'c.send' || visit.name.includes('createLink')),
      )!;
    for (const [door, errno, words] of [
      ['store.commit', 'ENOSPC', /no space left on device/],
      ['c.send', 'ENOMEM', /Cannot allocate memory/],
    ] as const) {
      const { name, n } = at(door);
      engine.order({ mode: 'fault', name, n, errno });
      const { status, body } = await api.call('POST', '/networks/create', { Name: 'net' });
      engine.order(undefined);
      assert.equal(status, 500, `${door}: ${JSON.stringify(body)}`);
      assert.match(JSON.stringify(body), words);
      assert.equal((await api.call('GET', '/networks/net')).status, 404);
    }
  });

  test('a kill comes right before the act', async () => {
    const { name, n } = (await visits()).find((visit) => visit.name.startsWith('store.commit@'))!;
    engine.order({ mode: 'kill', name, n });
    await assert.rejects(api.call('POST', '/networks/create', { Name: 'net' }), Cut);
    assert.ok(await engine.died(10_000));
    engine.order(undefined);
    await engine.stop();
    await engine.boot();
    assert.equal((await api.call('GET', '/networks/net')).status, 404);
    await api.ok('POST', '/networks/create', { Name: 'net' });
  });
});
