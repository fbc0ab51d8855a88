import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

test('no interface to a room below has more than ten methods', () => {
  const text = readFileSync(new URL('./ports.ts', import.meta.url), 'utf8');
  const picks = [...text.matchAll(/export type (\w+) = Pick<\s*\w+,\s*([^>]*)>;/g)].map(([, name, methods]) => ({
    name,
    count: [...methods!.matchAll(/'\w+'/g)].length,
  }));
  assert.ok(picks.length >= 10);
  assert.deepEqual(
    picks.filter(({ count }) => count > 10),
    [],
  );
});
