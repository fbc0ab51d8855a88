import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { silentLog, type Log } from '../base/log.ts';
import { proxyFor } from '../image/registry/transport.ts';
import { setProxies } from './process-settings.ts';

const NAMES = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];
const before = Object.fromEntries(NAMES.map((name) => [name, process.env[name]]));
afterEach(() => {
  for (const name of NAMES) {
    if (before[name] === undefined) delete process.env[name];
    else process.env[name] = before[name];
  }
});

test('proxies of the configuration are those of pulls, in place of those of the environment', () => {
  for (const name of NAMES) delete process.env[name];
  process.env['https_proxy'] = 'http://me:secret@old:1';
  const warnings: object[] = [];
  const log: Log = { ...silentLog, warn: (fields) => warnings.push(fields) };
  setProxies({ httpProxy: 'http://p:3128', httpsProxy: 'http://q:3129', noProxy: '.corp,10.0.0.0/8' }, log);
  const proxy = (url: string) => proxyFor(new URL(url))?.host;
  assert.deepEqual(['http://x/', 'https://x/', 'https://r.corp/', 'https://10.1.1.1/'].map(proxy), [
    'p:3128',
    'q:3129',
    undefined,
    undefined,
  ]);
  assert.deepEqual(warnings, [{ name: 'HTTPS_PROXY', old: 'http://me:xxxxx@old:1', new: 'http://q:3129' }]);
});

test('what the configuration does not say stays as the environment has it', () => {
  for (const name of NAMES) delete process.env[name];
  process.env['HTTPS_PROXY'] = 'http://old:1';
  setProxies({ httpProxy: '', httpsProxy: '', noProxy: '' }, silentLog);
  assert.equal(proxyFor(new URL('https://x/'))?.host, 'old:1');
});
