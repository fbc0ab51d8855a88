import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ExitDirectory } from './exit-directory.ts';

test('an exit that cannot be read just now is told again until it can', async (t) => {
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
