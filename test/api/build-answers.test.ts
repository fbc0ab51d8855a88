/** What a build answers to clients that read slowly, or ask for little. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { serve } from './serve.ts';

const MIB = 1024 * 1024;
const FAILED = /"errorDetail":\{"code":1/;

test('a client that has read nothing yet gets to know that its build has failed, and what was left out', async (t) => {
  const { backend, socketPath } = await serve(t);
  backend.buildOutput = Array.from({ length: 40 }, (_, i) => `${i}${'x'.repeat(MIB)}\n`);
  const socket = connect(socketPath).setEncoding('utf8');
  socket.write('POST /v1.45/build?target=fails HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  let answer = '';
  socket.on('data', (text: string) => (answer += text));
  await once(socket, 'end');
  assert.match(answer.slice(-2000), FAILED);
  assert.match(answer, /\[\d+ lines left out\]/);
});

test('a quiet build keeps a bounded part of what it would say if it failed', async (t) => {
  const { backend, call } = await serve(t);
  backend.buildOutput = Array.from({ length: 200 }, () => `${'x'.repeat(64 * 1024)}\n`);
  const { text } = await call('POST', '/v1.45/build?q=1&target=fails');
  assert.match(text.slice(-2000), FAILED);
  assert.match(text, /\[\d+ lines left out\]/);
  assert.ok(text.length > MIB && text.length < 8 * MIB, `${text.length} characters`);
  const { text: quiet } = await call('POST', '/v1.45/build?q=1');
  assert.match(quiet, /^\{"stream":"sha256:[0-9a-f]{64}\\n"\}\r\n$/);
});
