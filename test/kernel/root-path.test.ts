import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluateInRoot } from '../../src/kernel/root-path.ts';

function linkTarget(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // closed since
  }
}

test('links lead no deeper than a path can, and nothing is left open', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causeway-root-'));
  const began = process.cwd();
  t.after(() => {
    process.chdir(began);
    execFileSync('rm', ['-rf', root]); // which goes down by descriptors
  });
  const name = 'a'.repeat(200);
  const below = Array.from({ length: 15 }, () => name).join('/');
  process.chdir(root);
  for (let link = 0; link < 4; link++) {
    mkdirSync(below, { recursive: true });
    process.chdir(below);
    symlinkSync(`${below}/link`, 'link');
  }
  // Of this tree: what the process opens for itself is none of ours.
  const open = (): number => readdirSync('/proc/self/fd').filter((fd) => linkTarget(fd).startsWith(root)).length;
  const before = open();
  assert.equal(evaluateInRoot({ root }, `/${below}`), `/${below}`);
  // What was left again does not count.
  symlinkSync(`${below}/${'../'.repeat(14)}`, join(root, 'around'));
  symlinkSync('around/../around/../around', join(root, 'thrice'));
  assert.equal(evaluateInRoot({ root }, '/thrice'), `/${name}`);
  assert.throws(() => evaluateInRoot({ root }, `/${below}/link`), /file name too long/);
  assert.equal(open(), before);
});
