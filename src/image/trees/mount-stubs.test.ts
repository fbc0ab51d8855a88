import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { missingPlaces, removeStubs } from './mount-stubs.ts';

test('what a step puts in the way of a mount point that was made for it stays', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'stubs-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const places = missingPlaces(root, ['/file/place', '/circle/place', '/out/place', '/plain/place']);
  assert.deepEqual(places.slice(0, 4), ['/file/place', '/circle/place', '/out/place', '/plain/place']);
  writeFileSync(join(root, 'file'), 'x');
  symlinkSync('circle', join(root, 'circle'));
  const outside = mkdtempSync(join(tmpdir(), 'stubs-outside-'));
  t.after(() => rmSync(outside, { recursive: true, force: true }));
  mkdirSync(join(outside, 'place'));
  symlinkSync(`/../../../../../../..${outside}`, join(root, 'out'));
  mkdirSync(join(root, 'plain', 'place'), { recursive: true });
  removeStubs(root, places);
  assert.ok(existsSync(join(root, 'file')) && existsSync(join(outside, 'place')));
  assert.equal(existsSync(join(root, 'plain')), false, 'an empty one goes');
});
