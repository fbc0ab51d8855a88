import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namedMediaType } from './accept.ts';

test('the offer with the highest weight is chosen, and wildcards name none', () => {
  const offers = ['a/x', 'a/y', 'a/z'];
  const cases: [accept: string | undefined, chosen: string | undefined][] = [
    [undefined, undefined],
    ['', undefined],
    ['*/*', undefined],
    ['a/*', undefined],
    ['text/html, a/y', 'a/y'],
    ['a/z, a/x', 'a/x'],
    ['a/x;q=0.5, a/y;q=0.8', 'a/y'],
    ['A/X ; Q=0.1', 'a/x'],
    ['a/x;q=0', undefined],
    ['a/x;q=none', undefined],
    ['a/x;charset=utf-8;q=0.3, a/z;q=0.2', 'a/x'],
  ];
  for (const [accept, chosen] of cases) assert.equal(namedMediaType(accept, offers), chosen, accept);
});
