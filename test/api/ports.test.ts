/** Our own routes that change published ports. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './serve.ts';

test('bindings go in as Docker has them, and what became of them comes out', async (context) => {
  const { call } = await serve(context);
  const created = await call('POST', '/containers/create?name=web', { Image: 'busybox', Cmd: ['true'] });
  assert.equal(created.status, 201, created.text);
  for (const [method, prefix] of [
    ['POST', ''],
    ['DELETE', ''],
    ['POST', '/v1.44'],
  ] as const) {
    const body = {
      PortBindings: { '80': [{ HostIp: '127.0.0.1', HostPort: '8080' }], '53/udp': [{ HostPort: '53' }] },
    };
    const { status, json } = await call(method, `${prefix}/causeway/containers/web/ports`, body);
    assert.equal(status, 200);
    assert.deepEqual(json, {
      Running: false,
      Ports: {
        '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '8080' }],
        '53/udp': [{ HostIp: '0.0.0.0', HostPort: '53' }],
      },
    });
  }
  assert.equal((await call('POST', '/causeway/containers/nobody/ports', { PortBindings: {} })).status, 404);
  const bad = await call('POST', '/causeway/containers/web/ports', { PortBindings: { 'http/tcp': [{}] } });
  assert.deepEqual([bad.status, bad.json.message], [400, 'invalid port: http/tcp']);
  assert.equal((await call('POST', '/causeway/containers/web/ports', { PortBindings: 1 })).status, 400);
  assert.equal((await call('GET', '/causeway/containers/web/ports')).status, 404);
});
