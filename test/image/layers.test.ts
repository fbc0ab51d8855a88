/** Layers on disk: what GNU tar and overlayfs make of them, and what a hostile archive cannot do. */
import assert from 'node:assert/strict';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { EMPTY_IMAGE_CONFIG } from '../../src/image/image-config.ts';
import { readXattr } from '../../src/kernel/xattr.ts';
import { formatTarHeader, padding, type TarHeader } from '../../src/base/tar-headers.ts';
import {
  eventually,
  importTree,
  listing,
  openStore,
  shell,
  tarOf,
  temporaryDirectory,
  BUSYBOX_TREE,
} from './image-fixture.ts';

const entry = (name: string, type: string, more: Partial<TarHeader> = {}, content = ''): Buffer =>
  Buffer.concat([
    formatTarHeader({
      name,
      type,
      mode: 0o755,
      uid: 0,
      gid: 0,
      sizeBytes: content.length,
      mtimeS: 1e9,
      linkName: '',
      userName: '',
      groupName: '',
      deviceMajor: 0,
      deviceMinor: 0,
      ...more,
    }),
    Buffer.from(content),
    padding(content.length),
  ]);
const archive = (...entries: Buffer[]) => Buffer.concat([...entries, Buffer.alloc(1024)]);

test('owners, modes, devices, links, capabilities, attributes and times survive import', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const id = await importTree(
    images,
    directory,
    'odd',
    `chmod 711 .
     echo hi > suid; chown 1000:1001 suid; chmod 4751 suid
     ln suid hard; ln -s /etc/passwd soft; mkfifo fifo; mknod null c 1 3; mknod disk b 8 1
     mkdir -m 1777 sticky; cp /usr/bin/busybox cap; setcap cap_net_raw+ep cap
     touch -d '2001-02-03 04:05:06.789 UTC' old; mkdir -p deep/er; touch -d '2001-02-03 UTC' deep
     printf 'x' > "$(printf 'b\\303\\244d \\377 name')"; touch -d '2002-03-04 UTC' .`,
  );
  const root = images.catalog.layers.path(images.get(id).diffIds[0]!);
  const stat = (name: string) => lstatSync(join(root, name));
  assert.deepEqual([stat('suid').mode & 0o7777, stat('suid').uid, stat('suid').gid], [0o4751, 1000, 1001]);
  assert.equal(stat('hard').ino, stat('suid').ino);
  assert.equal(execFileSync('readlink', [join(root, 'soft')], { encoding: 'utf8' }), '/etc/passwd\n');
  assert.ok(stat('fifo').isFIFO());
  assert.equal(stat('null').rdev, (1 << 8) + 3);
  assert.ok(stat('disk').isBlockDevice());
  assert.equal(stat('sticky').mode & 0o7777, 0o1777);
  assert.match(execFileSync('getcap', [join(root, 'cap')], { encoding: 'utf8' }), /cap_net_raw[+=]ep/);
  assert.equal(stat('old').mtime.toISOString(), '2001-02-03T04:05:06.789Z');
  assert.equal(stat('deep').mtime.toISOString(), '2001-02-03T00:00:00.000Z');
  assert.equal(statSync(root).mode & 0o7777, 0o711);
  assert.equal(statSync(root).mtime.toISOString(), '2002-03-04T00:00:00.000Z');
  assert.deepEqual(
    readdirSync(root, 'buffer').some((name) => name.includes(0xff)),
    true,
  );
  assert.deepEqual(
    readdirSync(root).filter((name) => name.startsWith('.')),
    [],
    'the way to the tools is gone',
  );
});

test('a layer that cannot be put in place leaves nothing behind, also where removing it fails at first', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const load = () => importTree(images, directory, 'a', 'echo a > a');
  const failing = (code: string, syscall: string) =>
    Promise.reject(Object.assign(new Error(`${code}: it failed, ${syscall}`), { code, syscall }));
  const file = await open('/dev/null');
  const stat = t.mock.method(Object.getPrototypeOf(file) as FileHandle, 'stat', () => failing('EMFILE', 'fstat'));
  await file.close();
  await assert.rejects(load(), { message: /^stat \/.*\/blobs\/.*: too many open files$/ });
  assert.deepEqual(readdirSync(join(root, 'unpack')), []);
  stat.mock.restore();
  shell('mount --bind layers layers', root); // names cannot be moved into another mount
  const { rmdir } = promises;
  let refused = 0;
  t.mock.method(promises, 'rmdir', (path: Buffer) =>
    path.includes('/unpack/') && refused++ === 0 ? failing('EIO', 'rmdir') : rmdir(path),
  );
  syncBuiltinESMExports();
  await assert.rejects(load(), { message: /^rename \/.*\/unpack\/\w+: invalid cross-device link$/ });
  assert.ok(refused > 0);
  await eventually(() => assert.deepEqual(readdirSync(join(root, 'unpack')), []));
  t.mock.restoreAll();
  syncBuiltinESMExports();
  shell('umount layers', root);
  await load();
});

test('sparse files, long names and whole trees come out of every form of tar', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const long = 'l'.repeat(120);
  shell(
    `mkdir -p tree/${long}/${long}; cd tree; truncate -s 3M sparse; for i in 1 2 3 4 5 6 7 8 9; do printf x | dd of=sparse bs=1 seek=$((i * 300000)) conv=notrunc 2>/dev/null; done
     echo deep > ${long}/${long}/file; ln -s ${long}/${long}/file link; ln ${long}/${long}/file hard`,
    directory,
  );
  const sum = (root: string) => shell('find . -type f | sort | xargs sha256sum; readlink link; stat -c %h hard', root);
  for (const form of [
    '--format=gnu -S',
    '--format=pax -S',
    '--format=pax -S --sparse-version=0.1',
    '--format=gnu',
    '--format=oldgnu -S',
  ]) {
    // With a whiteout in it, and without: one goes through our reader, the other does not.
    for (const extra of ['', 'touch .wh.nothing;']) {
      shell(`cd tree; ${extra} tar ${form} -cf ../t.tar .; rm -f .wh.nothing`, directory);
      await images.importTar(Readable.from([readFileSync(join(directory, 't.tar'))]), {
        ref: 'x',
        message: '',
        changes: [],
        platform: '',
      });
      const root = images.catalog.layers.path(images.get('x').diffIds[0]!);
      assert.equal(sum(root).replace(/.*\.\/nothing\n/, ''), sum(join(directory, 'tree')), `${form} ${extra}`);
    }
  }
});

test('whiteouts of an upper layer hide what is below, and a hostile attribute is left out', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  const base = await importTree(images, directory, 'base', 'mkdir a b; touch a/x a/y b/z gone');
  const upper = join(directory, 'upper');
  shell(`mkdir -p ${upper}/b; cd ${upper}; mknod gone c 0 0; mkdir a; mknod a/x c 0 0; touch b/new`, directory);
  const top = archive(
    entry('a/', '5'),
    entry('a/.wh.x', '0'),
    entry('b/', '5', { mode: 0o700 }),
    entry('b/.wh..wh..opq', '0'),
    entry('b/new', '0', {}, 'hi'),
    entry('.wh.gone', '0'),
  );
  const layer = await images.catalog.pinned(async (pins) => {
    const blob = await images.catalog.blobs.ingest(Readable.from([gzipSync(top)]), pins.blobs);
    return await images.catalog.unpackBlob(blob.digest, undefined, pins).then(async (diffId) => {
      const config = JSON.parse((await images.catalog.blobs.read(base)).toString());
      config.rootfs.diff_ids.push(diffId);
      return await images.catalog.register(
        { config: JSON.stringify(config), layers: [...images.get(base).layers, blob.digest] },
        ['docker.io/library/two:latest'],
        pins,
      );
    });
  });
  await rootfs.create('c1', images.get(layer.id));
  const merged = rootfs.mount('c1');
  assert.deepEqual(readdirSync(join(merged, 'a')), ['y']);
  assert.deepEqual(readdirSync(join(merged, 'b')), ['new']);
  assert.equal(statSync(join(merged, 'b')).mode & 0o7777, 0o700);
  assert.equal(existsSync(join(merged, 'gone')), false);
  const path = images.catalog.layers.path(images.get('two').diffIds[1]!);
  assert.equal(readXattr(join(path, 'b'), 'trusted.overlay.opaque')?.toString(), 'y');
  await rootfs.remove('c1');
  await rootfs.settled();
});

test('no archive writes outside its own layer', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const target = join(directory, 'victim');
  shell(`mkdir ${target}`, directory);
  const attempts: Record<string, Buffer> = {
    'through an absolute link': archive(entry('link', '2', { linkName: target }), entry('link/evil', '0', {}, 'x')),
    'through a relative link': archive(
      entry('link', '2', { linkName: '../'.repeat(20) + target.slice(1) }),
      entry('link/evil', '0', {}, 'x'),
    ),
    'by dots': archive(entry(`${'../'.repeat(20)}${target.slice(1)}/evil`, '0', {}, 'x')),
    'by an absolute name': archive(entry(`${target}/evil`, '0', {}, 'x')),
    'by a hard link': archive(entry('hard', '1', { linkName: `${'../'.repeat(20)}etc/passwd` })),
  };
  for (const [how, tar] of Object.entries(attempts)) {
    const done = images.importTar(Readable.from([tar]), { ref: '', message: '', changes: [], platform: '' });
    await done.catch(() => {});
    assert.deepEqual(readdirSync(target), [], how);
  }
});

test('what is no archive leaves nothing behind', async (t) => {
  const directory = temporaryDirectory(t);
  const root = join(directory, 'store');
  const { images } = await openStore(root);
  const before = listing(root);
  const options = { ref: 'bad', message: '', changes: [], platform: '' };
  const tar = tarOf('head -c 300000 /dev/urandom > a', directory);
  const cases: [source: Buffer, message: RegExp][] = [
    [Buffer.alloc(4096, 'garbage '), /^archive\/tar: invalid tar header$/],
    [tar.subarray(0, 200_000), /^unexpected EOF$/],
    [gzipSync(tar).subarray(0, 100_000), /^unexpected EOF$/],
    [execFileSync('zstd', ['-c'], { input: tar }).subarray(0, 100_000), /zstd/],
    [gzipSync(tar).map((byte, i, all) => (i === all.length - 6 ? byte ^ 1 : byte)) as Buffer, /^gzip: invalid data$/], // the checksum
  ];
  for (const [source, message] of cases) {
    await assert.rejects(images.importTar(Readable.from([source]), options), { kind: 'invalid', message });
  }
  const broken = new Readable({ read() {} });
  broken.push(tar.subarray(0, 100_000));
  setTimeout(() => broken.destroy(new Error('the client went away')), 50);
  await assert.rejects(images.importTar(broken, options), /the client went away/);
  await assert.rejects(images.importTar(Readable.from([tar]), { ...options, ref: 'Bad' }), { kind: 'invalid' });
  await assert.rejects(images.importTar(Readable.from([tar]), { ...options, changes: ['RUN x'] }), { kind: 'invalid' });
  assert.deepEqual(listing(root), before);
  assert.deepEqual(images.list(), []);
});

test('every compression that Docker takes is taken', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const tar = tarOf('echo content > file', directory);
  const forms: [name: string, data: Buffer][] = [
    ['plain', tar],
    ['gzip', gzipSync(tar)],
    ['zstd', execFileSync('zstd', ['-c'], { input: tar, stdio: ['pipe', 'pipe', 'ignore'] })],
    ['xz', execFileSync('xz', ['-c'], { input: tar })],
    ['bzip2', execFileSync('bzip2', ['-c'], { input: tar })],
    ['empty', Buffer.alloc(0)],
  ];
  for (const [name, data] of forms) {
    // In small pieces: what it is must be seen over a border, too.
    const pieces = Array.from({ length: Math.ceil(data.length / 3) }, (_, i) => data.subarray(i * 3, i * 3 + 3));
    await images.importTar(Readable.from(pieces), { ref: name, message: '', changes: [], platform: '' });
    const record = images.get(name);
    assert.equal(record.sizeBytes, name === 'empty' ? 0 : 8);
    if (name !== 'empty') assert.deepEqual(record.diffIds, images.get('plain').diffIds, 'one layer for all');
  }
  assert.equal(images.list().length, forms.length);
});

test('a full disk is said and leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const small = join(directory, 'small');
  shell(`mkdir small; mount -t tmpfs -o size=6m small ${small}`, directory);
  const root = join(small, 'store');
  const { images } = await openStore(root);
  const before = listing(root);
  const options = { ref: 'big', message: '', changes: [], platform: '' };
  const random = tarOf('mkdir d; head -c 4000000 /dev/urandom > d/file', directory);
  await assert.rejects(
    images.importTar(Readable.from([random]), options),
    { message: 'write /d/file: no space left on device' },
    'while it is unpacked',
  );
  const more = tarOf('head -c 9000000 /dev/urandom > file', directory);
  await assert.rejects(
    images.importTar(Readable.from([more]), options),
    /: no space left on device$/,
    'while it is received',
  );
  assert.deepEqual(listing(root), before);
  assert.match(shell('df --output=used . | tail -1', root), /^\s*\d{1,2}\n$/, 'the space is free again');
  await importTree(images, directory, 'fits', 'echo x > a');
});

test('commit, and the image of the commit: added, changed and deleted files', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  await importTree(images, directory, 'base', `${BUSYBOX_TREE}; mkdir d whole; touch d/keep d/gone whole/x`, [
    'CMD ["sh"]',
  ]);
  const base = images.get('base');
  await rootfs.create('c1', base);
  const merged = rootfs.mount('c1');
  shell(
    'echo new > d/new; rm d/gone; rm -r whole; mkdir whole; echo y > whole/y; cp bin/busybox cap; setcap cap_net_raw+ep cap; mknod dev1 c 1 3',
    merged,
  );
  const id = await images.commitLayer({
    base,
    upperDir: rootfs.upperDir('c1'),
    config: { ...EMPTY_IMAGE_CONFIG, cmd: ['sh'] },
    changes: ['ENV A=b'],
    ref: 'made:v1',
    author: 'me',
    comment: 'why',
    createdBy: 'sh -c x',
  });
  const image = images.get('made:v1');
  assert.equal(image.id, id);
  assert.deepEqual(image.config.env, ['A=b']);
  assert.equal(image.parent, base.id);
  assert.deepEqual(image.history.map(({ comment, author, createdBy }) => [comment, author, createdBy]).at(-1), [
    'why',
    'me',
    'sh -c x',
  ]);
  await rootfs.create('c2', image);
  const second = rootfs.mount('c2');
  assert.deepEqual(readdirSync(join(second, 'd')).sort(), ['keep', 'new']);
  assert.deepEqual(readdirSync(join(second, 'whole')), ['y']);
  assert.match(shell('getcap cap', second), /cap_net_raw/);
  assert.equal(statSync(join(second, 'dev1')).rdev, (1 << 8) + 3);
  assert.equal(readFileSync(join(second, 'etc/passwd'), 'utf8'), 'root:x:0:0:root:/:/bin/sh\n');
  assert.deepEqual(await rootfs.changes('c2'), []);
  for (const id of ['c1', 'c2']) await rootfs.remove(id);
  await rootfs.settled();
});

test('the commit of a container that changed nothing has a line of history and no layer', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  await importTree(images, directory, 'base', BUSYBOX_TREE);
  const base = images.get('base');
  const commit = (container: string, ref: string) =>
    images.commitLayer({
      base,
      upperDir: rootfs.upperDir(container),
      config: { ...EMPTY_IMAGE_CONFIG, cmd: ['sh'] },
      changes: ['LABEL a=b'],
      ref,
      author: 'me',
      comment: 'why',
      createdBy: 'true',
    });
  for (const id of ['c1', 'c2']) await rootfs.create(id, base);
  rootfs.mount('c1');
  await commit('c1', 'same');
  const same = images.get('same');
  assert.deepEqual([same.diffIds, same.layers, same.sizeBytes], [base.diffIds, base.layers, base.sizeBytes]);
  assert.equal(same.parent, base.id);
  const { emptyLayer, createdBy, comment } = same.history.at(-1)!;
  assert.deepEqual([same.history.length, emptyLayer, createdBy, comment], [2, true, 'true', 'why']);
  assert.equal(same.config.labels['a'], 'b');
  const { images: other } = await openStore(join(directory, 'other'));
  await other.load(await images.save(['same']), () => {});
  assert.equal(other.get('same').id, same.id);
  // Who may enter it is a change too.
  shell('chmod 700 .', rootfs.mount('c2'));
  await commit('c2', 'closed');
  assert.equal(images.get('closed').diffIds.length, 2);
  for (const id of ['c1', 'c2']) await rootfs.remove(id);
  await rootfs.settled();
});

test('of discarded layers a few are deleted at a time', async (t) => {
  const root = join(temporaryDirectory(t), 'store');
  for (let layer = 0; layer < 24; layer++) mkdirSync(join(root, 'trash', `layer-${layer}`), { recursive: true });
  const { rmdir } = promises;
  let deleting = 0;
  let most = 0;
  t.mock.method(promises, 'rmdir', async (path: Buffer) => {
    if (!path.includes('/trash/layer-')) return rmdir(path);
    most = Math.max(most, ++deleting);
    await sleep(5);
    deleting--;
    return rmdir(path);
  });
  syncBuiltinESMExports();
  t.after(() => (t.mock.restoreAll(), syncBuiltinESMExports()));
  await openStore(root);
  await eventually(() => assert.deepEqual(readdirSync(join(root, 'trash')), []));
  assert.ok(most > 1 && most <= 8, `${most} at once`); // four for layers and four for containers, which share the trash
});
