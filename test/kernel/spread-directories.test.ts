import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { spreadSubdirectories } from '../../src/kernel/spread-directories.ts';

const EXT4 = 0xef53;

function directoryIn(t: TestContext, parent: string): string {
  const path = mkdtempSync(join(parent, 'causeway-spread-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const attributes = (path: string): string => execFileSync('lsattr', ['-d', path]).toString().split(' ')[0]!;

test('a directory of ext4 is marked as one whose directories are unrelated, and keeps its other attributes', (t) => {
  if (statfsSync('/var/tmp').type !== EXT4) return t.skip('/var/tmp is not on ext4');
  const path = directoryIn(t, '/var/tmp');
  execFileSync('chattr', ['+d', path]);
  const before = attributes(path);
  assert.equal(spreadSubdirectories(path), true);
  assert.equal(attributes(path).replace('T', '-'), before);
  assert.match(attributes(path), /T/);
  mkdirSync(join(path, 'one'));
  assert.doesNotMatch(attributes(join(path, 'one')), /T/, 'what is made in it is an ordinary directory');
  assert.equal(spreadSubdirectories(path), true, 'again');
});

test('where there is no such mark, and where there is no directory, nothing happens', (t) => {
  const path = directoryIn(t, '/dev/shm');
  const marked = spreadSubdirectories(path);
  assert.equal(marked, false);
  assert.equal(spreadSubdirectories(join(path, 'missing')), false);
});
