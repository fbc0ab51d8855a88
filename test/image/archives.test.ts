/** save and load, with skopeo as the other side. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { formatPlatform, HOST_PLATFORM } from '../../src/model/platform.ts';
import { BlobStore, digestOf } from '../../src/image/blob-store.ts';
import {
  BUSYBOX_TREE,
  bytes,
  eventually,
  importTree,
  listing,
  openStore,
  shell,
  tarOf,
  temporaryDirectory,
} from './image-fixture.ts';
import type { ProgressMessage } from '../../src/model/registry.ts';

const skopeo = (...args: string[]) =>
  execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

async function twoImages(directory: string) {
  const { images, rootfs } = await openStore(join(directory, 'store'));
  await importTree(images, directory, 'busybox', BUSYBOX_TREE, ['CMD ["sh"]', 'EXPOSE 80']);
  const base = images.get('busybox');
  await rootfs.create('c1', base);
  shell('echo more > more', rootfs.mount('c1'));
  await images.commitLayer({
    base,
    upperDir: rootfs.upperDir('c1'),
    config: base.config,
    changes: [],
    ref: 'x/two:v1',
    author: '',
    comment: '',
    createdBy: '',
  });
  await rootfs.remove('c1');
  images.tag('x/two:v1', 'x/two:v2');
  return images;
}

test('what is saved has the form of Docker 25 and later', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  writeFileSync(join(directory, 'out.tar'), await bytes(await images.save(['x/two', 'busybox:latest'])));
  shell('mkdir out; tar -xf out.tar -C out', directory);
  const read = (name: string) => JSON.parse(readFileSync(join(directory, 'out', name), 'utf8'));
  assert.deepEqual(read('oci-layout'), { imageLayoutVersion: '1.0.0' });
  const two = images.get('x/two:v1');
  assert.deepEqual(read('repositories'), {
    'x/two': { v1: two.diffIds[1]!.slice(7), v2: two.diffIds[1]!.slice(7) },
    busybox: { latest: two.diffIds[0]!.slice(7) },
  });
  const manifest = read('manifest.json');
  assert.deepEqual(
    manifest.map((item: { RepoTags: string[] }) => item.RepoTags),
    [['x/two:v1', 'x/two:v2'], ['busybox:latest']],
  );
  assert.equal(manifest[0].Config, `blobs/sha256/${two.id.slice(7)}`);
  assert.deepEqual(
    manifest[0].Layers,
    two.diffIds.map((diffId) => `blobs/sha256/${diffId.slice(7)}`),
  );
  assert.equal(read('index.json').manifests.length, 3);
  // Every blob is what its name says.
  shell('cd out/blobs/sha256; for f in *; do echo "$f  $f"; done | sha256sum --check --quiet', directory);
});

test('skopeo reads it both ways, and what skopeo writes is loaded', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  const file = join(directory, 'out.tar');
  writeFileSync(file, await bytes(await images.save(['busybox'])));
  const id = images.get('busybox').id;
  shell('mkdir layout; tar -xf out.tar -C layout', directory);
  const idOf = (source: string) => digestOf(execFileSync('skopeo', ['inspect', '--config', '--raw', source]));
  for (const source of [`docker-archive:${file}`, `oci:${directory}/layout:latest`])
    assert.equal(idOf(source), id, source);
  skopeo('copy', `docker-archive:${file}`, `docker-archive:${directory}/again.tar:localhost:5000/a/b:c`);
  skopeo('copy', `docker-archive:${file}`, `oci-archive:${directory}/oci.tar:quay.io/o/c:i`);
  const archives = [
    ['docker-archive', 'again.tar', 'localhost:5000/a/b:c'],
    ['oci-archive', 'oci.tar', 'quay.io/o/c:i'],
  ] as const;
  for (const [form, archive, name] of archives) {
    // skopeo writes the config anew where it changes the form.
    const expected = idOf(`${form}:${join(directory, archive)}`);
    const other = await openStore(join(directory, `store-${archive}`));
    const messages: ProgressMessage[] = [];
    const loaded = await other.images.load(createReadStream(join(directory, archive)), (message) =>
      messages.push(message),
    );
    assert.deepEqual(loaded, [expected], 'the id stays');
    assert.deepEqual(messages.at(-1), { stream: `Loaded image: ${name}\n` });
    assert.equal(messages[0]!.status, 'Loading layer');
    assert.equal(messages[0]!.id, images.get('busybox').diffIds[0]!.slice(7, 19));
    assert.deepEqual(other.images.get(name).config, images.get('busybox').config);
    await other.rootfs.create('c', other.images.get(name));
    assert.match(shell('bin/busybox cat etc/passwd', other.rootfs.mount('c')), /^root/);
    await other.rootfs.remove('c');
    // And out again, whatever the form of the blobs.
    const third = await openStore(join(directory, `third-${archive}`));
    assert.deepEqual(await third.images.load(await other.images.save([name]), () => {}), [expected]);
  }
});

test('loading over a name is reported, and an image without a name is shown by its ID', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  const archive = await bytes(await images.save(['busybox']));
  const old = images.get('busybox').id;
  await importTree(images, directory, 'busybox', 'echo other > x');
  const other = images.get('busybox').id;
  const lines: string[] = [];
  const listen = (message: ProgressMessage) => message.stream !== undefined && lines.push(message.stream);
  await images.load(Readable.from([gzipSync(archive)]), listen);
  assert.deepEqual(lines.splice(0), [
    `The image busybox:latest already exists, renaming the old one with ID ${other} to empty string\n`,
    'Loaded image: busybox:latest\n',
  ]);
  const nameless = await bytes(await images.save([other]));
  await images.load(Readable.from([nameless]), listen);
  assert.deepEqual(lines, [`Loaded image ID: ${other}\n`]);
  assert.deepEqual(images.get('busybox').id, old);
  assert.deepEqual(images.get(other).repoTags, []);
});

test('what cannot be saved or loaded', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const images = await twoImages(directory);
  await assert.rejects(images.save(['nosuch']), { kind: 'notFound', message: 'No such image: nosuch' });
  await assert.rejects(images.save(['busybox:nosuch']), { kind: 'notFound', message: 'reference does not exist' });
  await assert.rejects(images.save(['Bad']), { kind: 'invalid' });
  const archive = await bytes(await images.save(['x/two:v1']));
  const target = await openStore(join(directory, 'empty'));
  const before = listing(join(directory, 'empty'));
  const load = (data: Buffer) => target.images.load(Readable.from([data]), () => {});
  await assert.rejects(load(Buffer.alloc(2048, 'x')), { message: 'archive/tar: invalid tar header' });
  await assert.rejects(load(archive.subarray(0, archive.length / 2)), { message: 'unexpected EOF' });
  await assert.rejects(load(Buffer.from(shell('mkdir e; tar -c e', directory))), {
    message: 'open manifest.json: no such file or directory',
  });
  shell('mkdir shape', directory);
  const manifest = (list: unknown): Buffer => {
    writeFileSync(join(directory, 'shape/manifest.json'), JSON.stringify(list));
    return execFileSync('tar', ['-C', join(directory, 'shape'), '-c', '.']);
  };
  for (const item of [
    null,
    'a',
    7,
    [],
    { Config: 3, Layers: [] },
    { Config: 'manifest.json' },
    { Config: 'manifest.json', Layers: {} },
    { Config: 'manifest.json', Layers: [null] },
  ]) {
    await assert.rejects(load(manifest([item])), {
      kind: 'invalid',
      message: 'invalid manifest.json: no Config or Layers',
    });
  }
  for (const tags of ['a', [null], [['a']], { a: 1 }]) {
    await assert.rejects(load(manifest([{ Config: 'manifest.json', Layers: [], RepoTags: tags }])), {
      kind: 'invalid',
      message: 'invalid manifest.json: RepoTags is no list of names',
    });
  }
  for (const list of ['a', 7, {}])
    await assert.rejects(load(manifest(list)), { kind: 'invalid', message: 'invalid manifest.json: no list' });
  await assert.rejects(load(manifest(null)), {
    kind: 'invalid',
    message: 'invalid manifest, manifest cannot be null (but can be [])',
  });
  // A layer whose content is another than the config says.
  shell('mkdir bad', directory);
  writeFileSync(join(directory, 'all.tar'), archive);
  shell(
    'tar -xf all.tar -C bad; cd bad; l=$(sed -E \'s/.*"Layers":\\["([^"]+)".*/\\1/\' manifest.json); tar -cf "$l" oci-layout; tar -cf ../bad.tar *',
    directory,
  );
  await assert.rejects(load(readFileSync(join(directory, 'bad.tar'))), {
    message: /^invalid diffID for layer 0: expected "sha256:/,
  });
  assert.deepEqual(listing(join(directory, 'empty')), before, 'nothing is left of any of them');
  assert.ok(listing(root).length > before.length);
});

test('a full disk while loading is said and leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  await importTree(images, directory, 'big', 'mkdir d; head -c 4000000 /dev/urandom > d/file');
  const archive = await bytes(await images.save(['big']));
  shell('mkdir small; mount -t tmpfs -o size=6m small small', directory);
  const root = join(directory, 'small/store');
  const small = await openStore(root);
  const before = listing(root);
  await assert.rejects(
    small.images.load(Readable.from([archive]), () => {}),
    { kind: 'system', message: 'write /d/file: no space left on device' },
  );
  assert.deepEqual(listing(root), before);
});

test('a reader that goes away lets go', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  await importTree(images, directory, 'big', 'head -c 4000000 /dev/urandom > file');
  const stream = await images.save(['big']);
  await new Promise((resolve) => stream.once('readable', resolve));
  stream.read();
  stream.destroy();
  images.untagOrRemove('big', { force: true, prune: true, users: () => [] });
  await eventually(() =>
    assert.deepEqual(
      shell('ls blobs/sha256 layers', join(directory, 'store'))
        .split('\n')
        .filter((line) => /^[0-9a-f]{64}/.test(line)),
      [],
    ),
  );
});

test('an archive that is half read lets the images go', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  const stream = await images.save(['busybox', 'x/two']);
  await new Promise((resolve) => stream.once('readable', resolve));
  images.untagOrRemove('x/two:v2', { force: true, prune: true, users: () => [] });
  images.untagOrRemove('x/two:v1', { force: true, prune: true, users: () => [] });
  images.untagOrRemove('busybox', { force: true, prune: true, users: () => [] });
  const rest = await bytes(stream);
  const other = await openStore(join(directory, 'other'));
  assert.equal(
    (await other.images.load(Readable.from([rest]), () => {})).length,
    2,
    'what was being saved is saved whole',
  );
  await eventually(() =>
    assert.deepEqual(
      shell('ls blobs/sha256 layers', join(directory, 'store'))
        .split('\n')
        .filter((line) => /^[0-9a-f]{64}/.test(line)),
      [],
    ),
  );
});

const ARM = { os: 'linux', architecture: 'arm64', variant: '' };
const HERE = { os: 'linux', architecture: HOST_PLATFORM.architecture, variant: '' };

test('save, load and get take the platform that is asked for, or say that the image is for another', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  await images.importTar(Readable.from([tarOf('echo a > a', directory)]), {
    ref: 'arm',
    message: '',
    changes: [],
    platform: 'linux/arm64/v8',
  });
  await importTree(images, directory, 'here', 'echo h > h');
  assert.equal(images.get('arm', ARM).architecture, 'arm64');
  assert.throws(() => images.get('arm', HERE), {
    kind: 'notFound',
    message: `image with reference arm was found but its platform (linux/arm64/v8) does not match the specified platform (${formatPlatform(HERE)})`,
  });
  await assert.rejects(images.save(['arm', 'here'], [ARM]), {
    message: 'no suitable export target found for platform linux/arm64',
  });
  await assert.rejects(images.save(['nosuch'], [ARM]), { kind: 'notFound' });
  const both = await bytes(await images.save(['arm', 'here'], [ARM, HERE]));
  for (const [platform, name] of [
    [ARM, 'arm'],
    [HERE, 'here'],
  ] as const) {
    const target = await openStore(join(directory, `for-${name}`));
    await target.images.load(Readable.from([both]), () => {}, undefined, platform);
    assert.deepEqual(
      target.images.list().flatMap((image) => image.repoTags),
      [`${name}:latest`],
    );
  }
});

/** As Docker before 1.10 saved images. */
function oldArchive(directory: string, layers: Record<string, { parent?: string }>, repositories: unknown): Buffer {
  const root = mkdtempSync(join(directory, 'old-'));
  for (const [id, { parent }] of Object.entries(layers)) {
    mkdirSync(join(root, id));
    writeFileSync(join(root, id, 'VERSION'), '1.0');
    writeFileSync(join(root, id, 'layer.tar'), tarOf(`echo ${id} > ${id}`, directory));
    const config = { id, parent, created: '2014-01-02T03:04:05Z', os: 'linux', architecture: HERE.architecture,
      container_config: { Cmd: ['make', id] }, config: { Cmd: ['run', id], Env: ['A=b'] }, Size: 5 }; // prettier-ignore
    writeFileSync(join(root, id, 'json'), JSON.stringify(config));
  }
  if (repositories !== undefined) writeFileSync(join(root, 'repositories'), JSON.stringify(repositories));
  return execFileSync('tar', ['-C', root, '-c', '.'], { maxBuffer: 1 << 26 });
}

test('archives of Docker before 1.10 are loaded: names, layers, history, and heads without a name', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  const layers = { base: {}, middle: { parent: 'base' }, top: { parent: 'middle' }, lone: { parent: 'base' } };
  const archive = oldArchive(directory, layers, { app: { v1: 'top' }, 'x/mid': { latest: 'middle' } });
  const ids = await images.load(Readable.from([gzipSync(archive)]), () => {});
  assert.equal(ids.length, 3);
  assert.equal(images.list().filter(({ repoTags }) => repoTags.length === 0).length, 1, 'lone');
  const app = images.get('app:v1');
  assert.deepEqual([app.config.cmd, app.config.env], [['run', 'top'], ['A=b']]);
  assert.deepEqual(
    app.history.map(({ createdBy }) => createdBy),
    ['make base', 'make middle', 'make top'],
  );
  assert.equal(app.createdAt, '2014-01-02T03:04:05Z');
  assert.deepEqual(images.get('x/mid').diffIds, app.diffIds.slice(0, 2));
  await rootfs.create('c1', app);
  assert.equal(shell('cat base middle top', rootfs.mount('c1')), 'base\nmiddle\ntop\n');
  await rootfs.remove('c1');
  await rootfs.settled();
});

test('an archive of Docker before 1.10 that is broken or hostile is refused and leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const before = listing(join(directory, 'store'));
  const refused = async (
    layers: Record<string, { parent?: string }>,
    repositories: unknown,
    message: string | RegExp,
  ) =>
    await assert.rejects(
      images.load(Readable.from([oldArchive(directory, layers, repositories)]), () => {}),
      { message },
    );
  await refused({ a: { parent: 'b' }, b: { parent: 'a' } }, { x: { v1: 'a' } }, 'max depth exceeded');
  await refused({ a: { parent: 'gone' } }, { x: { v1: 'a' } }, 'open gone/json: no such file or directory');
  await refused({ a: {} }, { x: { v1: '../../etc' } }, /no such file or directory/);
  await refused({ a: {} }, { x: 'v1' }, 'invalid repositories: "x" has no tags');
  await refused({ a: {} }, { 'Bad Name': { v1: 'a' } }, /invalid reference format/);
  await refused({ a: {} }, undefined, 'open manifest.json: no such file or directory');
  assert.deepEqual(images.list(), []);
  assert.deepEqual(listing(join(directory, 'store')), before);
});

test('an old archive of many images on one parent reads each directory once and writes the index seldom', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const heads = Array.from({ length: 100 }, (_, i) => `head${i}`);
  const layers: Record<string, { parent?: string }> = { base: {}, middle: { parent: 'base' } };
  for (const head of heads) layers[head] = { parent: 'middle' };
  const archive = oldArchive(directory, layers, Object.fromEntries(heads.map((head) => [head, { v1: head }])));
  const read = t.mock.method(BlobStore.prototype, 'read');
  const indexes = new Set<number>();
  const ids = await images.load(Readable.from([archive]), ({ stream }) => {
    if (stream !== undefined) indexes.add(statSync(join(root, 'index.json')).size);
  });
  assert.equal(ids.length, 100);
  assert.deepEqual(images.get('head99:v1').diffIds.slice(0, 2), images.get('head0:v1').diffIds.slice(0, 2));
  // A head is read a second time when its image is made of it.
  assert.equal(read.mock.callCount(), 1 + heads.length + 2 + heads.length);
  assert.ok(indexes.size < 50, `the index was written ${indexes.size} times`);
});

test('what stands in an archive before an image that is refused is loaded, as Docker does it', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  writeFileSync(join(directory, 'out.tar'), await bytes(await images.save(['busybox', 'x/two:v1'])));
  shell(
    'mkdir out; tar -xf out.tar -C out; cd out; sed -i s,x/two:v1,x/two, manifest.json; tar -cf ../bad.tar .',
    directory,
  );
  const target = await openStore(join(directory, 'target'));
  await assert.rejects(
    target.images.load(createReadStream(join(directory, 'bad.tar')), () => {}),
    { kind: 'invalid' },
  );
  assert.deepEqual(
    target.images.list().flatMap(({ repoTags }) => repoTags),
    ['busybox:latest'],
  );
});

test('images that are saved together keep who is whose parent; one that is saved alone has none, and none is made up', async (t) => {
  const directory = temporaryDirectory(t);
  const images = await twoImages(directory);
  const [two, base] = [images.get('x/two:v1'), images.get('busybox')];
  assert.equal(two.parent, base.id);
  const loaded = async (name: string, archive: Buffer) => {
    const target = await openStore(join(directory, name));
    await target.images.load(Readable.from([archive]), () => {});
    return target.images.list().map(({ id, parent }) => [id, parent]);
  };
  const both = await bytes(await images.save(['x/two:v1', 'busybox']));
  assert.deepEqual(
    new Map((await loaded('both', both)) as [string, string][]),
    new Map([
      [two.id, base.id],
      [base.id, ''],
    ]),
  );
  assert.deepEqual(await loaded('alone', await bytes(await images.save(['x/two:v1']))), [[two.id, '']]);
  writeFileSync(join(directory, 'out.tar'), both);
  shell('mkdir out; tar -xf out.tar -C out', directory);
  const manifest = JSON.parse(readFileSync(join(directory, 'out/manifest.json'), 'utf8')) as { Parent?: string }[];
  assert.deepEqual(
    manifest.map(({ Parent }) => Parent),
    [base.id, undefined],
  );
  const altered = (parents: readonly (string | undefined)[]): Buffer => {
    const items = manifest.map((item, i) => ({ ...item, Parent: parents[i] })); // undefined is not written
    writeFileSync(join(directory, 'out/manifest.json'), JSON.stringify(items));
    shell('tar -cf ../altered.tar .', join(directory, 'out'));
    return readFileSync(join(directory, 'altered.tar'));
  };
  const strangers = [two.id, `sha256:${'0'.repeat(64)}`];
  assert.deepEqual(
    new Map((await loaded('strange', altered(strangers))) as [string, string][]),
    new Map([
      [two.id, ''],
      [base.id, ''],
    ]),
  );
  await assert.rejects(loaded('turned', altered([undefined, two.id])), {
    kind: 'invalid',
    message: `image ${two.id} is not a valid parent for ${base.id}`,
  });
});

test('an archive that names more images than anybody has is refused before one is loaded', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const item = JSON.stringify({ Config: 'c', Layers: [] });
  writeFileSync(join(directory, 'manifest.json'), `[${Array.from({ length: 10_001 }, () => item).join(',')}]`);
  writeFileSync(join(directory, 'c'), '{}');
  const archive = execFileSync('tar', ['-C', directory, '-c', 'manifest.json', 'c']);
  await assert.rejects(
    images.load(Readable.from([archive]), () => {}),
    { message: 'the archive holds more than 10000 images: load them in parts' },
  );
});
