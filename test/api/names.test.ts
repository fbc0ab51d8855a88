/** Our own routes about names: outside of Docker's paths, with a version in front or without. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './serve.ts';

test('the names of a network', async (context) => {
  const { call } = await serve(context);
  for (const prefix of ['', '/v1.44', '/v1.51']) {
    const { status, json } = await call('GET', `${prefix}/causeway/networks/bridge/dns`);
    assert.equal(status, 200);
    assert.deepEqual(json.Names, [
      {
        Name: 'db',
        A: ['172.18.0.2'],
        AAAA: [],
        Services: [{ Service: '_5432._tcp', Target: 'db.bridge', Port: 5432 }],
      },
    ]);
    assert.deepEqual([json.Name, json.TTL, json.Reverse, json.Containers], ['bridge', 5, [], []]);
  }
  assert.equal((await call('GET', '/causeway/networks/nowhere/dns')).status, 404);
  assert.equal((await call('POST', '/causeway/networks/bridge/dns')).status, 404);
});

test('the questions of a container, a line each', async (context) => {
  const { call } = await serve(context);
  const { status, text } = await call('GET', '/causeway/containers/web/db/dns/queries');
  assert.equal(status, 200);
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    lines.map(({ Name, Server, DurationMs, Problem }) => [Name, Server, DurationMs, Problem]),
    [
      ['db', '', 0, ''],
      ['example.com', '192.0.2.53:53', 12.5, ''],
    ],
  );
});
