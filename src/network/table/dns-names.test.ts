import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dnsNamesFor } from './dns-names.ts';

const id = `0123456789ab${'c'.repeat(52)}`;

test('name, aliases, short id, hostname; each once', () => {
  const names = (aliases: string[], hostname: string) =>
    dnsNamesFor({ id, name: 'one', hostname }, { spec: { aliases } }, { predefined: false });
  assert.deepEqual(names(['pool', 'one', 'pool'], 'first'), ['one', 'pool', '0123456789ab', 'first']);
  assert.deepEqual(names([], '0123456789ab'), ['one', '0123456789ab']);
  assert.deepEqual(names([], ''), ['one', '0123456789ab']);
});

test('none on the default bridge', () => {
  assert.deepEqual(
    dnsNamesFor({ id, name: 'one', hostname: 'h' }, { spec: { aliases: [] } }, { predefined: true }),
    [],
  );
});
