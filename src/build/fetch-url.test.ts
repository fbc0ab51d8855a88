import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fetchUrl } from './fetch-url.ts';

async function serve(t: TestContext, server: Server): Promise<{ address: string; directory: string }> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const directory = mkdtempSync(join(tmpdir(), 'causeway-fetch-'));
  t.after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });
  return { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, directory };
}

test('a name is bounded by its bytes, as that of a file is', async (t) => {
  const { address, directory } = await serve(
    t,
    createServer((_request, response) => response.end('content')),
  );
  const { signal } = new AbortController();
  const long = 'ä'.repeat(128);
  assert.equal(await fetchUrl(`${address}/${encodeURIComponent(long)}`, directory, '', signal), '__unnamed__');
  assert.equal(readFileSync(join(directory, '__unnamed__'), 'utf8'), 'content');
  const fits = 'ä'.repeat(127);
  assert.equal(await fetchUrl(`${address}/${encodeURIComponent(fits)}`, directory, '', signal), fits);
});
