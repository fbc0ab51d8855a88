/** Directories with more names than one turn of the event loop has time for. */
import assert from 'node:assert/strict';
import fs, { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { copyUp } from '../../src/image/copy-up.ts';
import { listChanges, type Change } from '../../src/image/rootfs-changes.ts';
import { removeTree } from '../../src/base/remove-tree.ts';
import { treeSizeBytes } from '../../src/image/tree-size.ts';
import { setXattr } from '../../src/kernel/tree-writer.ts';

let directory: string;
before(() => (directory = mkdtempSync(join(tmpdir(), 'cwt-trees-'))));
after(() => removeTree(directory));

/** `count` names of few files. */
function fill(root: string, count: number): void {
  mkdirSync(root, { recursive: true });
  for (let i = 0, source = ''; i < count; i++) {
    if (i % 10_000 === 0) writeFileSync(join(root, (source = `source${i}`)), 'x');
    linkSync(join(root, source), join(root, `file${i}`));
  }
}

/** The most places that are looked at in one turn of the event loop while `work` goes on. */
async function mostLooks(context: TestContext, work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let inTurn = 0;
  let going = true;
  const next = (): void => {
    inTurn = 0;
    if (going) setImmediate(next);
  };
  next();
  const { lstatSync } = fs;
  context.mock.method(fs, 'lstatSync', (...args: unknown[]) => {
    most = Math.max(most, ++inTurn);
    return Reflect.apply(lstatSync, fs, args);
  });
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    going = false;
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.ok(most > 0);
  return most;
}

test('a directory of a volume or of the image with one entry counts as not empty', async (context) => {
  const root = join(directory, 'image');
  const volumes = [join(directory, 'full'), join(directory, 'empty')];
  fill(join(root, 'data'), 3000);
  fill(volumes[0]!, 3000);
  mkdirSync(volumes[1]!);
  let names = 0;
  const { readdirSync } = fs;
  const { opendir } = fs.promises;
  context.mock.method(fs, 'readdirSync', (...args: unknown[]) => {
    const found = Reflect.apply(readdirSync, fs, args) as unknown[];
    names += found.length;
    return found;
  });
  context.mock.method(fs.promises, 'opendir', async (path: string) => {
    const opened = await opendir(path);
    const read = opened.read.bind(opened);
    opened.read = ((): unknown => (names++, read())) as typeof opened.read;
    return opened;
  });
  syncBuiltinESMExports();
  try {
    for (const source of volumes) await copyUp(root, { source, destination: '/data', readonly: false });
  } finally {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  }
  assert.equal(names, 3); // of the full one, the empty one, and of what the image has for that
  for (const volume of volumes) assert.equal(readdirSync(volume).length, 3001);
});

test('what an opaque directory hides is looked for a piece a turn, however many layers there are', async (context) => {
  const upper = join(directory, 'opaque');
  mkdirSync(join(upper, 'd'), { recursive: true });
  const fd = openSync(join(upper, 'd'), 'r');
  assert.ok(setXattr(fd, 'trusted.overlay.opaque', Buffer.from('y')));
  closeSync(fd);
  writeFileSync(join(upper, 'd/file7'), 'new');
  const layers = Array.from({ length: 8 }, (_, n) => join(directory, `layer${n}`));
  for (const layer of layers) fill(join(layer, 'd'), 2000);
  const changes: Change[] = [];
  const most = await mostLooks(context, async () => changes.push(...(await listChanges(upper, layers))));
  assert.equal(changes.length, 1 + 2001);
  assert.deepEqual(
    changes.filter(({ kind }) => kind !== 2).map(({ path }) => path),
    ['/d', '/d/file7'],
  );
  assert.deepEqual(
    changes.map(({ path }) => path),
    changes.map(({ path }) => path).sort(),
  );
  assert.ok(most <= 300, `${most} looks in one turn of the event loop`);
});

test('a directory with very many names delays no request', async () => {
  const root = join(directory, 'wide');
  fill(root, 20_000);
  for (const work of [() => treeSizeBytes(root), () => listChanges(root, [])]) {
    let turns = 0;
    let going = true;
    const count = (): void => void (going && (turns++, setImmediate(count)));
    count();
    await work();
    going = false;
    assert.ok(turns > 50, `${turns} turns of the event loop`);
  }
});
