import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { removeTree } from '../../base/remove-tree.ts';
import { closeFd, O_DIRECTORY, O_PATH, openFd } from '../../kernel/descriptors.ts';
import { openChild } from '../../kernel/root-path.ts';
import { makeDirectory } from '../../kernel/tree-writer.ts';
import { walkTree } from './tree-walk.ts';

function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'causeway-walk-'));
  t.after(() => removeTree(path));
  return path;
}

async function namesIn(root: string, options: Parameters<typeof walkTree>[1] = {}): Promise<string[]> {
  const fd = openFd(root, O_PATH | O_DIRECTORY);
  const names: string[] = [];
  try {
    for await (const { name } of walkTree(fd, options)) names.push(name);
  } finally {
    closeFd(fd);
  }
  return names;
}

test('what is deeper than a path reaches is refused, with no descriptor left open', async (t) => {
  const root = directory(t);
  let fd = openFd(root, O_PATH | O_DIRECTORY);
  for (let depth = 0; depth < 3000; depth++) {
    makeDirectory(fd, 'd', 0o755);
    const inner = openChild(fd, 'd', O_DIRECTORY);
    closeFd(fd);
    fd = inner;
  }
  closeFd(fd);
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  await assert.rejects(namesIn(root), /^CausewayError: d\/d\/d.*: file name too long$/);
  assert.equal(open(), before);
});

test('others have their turn between entries that take long to be judged', async (t) => {
  const root = directory(t);
  for (let i = 0; i < 8; i++) writeFileSync(join(root, `f${i}`), '');
  let turns = 0;
  let isOver = false;
  const others = (): void => void setImmediate(() => (turns++, isOver || others()));
  others();
  const wants = (): 'yes' => {
    for (const end = performance.now() + 10; performance.now() < end;);
    return 'yes';
  };
  assert.equal((await namesIn(root, { wants })).length, 9);
  isOver = true;
  assert.ok(turns >= 7, `${turns} turns`);
});

test('entries come in the order of their names, below their directories', async (t) => {
  const root = directory(t);
  mkdirSync(join(root, 'b'));
  for (const name of ['b/2', 'b/1', 'a']) writeFileSync(join(root, name), '');
  assert.deepEqual(await namesIn(root), ['', 'a', 'b', 'b/1', 'b/2']);
  const wants = (name: string): 'no' | 'yes' => (name === 'b' ? 'no' : 'yes');
  assert.deepEqual(await namesIn(root, { wants }), ['', 'a']);
  rmSync(join(root, 'b'), { recursive: true });
});
