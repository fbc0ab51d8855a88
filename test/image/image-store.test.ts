/** Names, removal and what survives: of the process, of a kill, of a force. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageUser } from '../../src/image/image-removal.ts';
import { eventually, importTree, listing, openStore, shell, tarOf, temporaryDirectory } from './image-fixture.ts';

const free = { force: false, prune: true, users: (): ImageUser[] => [] };
const usedBy = (...users: ImageUser[]) => ({ ...free, users: () => users });
const CONTAINER = 'c'.repeat(64);
const short = (id: string) => id.slice(7, 19);

test('an image is found by each of its names and by its id', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const id = await importTree(images, directory, 'busybox', 'echo 1 > a');
  await importTree(images, directory, 'localhost:5000/x/y:tag', 'echo 2 > a');
  images.tag('busybox', 'other/name:v1');
  for (const ref of [
    'busybox',
    'busybox:latest',
    'docker.io/library/busybox',
    'other/name:v1',
    id,
    id.slice(7),
    id.slice(7, 19),
    id.slice(0, 20),
    `busybox:latest`,
  ]) {
    assert.equal(images.get(ref).id, id, ref);
  }
  assert.deepEqual(images.get(id).repoTags, ['busybox:latest', 'other/name:v1']);
  assert.equal(images.find('busybox:nosuch'), undefined);
  assert.throws(() => images.get('nosuch'), { kind: 'notFound', message: 'No such image: nosuch:latest' });
  assert.throws(() => images.get('other/name'), { message: 'No such image: other/name:latest' });
  assert.throws(() => images.get(`sha256:${'0'.repeat(64)}`), { message: `No such image: sha256:${'0'.repeat(64)}` });
  assert.throws(() => images.get('Busy'), {
    kind: 'invalid',
    message: 'invalid reference format: repository name (library/Busy) must be lowercase',
  });
  assert.throws(() => images.tag('nosuch', 'x'), { kind: 'notFound' });
  assert.throws(() => images.tag('busybox', `x@sha256:${'0'.repeat(64)}`), {
    message: 'refusing to create a tag with a digest reference',
  });
  assert.equal(images.list().length, 2);
});

test("rmi: rules and words are Docker's", async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const empty = listing(root);
  const id = await importTree(images, directory, 'a:1', 'echo 1 > a');
  const layer = images.get(id).diffIds[0]!;
  images.tag('a:1', 'b:1');
  assert.deepEqual(
    images.untagOrRemove('b:1', usedBy({ id: CONTAINER, running: true })),
    [{ untagged: 'b:1' }],
    'one of two names goes whoever uses the image',
  );
  assert.throws(() => images.untagOrRemove('a:1', usedBy({ id: CONTAINER, running: false })), {
    kind: 'conflict',
    message: `conflict: unable to remove repository reference "a:1" (must force) - container ${CONTAINER.slice(0, 12)} is using its referenced image ${short(id)}`,
  });
  assert.throws(() => images.untagOrRemove(id, usedBy({ id: CONTAINER, running: true })), {
    message: `conflict: unable to delete ${short(id)} (cannot be forced) - image is being used by running container ${CONTAINER.slice(0, 12)}`,
  });
  assert.throws(() => images.untagOrRemove(id, usedBy({ id: CONTAINER, running: false })), {
    message: `conflict: unable to delete ${short(id)} (must be forced) - image is being used by stopped container ${CONTAINER.slice(0, 12)}`,
  });
  assert.deepEqual(
    images.untagOrRemove('a:1', { ...usedBy({ id: CONTAINER, running: true }), force: true }),
    [{ untagged: 'a:1' }],
    'a running container keeps the image',
  );
  assert.deepEqual(images.get(id).repoTags, []);
  images.tag(id, 'a:1');
  images.tag(id, 'b:1');
  assert.throws(() => images.untagOrRemove(short(id), free), {
    message: `conflict: unable to delete ${short(id)} (must be forced) - image is referenced in multiple repositories`,
  });
  assert.deepEqual(images.untagOrRemove(short(id), { ...free, force: true }), [
    { untagged: 'a:1' },
    { untagged: 'b:1' },
    { deleted: id },
    { deleted: layer },
  ]);
  assert.throws(() => images.untagOrRemove('a:1', free), { message: 'No such image: a:1' });
  await eventually(() => assert.deepEqual(listing(root), empty));
});

test('rmi: parents without a name go too, children hold them', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const id = await importTree(images, directory, 'base', 'echo 1 > a');
  shell('mkdir upper; echo 2 > upper/b', directory);
  const request = {
    base: images.get('base'),
    upperDir: join(directory, 'upper'),
    config: images.get('base').config,
    changes: [],
    ref: 'child',
    author: '',
    comment: '',
    createdBy: '',
  };
  const child = await images.commitLayer(request);
  assert.throws(() => images.untagOrRemove(id, free), {
    message: `conflict: unable to delete ${short(id)} (cannot be forced) - image has dependent child images`,
  });
  assert.deepEqual(images.untagOrRemove('base', free), [{ untagged: 'base:latest' }], 'the name goes');
  const removed = images.untagOrRemove('child', free).map((item) => item.deleted ?? item.untagged);
  assert.deepEqual(removed.slice(0, 2), ['child:latest', child]);
  assert.ok(removed.includes(id));
  assert.deepEqual(images.list(), []);
});

test('prune removes what is unused', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const first = await importTree(images, directory, 'a', 'echo 1 > a');
  const second = await importTree(images, directory, 'a', 'echo 22 > a');
  const third = await importTree(images, directory, 'b', 'echo 333 > a', ['LABEL keep=1']);
  const users = (id: string): ImageUser[] => (id === second ? [{ id: CONTAINER, running: false }] : []);
  const dangling = images.prune({ all: false, users });
  assert.deepEqual(
    dangling.removed.map((item) => item.deleted).filter((id) => id === first),
    [first],
  );
  assert.equal(dangling.spaceReclaimedBytes, 2);
  assert.deepEqual(
    images.prune({ all: true, accept: (image) => image.config.labels['keep'] === undefined, users }).removed,
    [],
  );
  images.tag('a', 'a:other');
  images.tag('a', 'elsewhere');
  const all = images.prune({ all: true, users });
  assert.deepEqual(
    all.removed.filter(({ untagged, deleted }) => untagged !== undefined || deleted === third),
    [
      { untagged: 'b:latest' },
      { deleted: third },
      // A container was made of this one: it keeps its last name.
      { untagged: 'a:latest' },
      { untagged: 'a:other' },
    ],
  );
  assert.deepEqual(images.get(second).repoTags, ['elsewhere:latest']);
  assert.equal(all.spaceReclaimedBytes, 4);
  assert.deepEqual(
    images.list().map((image) => image.id),
    [second],
  );
});

test('an image that is removed by force stays for its container until that goes', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images, rootfs } = await openStore(root);
  const id = await importTree(images, directory, 'a', 'echo 1 > a');
  await rootfs.create('c1', images.get('a'));
  const stopped = { ...usedBy({ id: CONTAINER, running: false }), force: true };
  assert.deepEqual(images.untagOrRemove('a', stopped), [{ untagged: 'a:latest' }, { deleted: id }]);
  assert.equal(images.find(id), undefined);
  assert.deepEqual(images.list(), []);
  const later = await openStore(root);
  assert.equal(readFileSync(join(later.rootfs.mount('c1'), 'a'), 'utf8'), '1\n');
  await later.rootfs.remove('c1');
  await later.rootfs.settled();
  assert.deepEqual(
    shell('ls layers blobs/sha256 containers', root)
      .split('\n')
      .filter((line) => /^[0-9a-f]{64}$/.test(line)),
    [],
  );
});

test('what is orphaned on disk is gone after opening, and a layer that is gone is made again from its blob', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  await importTree(images, directory, 'good', 'echo 1 > a');
  await importTree(images, directory, 'bad', 'echo 2 > a');
  const before = listing(root);
  rmSync(images.catalog.layers.path(images.get('bad').diffIds[0]!), { recursive: true });
  shell(
    `mkdir -p layers/${'0'.repeat(64)}/x unpack/half/x trash/t/x; echo x > ingest/half; echo x > blobs/sha256/${'1'.repeat(64)}; mkdir -p containers/half`,
    root,
  );
  const later = await openStore(root);
  await later.rootfs.retain(new Set());
  assert.equal(later.images.list().length, 2);
  await eventually(() => assert.deepEqual(listing(root), before));
  writeFileSync(join(root, 'index.json'), '{');
  const again = await openStore(root);
  const ids = (store: typeof images) =>
    store
      .list()
      .map((image) => image.id)
      .toSorted();
  assert.deepEqual(ids(again.images), ids(images), 'an index that is damaged is made anew');
});

test('an image that cannot be whole is set aside, with what is left of it, until it is whole or its file is deleted', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const good = await importTree(images, directory, 'good', 'echo 1 > a');
  const bad = await importTree(images, directory, 'bad', 'echo 2 > a');
  const before = listing(root).length;
  const config = images.catalog.blobs.path(bad);
  renameSync(config, join(directory, 'config'));
  const later = await openStore(root);
  assert.deepEqual(
    later.images.list().map((image) => image.id),
    [good],
  );
  assert.equal(later.images.find('bad'), undefined);
  const aside = join(root, 'aside', `${bad.slice('sha256:'.length)}.json`);
  assert.match(readFileSync(aside, 'utf8'), /no such file or directory/);
  assert.equal(listing(root).length, before - 1, 'all but its configuration');
  renameSync(join(directory, 'config'), config);
  assert.equal((await openStore(root)).images.find('bad')?.id, bad, 'it is back under its name');
  assert.ok(!existsSync(aside));
  rmSync(config);
  await openStore(root);
  rmSync(aside);
  await openStore(root);
  await eventually(() =>
    assert.equal(listing(root).length, before - 4, "its layer and that one's file, blob and config"),
  );
});

test('after a power failure, layers that were not on the disk are made again or gone', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const names = ['settled', 'torn', 'lost'];
  for (const name of names) await importTree(images, directory, name, `echo ${name} > a`);
  const [settled, torn, lost] = names.map((name) => images.get(name));
  images.catalog.setSettled(settled!.diffIds);
  // As the disk might look: a file without its content, a blob without its end.
  writeFileSync(join(images.catalog.layers.path(torn!.diffIds[0]!), 'a'), '');
  writeFileSync(images.catalog.blobs.path(lost!.layers[0]!), '');
  const index = readFileSync(join(root, 'index.json'), 'utf8');
  assert.deepEqual((await openStore(root)).images.list().length, 3, 'the same boot has all in memory');
  writeFileSync(
    join(root, 'index.json'),
    index.replace(/"bootId":"[^"]+"/, '"bootId":"another"').replace(/,"sha256":"[0-9a-f]*"/, ''),
  );
  const later = await openStore(root);
  assert.equal(later.images.find('lost'), undefined);
  const content = (name: string) =>
    readFileSync(join(later.images.catalog.layers.path(later.images.get(name).diffIds[0]!), 'a'), 'utf8');
  assert.deepEqual(['settled', 'torn'].map(content), ['settled\n', 'torn\n']);
  await later.images.catalog.durability.settle();
  assert.deepEqual(
    [...later.images.catalog.state.layers.values()].map((layer) => layer.settled),
    [true, true],
  );
});

test('killed at any moment, the store is whole and leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const tar = join(directory, 'image.tar');
  writeFileSync(tar, tarOf('head -c 2000000 /dev/urandom > a; for i in $(seq 100); do echo $i > f$i; done', directory));
  const script = join(directory, 'import.mts');
  const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);
  writeFileSync(
    script,
    `import { createReadStream } from 'node:fs';
     import { ImageStore } from ${source('image/image-store.ts')};
     import { silentLog } from ${source('base/log.ts')};
     const images = await ImageStore.open(process.argv[2], { log: silentLog });
     for (let i = 0; ; i++) {
       await images.importTar(createReadStream(${JSON.stringify(tar)}), { ref: 'x:' + i, message: '', changes: ['ENV I=' + i], platform: '' });
       process.stdout.write(i + '\\n');
       if (i % 3 === 2) images.untagOrRemove('x:' + (i - 1), { force: false, prune: true, users: () => [] });
     }`,
  );
  for (let round = 0; round < 6; round++) {
    const root = join(directory, `store-${round}`);
    const child = spawn(process.execPath, ['--import', 'tsx', script, root], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: new URL('../..', import.meta.url).pathname,
    });
    let told = '';
    child.stdout.on('data', (chunk: Buffer) => (told += chunk.toString()));
    while (told === '') await sleep(5);
    await sleep(Math.random() * 250);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    const done = told.trim().split('\n').map(Number);
    const { images, rootfs } = await openStore(root);
    const last = done.at(-1)!;
    const image = images.get(`x:${last}`);
    assert.deepEqual(image.config.env, [`I=${last}`], 'what was answered is there');
    await rootfs.create('c', image);
    assert.equal(readFileSync(join(rootfs.mount('c'), 'f100'), 'utf8'), '100\n');
    await rootfs.remove('c');
    await rootfs.settled();
    const layers = new Set(images.list().flatMap((one) => one.diffIds.map((diffId) => diffId.slice(7))));
    assert.deepEqual(shell('ls layers', root).split('\n').filter(Boolean), [...layers]);
    await eventually(() =>
      assert.deepEqual(
        shell('ls ingest unpack trash', root)
          .split('\n')
          .filter((line) => line !== '' && !line.endsWith(':')),
        [],
      ),
    );
    const blobs = shell('ls blobs/sha256', root).split('\n').filter(Boolean).length;
    assert.equal(blobs, images.list().length + 1, 'the configs and the one layer');
  }
});

test('imports at the same time share what is the same', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const tar = tarOf('head -c 300000 /dev/urandom > a', directory);
  const work = Array.from({ length: 5 }, (_, i) =>
    images.importTar(Readable.from([tar]), { ref: `x:${i}`, message: '', changes: [`ENV I=${i}`], platform: '' }),
  );
  await Promise.all(work);
  assert.equal(images.list().length, 5);
  assert.equal(new Set(images.list().flatMap((image) => image.diffIds)).size, 1);
});
