/** Secrets of a build come in its body, by the engine's own route, and nothing else of the build changes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serve } from './serve.ts';

test('secrets and a Dockerfile reach the builder with the order and the context', async (context) => {
  const { backend, call } = await serve(context);
  const line = JSON.stringify({ Secrets: { a: Buffer.from('value').toString('base64') }, Dockerfile: 'FROM x\n' });
  const { status, text } = await call('POST', '/causeway/build?t=name&nocache=1', `${line}\nthe context`);
  assert.equal(status, 200);
  assert.match(text, /Successfully tagged name:latest/);
  const [{ order, context: sent } = assert.fail()] = backend.buildsAsked;
  assert.deepEqual([...order.secrets], [['a', Buffer.from('value')]]);
  assert.equal(order.dockerfileText, 'FROM x\n');
  assert.deepEqual(order.tags, ['name']);
  assert.equal(order.noCache, true);
  assert.equal(sent.toString(), 'the context');
});

test('the classic route takes none: its body is the context', async (context) => {
  const { backend, call } = await serve(context);
  const body = '{"Secrets":{"a":"dmFsdWU="}}\nrest';
  assert.equal((await call('POST', '/build', body)).status, 200);
  const [{ order, context: sent } = assert.fail()] = backend.buildsAsked;
  assert.equal(order.secrets.size, 0);
  assert.equal(sent.toString(), body);
});

test('what is no order is refused before anything is built', async (context) => {
  const { backend, call } = await serve(context);
  for (const [path, body, said] of [
    ['/causeway/build', 'no json\n', /invalid/],
    ['/causeway/build', '', /no line of JSON/],
    ['/build?securityopt=x', '', /security options are not supported on linux/],
    ['/build?squash=1', '', /squash is only supported/],
  ] as const) {
    const { status, json } = await call('POST', path, body);
    assert.equal(status, 400);
    assert.match(json.message, said);
  }
  assert.deepEqual(backend.buildsAsked, []);
});
