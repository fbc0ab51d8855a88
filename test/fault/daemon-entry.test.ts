/** A daemon starts twice, the second time in its own mount namespace: the first start reads what leads there, and no more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const PROJECT = join(import.meta.dirname, '../..');

test('a daemon that is not in its mount namespace yet does without the engine, and there it is the engine', (t) => {
  if (!existsSync(join(PROJECT, 'dist/daemon.mjs'))) return t.skip('npm run build first');
  const directory = mkdtempSync(join(tmpdir(), 'cw-entry-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  symlinkSync(join(PROJECT, 'node_modules'), join(directory, 'node_modules'));
  for (const name of ['daemon.mjs', 'enter.mjs']) copyFileSync(join(PROJECT, 'dist', name), join(directory, name));
  const run = (env: Record<string, string>) =>
    spawnSync(process.execPath, [join(directory, 'daemon.mjs'), 'daemon', '--version'], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      encoding: 'utf8',
    });
  const first = run({});
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /^Causeway version \d/);
  const second = run({ CAUSEWAY_MOUNTS: 'made' });
  assert.notEqual(second.status, 0);
  assert.match(second.stderr, /engine\.mjs/);
  copyFileSync(join(PROJECT, 'dist/engine.mjs'), join(directory, 'engine.mjs'));
  assert.equal(run({ CAUSEWAY_MOUNTS: 'made' }).stdout, first.stdout);
});
