/** What scripts/run-tests.mjs does with a file that does not end by itself. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = `.cache/runner-${process.pid}`;

/** What the runner says of a test file, and its exit status. */
function runs(name: string, text: string): { status: number | null; out: string } {
  const file = `${FOLDER}/${name}.test.ts`;
  mkdirSync(`${root}/${FOLDER}`, { recursive: true });
  writeFileSync(`${root}/${file}`, `import { after, test } from 'node:test';\n${text}`);
  try {
    const { status, stdout } = spawnSync(process.execPath, ['scripts/run-tests.mjs', file], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, CAUSEWAY_TEST_END_MS: '500' },
    });
    return { status, out: stdout };
  } finally {
    rmSync(`${root}/${FOLDER}`, { recursive: true });
  }
}

test('a file that leaves something open is ended after its tests, and has failed', () => {
  const { status, out } = runs(
    'open',
    `import { createServer } from 'node:net';
     test('listens', async () => { await new Promise((done) => createServer().listen(0, '127.0.0.1', done as () => void)); });`,
  );
  assert.equal(status, 1);
  assert.match(out, /1 passed, 1 FAILED in/);
  assert.match(out, /# the tests left something open, the process was ended: .*TCPServerWrap/);
});

test('a failed test is shown as such when the file had to be ended too', () => {
  const { status, out } = runs(
    'failed',
    `test('fails', () => { setInterval(() => {}, 1000); throw new Error('of its own'); });`,
  );
  assert.equal(status, 1);
  assert.match(out, /0 passed, 1 FAILED in/);
  assert.match(out, /of its own/);
});

for (const [where, text] of [
  ['before its tests', 'process.exit(0);'],
  ['within one', "test('leaves', () => process.exit(0)); test('fails', () => { throw new Error('never'); });"],
] as const)
  test(`a file that leaves ${where} without an error has failed`, () => {
    const { status, out } = runs('leaves', text);
    assert.equal(status, 1);
    assert.match(out, /0 passed, 1 FAILED in/);
  });

test('a file whose hooks take longer than that has not failed', () => {
  const { status, out } = runs(
    'slow',
    `const open = setInterval(() => {}, 1000);
     after(async () => { await new Promise((done) => setTimeout(done, 1500)); clearInterval(open); });
     test('passes', () => {});`,
  );
  assert.equal(status, 0, out);
  assert.match(out, /1 passed in/);
});
