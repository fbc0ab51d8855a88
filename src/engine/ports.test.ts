import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

test('no interface to a room below has more than ten methods', () => {
  const text = readFileSync(new URL('./ports.ts', import.meta.url), 'utf8');
  const picks = [...text.matchAll(/export type (\w+) = Pick<\w+, ([^>]*)>;/g)].map(([, name, methods]) => ({
    name,
    count: methods!.split('|').length,
  }));
  assert.ok(picks.length >= 9);
  assert.deepEqual(
    picks.filter(({ count }) => count > 10),
    [],
  );
});
