/** Addresses that `docker import` fetches from: where they lead, and that no password in them is shown. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { serve } from './serve.ts';

test('a refused address is shown without its password, also after redirects', async (t) => {
  const { call } = await serve(t);
  const web = createServer((request, response) => {
    const to = new URL(request.url!, 'http://x').searchParams.get('to');
    response.writeHead(to === null ? 404 : 302, to === null ? {} : { location: to }).end();
  });
  await once(web.listen(0, '127.0.0.1'), 'listening');
  t.after(() => web.close());
  const { port } = web.address() as AddressInfo;
  for (const [address, message] of [
    [
      `http://me:secret@127.0.0.1:${port}/x`,
      `failed to GET http://me:xxxxx@127.0.0.1:${port}/x with status 404 Not Found`,
    ],
    [`me:secret@127.0.0.1:${port}/x`, `failed to GET http://me:xxxxx@127.0.0.1:${port}/x with status 404 Not Found`],
    [
      'http://me:secret@127.0.0.1:1/x',
      'Get "http://me:xxxxx@127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
    ],
    [
      'http://nosuch.invalid/x',
      /^Get "http:\/\/nosuch\.invalid\/x": dial tcp: lookup nosuch\.invalid: (no such host|Temporary failure in name resolution)$/,
    ],
    ['http://me:secret@[', 'invalid URL: http://me:xxxxx@['],
    [`127.0.0.1:${port}/?to=http://me:secret@[`, 'invalid URL: http://me:xxxxx@['],
    [`127.0.0.1:${port}/?to=ftp://x`, 'unsupported protocol scheme "ftp"'],
  ] as const) {
    const answer = await call('POST', `/images/create?fromSrc=${encodeURIComponent(address)}&repo=a`);
    if (typeof message === 'string') assert.equal(answer.json.message, message);
    else assert.match(answer.json.message as string, message);
  }
});
