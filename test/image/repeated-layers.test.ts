/** Images that name one layer more than once: overlayfs takes no directory twice. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { digestOf } from '../../src/image/blob-store.ts';
import { bytes, openStore, shell, startRegistry, tarOf, temporaryDirectory } from './image-fixture.ts';

/** A docker-archive whose image has these layers, from the lowest on. */
function archiveOf(directory: string, layers: readonly Buffer[]): Buffer {
  const tree = join(directory, 'archive');
  mkdirSync(tree, { recursive: true });
  const names = layers.map((layer) => `${digestOf(layer).slice(7)}.tar`);
  for (const [index, layer] of layers.entries()) writeFileSync(join(tree, names[index]!), layer);
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => digestOf(layer)) },
  });
  writeFileSync(join(tree, 'config.json'), config);
  writeFileSync(
    join(tree, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: ['twice:latest'], Layers: names }]),
  );
  return execFileSync('tar', ['-C', tree, '-c', '.']);
}

async function store(t: TestContext, directory: string, name: string) {
  const opened = await openStore(join(directory, name));
  t.after(() => opened.rootfs.settled());
  return opened;
}

type Opened = Awaited<ReturnType<typeof store>>;

/** What a container of the image sees. */
async function seen({ images, rootfs }: Opened, ref = 'twice'): Promise<Record<string, unknown>> {
  await rootfs.create('c1', images.get(ref));
  try {
    const root = rootfs.mount('c1');
    const text = (name: string) => readFileSync(join(root, name), 'utf8').trim();
    return {
      a: text('a'),
      inside: text('d/inside'),
      beside: text('d/beside'),
      b: text('b'),
      changes: (await rootfs.changes('c1')).length,
    };
  } finally {
    await rootfs.remove('c1');
  }
}

const SEEN = { a: 'a', inside: 'a', beside: 'b', b: 'b', changes: 0 };

test('a layer that an image names twice counts where it is on top, loaded, saved, pushed, pulled and committed', async (t) => {
  const directory = temporaryDirectory(t);
  const a = tarOf('echo a > a; mkdir d; echo a > d/inside', directory);
  // It takes away one file of the first and puts another over it.
  const b = tarOf('echo b > b; touch .wh.a; mkdir d; echo b > d/inside; echo b > d/beside', directory);
  const first = await store(t, directory, 'first');
  const [id] = await first.images.load(Readable.from([archiveOf(directory, [a, b, a])]), () => {});
  assert.equal(first.images.get('twice').diffIds.length, 3);
  assert.deepEqual(await seen(first), SEEN);

  const saved = await bytes(await first.images.save(['twice']));
  const second = await store(t, directory, 'second');
  assert.deepEqual(await second.images.load(Readable.from([saved]), () => {}), [id]);
  assert.deepEqual(await seen(second), SEEN);

  const { address } = await startRegistry(t, directory);
  const auth = { username: '', password: '', serverAddress: '', identityToken: '', registryToken: '' };
  const ref = `${address}/twice:latest`;
  first.images.tag('twice', ref);
  await first.images.push(ref, auth, () => {}, new AbortController().signal);
  const third = await store(t, directory, 'third');
  await third.images.pull(ref, auth, '', () => {}, new AbortController().signal);
  assert.equal(third.images.get(ref).id, id);
  assert.deepEqual(await seen(third, ref), SEEN);

  const base = first.images.get('twice');
  await first.rootfs.create('c2', base);
  shell('echo more > more; rm a', first.rootfs.mount('c2'));
  await first.images.commitLayer({
    base,
    upperDir: first.rootfs.upperDir('c2'),
    config: base.config,
    changes: [],
    ref: 'child:latest',
    author: '',
    comment: '',
    createdBy: '',
  });
  await first.rootfs.remove('c2');
  await first.rootfs.create('c3', first.images.get('child'));
  const child = first.rootfs.mount('c3');
  assert.deepEqual(
    ['a', 'b', 'more'].map((name) => existsSync(join(child, name))),
    [false, true, true],
  );
  await first.rootfs.remove('c3');

  first.images.untagOrRemove('child', { force: true, prune: true, users: () => [] });
  assert.deepEqual(await seen(first), SEEN, 'what it shares stays');
});

test('an image of one layer, many times, is as small as that layer; too many are refused as of any', async (t) => {
  const directory = temporaryDirectory(t);
  const layer = tarOf('echo a > a; mkdir d; echo a > d/inside; echo b > d/beside; echo b > b', directory);
  const opened = await store(t, directory, 'store');
  const load = (times: number) =>
    opened.images.load(
      Readable.from([
        archiveOf(
          directory,
          Array.from({ length: times }, () => layer),
        ),
      ]),
      () => {},
    );
  await load(100);
  assert.deepEqual(await seen(opened), SEEN);
  await assert.rejects(load(1000), { message: 'max depth exceeded' });
});
