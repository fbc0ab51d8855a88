/** A daemon starts twice, the second time in its own mount namespace: the first start reads what leads there, and no more. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
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
  assert.match(second.stderr, /engine\.code/);
  copyFileSync(join(PROJECT, 'dist/engine.code'), join(directory, 'engine.code'));
  assert.equal(run({ CAUSEWAY_MOUNTS: 'made' }).stdout, first.stdout);
});

/** Whether V8 takes what is compiled in the file whose parts src/base/compiled-program.ts describes. */
const TAKEN = `
  const file = require('node:fs').readFileSync(process.argv[1]);
  const start = file.indexOf('\\n') + 1;
  const end = start + Number(file.toString('latin1', 0, start - 1).split('|')[1]);
  const text = file.toString('latin1', start, end);
  const { cachedDataRejected } = new (require('node:vm').Script)(text, { cachedData: file.subarray(end) });
  console.log(cachedDataRejected ? 'refused' : 'taken');
`;

test('the Node that built the engine runs what it compiled then, with the flags that the daemon is started with', (t) => {
  const code = join(PROJECT, 'dist/engine.code');
  if (!existsSync(code)) return t.skip('npm run build first');
  const [, words] = /daemon\.mjs\) exec "\$node" (.*) -- "\$@"/.exec(
    readFileSync(join(PROJECT, 'bin/causeway'), 'utf8'),
  )!;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const taken = (...flags: string[]) =>
    spawnSync(process.execPath, [...flags, '-e', TAKEN, code], { env, encoding: 'utf8' }).stdout.trim();
  assert.equal(taken(...words!.split(' ')), 'taken');
  // What others would be compiled for is not, so the flags are what decides.
  assert.equal(taken('--no-opt'), 'refused');
});
