import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ExitDirectory } from './exit-directory.ts';

test("what a killed conmon had begun to write is forgotten with its container, and nobody else's", (t) => {
  const path = mkdtempSync(join(tmpdir(), 'causeway-exits-'));
  t.after(() => rmSync(path, { recursive: true }));
  const exits = new ExitDirectory(path, () => {});
  t.after(() => exits.close());
  for (const name of ['one', 'one.0007Y3', 'one2.AB12CD', 'two']) writeFileSync(join(path, name), '0');
  exits.forget('one');
  assert.deepEqual(readdirSync(path), ['one2.AB12CD', 'two']);
});

test('an exit that cannot be read yet is retried', async (t) => {
  const path = mkdtempSync(join(tmpdir(), 'causeway-exits-'));
  t.after(() => rmSync(path, { recursive: true }));
  mkdirSync(join(path, 'busy')); // reading it fails, as it does without descriptors
  const alive = setInterval(() => {}, 1000); // what it waits with keeps no process from ending
  t.after(() => clearInterval(alive));
  let told!: () => void;
  const read = new Promise<unknown>((resolve) => {
    told = () => {
      const notice = exits.readOrLater('busy');
      if (typeof notice === 'object') resolve(notice.code);
    };
  });
  const exits = new ExitDirectory(path, () => told());
  t.after(() => exits.close());
  assert.equal(exits.readOrLater('absent'), undefined);
  assert.equal(exits.readOrLater('busy'), 'later');
  rmdirSync(join(path, 'busy'));
  writeFileSync(join(path, 'busy.tmp'), '7');
  writeFileSync(join(path, 'busy'), '7');
  assert.equal(await read, 7);
});
