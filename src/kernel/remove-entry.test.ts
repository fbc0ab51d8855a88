import assert from 'node:assert/strict';
import fs, {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, mock, test } from 'node:test';
import { removeTree } from '../base/remove-tree.ts';
import { removeEntry } from './remove-entry.ts';
import { makeOrOpenDirectory } from './tree-writer.ts';

const dir = mkdtempSync(join(tmpdir(), 'causeway-remove-'));
const root = openSync(dir, 'r');
after(async () => {
  closeSync(root);
  await removeTree(dir);
});

/** Called each time that a directory's names are begun to be read. */
function onOpen(call: (opened: number) => void): void {
  const { opendirSync } = fs;
  let opened = 0;
  mock.method(fs, 'opendirSync', (...args: unknown[]) => {
    call(++opened);
    return Reflect.apply(opendirSync, fs, args);
  });
  syncBuiltinESMExports();
}
afterEach(() => {
  mock.restoreAll();
  syncBuiltinESMExports();
});

/** A directory in a directory, and so on; with a file in each. */
function makeChain(name: string, levels: number): void {
  let fd = makeOrOpenDirectory(root, name, 0o755);
  for (let n = 0; n < levels; n++) {
    writeFileSync(`/proc/self/fd/${fd}/file`, '');
    const next = makeOrOpenDirectory(fd, 'd', 0o755);
    closeSync(fd);
    fd = next;
  }
  closeSync(fd);
}

const descriptors = (): number => readdirSync('/proc/self/fd').length;

test('what is there goes with all below it, by whatever bytes it is named; what links lead to stays', () => {
  const outside = join(dir, 'outside');
  mkdirSync(join(outside, 'kept'), { recursive: true });
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  mkdirSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xe4])]));
  for (let n = 0; n < 700; n++) writeFileSync(join(tree, 'a', `ä${n}`), '');
  symlinkSync(outside, join(tree, 'a/b/link'));
  symlinkSync(outside, join(dir, 'direct'));
  const held = descriptors();
  for (const name of ['tree', 'direct', 'absent']) removeEntry(root, name);
  assert.deepEqual(readdirSync(dir), ['outside']);
  assert.ok(existsSync(join(outside, 'kept')));
  assert.equal(descriptors(), held);
});

test('a tree that is deeper than any path is removed with a bounded number of descriptors', () => {
  makeChain('deep', 2100);
  const held = descriptors();
  let most = 0;
  onOpen((opened) => void (opened % 50 === 0 && (most = Math.max(most, descriptors()))));
  removeEntry(root, 'deep');
  assert.ok(!existsSync(join(dir, 'deep')));
  assert.ok(most > 0 && most - held < 200, `${most - held} descriptors`);
  assert.equal(descriptors(), held);
});

test('moving a part of the tree away meanwhile does not remove something else', () => {
  makeChain('moved', 200);
  const outside = join(dir, 'outside');
  mkdirSync(join(outside, 'd'), { recursive: true });
  writeFileSync(join(outside, 'file'), '');
  const held = descriptors();
  onOpen(
    (opened) => void (opened === 190 && renameSync(join(dir, 'moved', ...Array(20).fill('d')), join(outside, 'here'))),
  );
  assert.throws(() => removeEntry(root, 'moved'), { code: 'EBUSY' });
  for (const name of ['d', 'file']) assert.ok(existsSync(join(outside, name)));
  assert.equal(descriptors(), held);
});
