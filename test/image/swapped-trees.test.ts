/**
 * A tree that its container makes hostile: directories swapped for links to the host while it is read and written, or
 * too deep. Nothing of the host is seen or touched.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { getArchive, putArchive } from '../../src/image/archive.ts';
import { listChanges } from '../../src/image/rootfs-changes.ts';
import { treeSizeBytes } from '../../src/image/tree-size.ts';
import { bytes, shell, tarOf, temporaryDirectory } from './image-fixture.ts';

const CANARY = 'the-hosts-own-content';
const ROUND_MS = 2500;

/** root/d is a directory or a link to the host's directory, in turn, thousands of times a second. */
async function swappedTree(t: TestContext): Promise<{ root: string; host: string; directory: string }> {
  let child: ChildProcess | undefined;
  // First: what is being swapped cannot be removed.
  t.after(async () => {
    if (child?.kill('SIGKILL')) await once(child, 'exit');
  });
  const directory = temporaryDirectory(t);
  const [root, host] = [join(directory, 'root'), join(directory, 'host')];
  mkdirSync(join(root, 'd/sub'), { recursive: true });
  mkdirSync(join(host, 'sub'), { recursive: true });
  for (const place of ['', 'sub']) {
    writeFileSync(join(root, 'd', place, 'own'), 'own');
    writeFileSync(join(host, place, 'secret'), CANARY.repeat(1000));
  }
  symlinkSync(host, join(root, 'link'));
  const loop = `const { renameSync: r } = require('fs'); process.chdir(process.argv[1]); process.stdout.write('go');
    const end = Date.now() + 60000; while (Date.now() < end) for (let i = 0; i < 500; i++) { r('d', 'aside'); r('link', 'd'); r('d', 'link'); r('aside', 'd'); }`;
  child = spawn(process.execPath, ['-e', loop, root], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout!, 'data');
  return { root, host, directory };
}

async function repeatedly(work: () => Promise<void>): Promise<void> {
  for (const until = Date.now() + ROUND_MS; Date.now() < until;) await work();
}

test('what docker diff and the sizes say is of the tree', async (t) => {
  const { root } = await swappedTree(t);
  await repeatedly(async () => {
    const changes = await listChanges(root, []);
    assert.deepEqual(
      changes.filter(({ path }) => path.includes('secret')),
      [],
    );
    assert.ok((await treeSizeBytes(root)) < CANARY.length * 1000);
  });
});

test('cp out reads and cp in writes inside of the tree', async (t) => {
  const { root, host, directory } = await swappedTree(t);
  const view = { root, mounts: [], containerName: 'c' };
  const tar = tarOf('mkdir sub; echo put > secret; echo put > sub/secret; echo put > new; ln secret hard', directory);
  await repeatedly(async () => {
    for (const path of ['/d/secret', '/d/sub/secret', '/d/sub', '/d/', '/']) {
      const text = await getArchive(view, path)
        .then(({ tar: out }) => bytes(out))
        .catch(() => Buffer.alloc(0));
      assert.ok(!text.includes(CANARY), path);
    }
    for (const path of ['/d', '/d/sub', '/']) {
      await putArchive(view, path, Readable.from([tar]), { noOverwriteDirNonDir: false, owner: null }).catch(() => {});
    }
    assert.deepEqual(readdirSync(host).sort(), ['secret', 'sub']);
    assert.deepEqual(readdirSync(join(host, 'sub')), ['secret']);
    for (const place of ['', 'sub']) assert.ok(readFileSync(join(host, place, 'secret'), 'utf8').startsWith(CANARY));
  });
});

test('a tree deeper than PATH_MAX is reported, or counted as far as a path reaches', async (t) => {
  t.after(() => shell('rm -rf root', directory)); // first, and going down by descriptors, which Node's does not
  const directory = temporaryDirectory(t);
  const root = join(directory, 'root');
  mkdirSync(root);
  shell(
    'echo own > own; below=$(printf "d/%.0s" $(seq 1000)); for again in 1 2 3 4 5; do mkdir -p $below; cd -P $below; done; echo far > far',
    root,
  );
  await assert.rejects(listChanges(root, []), /^CausewayError: lstat \/d\/d\/.*: file name too long$/);
  assert.equal(await treeSizeBytes(root), 4);
});
