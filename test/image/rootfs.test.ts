/** A container's file system: made, mounted, compared, copied from and to, removed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { exportRootfs, getArchive, putArchive, statPath, type ArchiveRoot } from '../../src/image/archive.ts';
import { copyUp } from '../../src/image/copy-up.ts';
import { EMPTY_IMAGE_CONFIG } from '../../src/image/image-config.ts';
import { BUSYBOX_TREE, bytes, importTree, openStore, shell, tarOf, temporaryDirectory } from './image-fixture.ts';

async function container(t: TestContext, script = BUSYBOX_TREE) {
  const directory = temporaryDirectory(t);
  const store = await openStore(join(directory, 'store'));
  await importTree(store.images, directory, 'base', script);
  await store.rootfs.create('c1', store.images.get('base'));
  const merged = store.rootfs.mount('c1');
  t.after(async () => {
    await store.rootfs.remove('c1');
    await store.rootfs.settled();
  });
  const root: ArchiveRoot = { root: merged, containerName: 'c1' };
  return { directory, ...store, merged, root };
}

test('the mount points are there and are no change', async (t) => {
  const { merged, rootfs } = await container(
    t,
    'mkdir -m 711 etc; chown 5:6 etc; echo image > etc/hosts; ln -s /elsewhere proc; echo f > dev',
  );
  for (const name of ['dev/pts', 'dev/shm', 'proc', 'sys'])
    assert.ok(lstatSync(join(merged, name)).isDirectory(), name);
  for (const name of ['etc/hosts', 'etc/hostname', 'etc/resolv.conf', '.dockerenv', 'dev/console'])
    assert.equal(statSync(join(merged, name)).size, 0, name);
  assert.equal(readlinkSync(join(merged, 'etc/mtab')), '/proc/mounts');
  const etc = statSync(join(merged, 'etc'));
  assert.deepEqual([etc.mode & 0o7777, etc.uid, etc.gid], [0o711, 5, 6], "the directory stays the image's");
  assert.deepEqual(await rootfs.changes('c1'), []);
});

test('mounting twice, unmounting twice, and a store that is opened again', async (t) => {
  const { directory, merged, rootfs } = await container(t);
  assert.equal(rootfs.mount('c1'), merged);
  writeFileSync(join(merged, 'mine'), 'x');
  const later = await openStore(join(directory, 'store'));
  assert.equal(later.rootfs.isMounted('c1'), true);
  assert.equal(later.rootfs.mount('c1'), merged, 'found as it is');
  rootfs.unmount('c1');
  rootfs.unmount('c1');
  assert.equal(existsSync(join(merged, 'mine')), false);
  later.rootfs.mount('c1', { volatile: true });
  assert.equal(readFileSync(join(merged, 'mine'), 'utf8'), 'x');
  later.rootfs.unmount('c1');
  later.rootfs.mount('c1', { volatile: true });
  assert.equal(readFileSync(join(merged, 'mine'), 'utf8'), 'x', 'a volatile one is mounted again');
  await assert.rejects(rootfs.create('c1', later.images.get('base')), /mkdir .*/);
  assert.throws(() => rootfs.mount('nosuch'), { kind: 'notFound' });
  assert.match(rootfs.graph('c1')['LowerDir']!, /\/init\/[0-9a-f]{64}:.*\/layers\/[0-9a-f]{64}$/);
  await later.rootfs.retain(new Set(['other']));
  assert.equal(later.rootfs.has('c1'), false, 'an orphan goes');
  await later.rootfs.settled();
  assert.deepEqual(readdirSync(join(directory, 'store/containers')), []);
  assert.deepEqual(readdirSync(join(directory, 'store/trash')), []);
});

test('a hundred layers', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(
    join(directory, 'store-with-a-rather-long-name-so-that-the-options-fill-more-than-a-page'),
  );
  await importTree(images, directory, 'base', 'echo 0 > file; echo 0 > n0');
  let record = images.get('base');
  const layer = join(directory, 'layer');
  for (let i = 1; i <= 100; i++) {
    shell(`rm -rf ${layer}; mkdir ${layer}; echo ${i} > ${layer}/file; echo ${i} > ${layer}/n${i}`, directory);
    await images.commitLayer({
      base: record,
      upperDir: layer,
      config: EMPTY_IMAGE_CONFIG,
      changes: [],
      ref: 'deep',
      author: '',
      comment: '',
      createdBy: '',
    });
    record = images.get('deep');
  }
  await rootfs.create('c', record);
  const merged = rootfs.mount('c');
  assert.equal(readFileSync(join(merged, 'file'), 'utf8'), '100\n');
  assert.equal(readdirSync(merged).filter((name) => name.startsWith('n')).length, 101);
  await rootfs.remove('c');
});

test('what docker diff says', async (t) => {
  const { merged, rootfs } = await container(
    t,
    'mkdir -p a/b/c d e f g; touch a/b/c/file a/b/gone d/x e/one e/two same; echo hi > f/file; echo x > kind; mkdir kind2; touch kind2/x',
  );
  shell(
    `echo new > a/b/new; echo changed > a/b/c/file; rm a/b/gone; rm -r d
     rm -r e; mkdir e; touch e/two e/three; chmod 600 f/file
     rm kind; mkdir kind; touch kind/in; rm -r kind2; echo x > kind2; mkdir -p all/new; touch all/new/x; touch -c -r same same`,
    merged,
  );
  const shown = (await rootfs.changes('c1')).map(({ kind, path }) => `${'CAD'[kind]} ${path}`);
  assert.deepEqual(shown, [
    'C /a',
    'C /a/b',
    'C /a/b/c',
    'C /a/b/c/file',
    'D /a/b/gone',
    'A /a/b/new',
    'A /all',
    'A /all/new',
    'A /all/new/x',
    'D /d',
    'C /e',
    'D /e/one',
    'A /e/three',
    'C /e/two',
    'C /f',
    'C /f/file',
    'C /kind',
    'A /kind/in',
    'C /kind2',
  ]);
  const { own, withImage } = await rootfs.sizeBytes('c1');
  assert.ok(own > 0 && withImage > own);
});

test('stat: kinds, modes and links, in Docker words', async (t) => {
  const { merged, root } = await container(t);
  shell(
    `mkdir -p dir/sub; echo hello > dir/file; chmod 4755 dir/file; ln -s ../dir/file dir/link; ln -s /nowhere/x dangling; ln -s /dir dirlink
     mkfifo fifo; mknod null c 1 3; chmod 1777 dir/sub; touch -d '2020-01-02 03:04:05.5 UTC' dir/file; ln -s ../../../../../../etc/passwd out`,
    merged,
  );
  assert.deepEqual(statPath(root, 'dir/file'), {
    name: 'file',
    size: 6,
    mode: 2 ** 23 + 0o755,
    mtime: '2020-01-02T03:04:05.5Z',
    linkTarget: '',
  });
  assert.deepEqual(statPath(root, '/dir/sub').mode, 2 ** 31 + 2 ** 20 + 0o777);
  assert.deepEqual(statPath(root, '/dir/link').linkTarget, '/dir/file');
  assert.equal(statPath(root, '/dir/link').mode, 2 ** 27 + 0o777);
  assert.equal(statPath(root, '/dangling').linkTarget, '/nowhere/x');
  assert.equal(statPath(root, '/out').linkTarget, '/etc/passwd', 'no way out');
  assert.equal(statPath(root, '/dirlink/file').name, 'file');
  assert.equal(statPath(root, '/dirlink').linkTarget, '/dir');
  assert.equal(statPath(root, '/dirlink/').mode >= 2 ** 31, true);
  assert.equal(statPath(root, '/').name, '/');
  assert.equal(statPath(root, '/dir/.').name, '.');
  assert.equal(statPath(root, '/null').mode, 2 ** 26 + 2 ** 21 + 0o644);
  assert.equal(statPath(root, '/fifo').mode, 2 ** 25 + 0o644);
  assert.throws(() => statPath(root, '/nosuch/x'), {
    kind: 'notFound',
    message: 'Could not find the file /nosuch/x in container c1',
  });
  assert.throws(() => statPath(root, '/dir/file/'), /not a directory/);
  symlinkSync('loop', join(merged, 'loop'));
  assert.throws(() => statPath(root, '/loop/x'), /too many levels of symbolic links/);
  assert.equal(statPath(root, '/../../dir/../dir/file').size, 6);
});

async function names(stream: Readable): Promise<string[]> {
  return execFileSync('tar', ['-t'], { input: await bytes(stream), encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .sort();
}

test('cp out: the entries start with what was asked for', async (t) => {
  const { merged, root, directory } = await container(t);
  shell(
    'mkdir -p dir/sub; echo hello > dir/sub/file; ln dir/sub/file dir/hard; ln -s dir dirlink; ln -s /etc/passwd out',
    merged,
  );
  assert.deepEqual(await names((await getArchive(root, '/dir')).tar), ['dir/', 'dir/hard', 'dir/sub/', 'dir/sub/file']);
  assert.deepEqual(await names((await getArchive(root, '/dir/.')).tar), ['./', './hard', './sub/', './sub/file']);
  assert.deepEqual(await names((await getArchive(root, '/dir/sub/file')).tar), ['file']);
  assert.deepEqual(await names((await getArchive(root, '/dirlink')).tar), ['dirlink']);
  assert.deepEqual(await names((await getArchive(root, '/dirlink/')).tar), [
    'dirlink/',
    'dirlink/hard',
    'dirlink/sub/',
    'dirlink/sub/file',
  ]);
  const { stat, tar } = await getArchive(root, '/out');
  assert.equal(stat.linkTarget, '/etc/passwd');
  assert.match(execFileSync('tar', ['-tv'], { input: await bytes(tar), encoding: 'utf8' }), /out -> \/etc\/passwd/);
  const unpacked = join(directory, 'unpacked');
  mkdirSync(unpacked);
  execFileSync('tar', ['-x', '-C', unpacked], { input: await bytes((await getArchive(root, '/dir')).tar) });
  assert.equal(
    statSync(join(unpacked, 'dir/hard')).ino,
    statSync(join(unpacked, 'dir/sub/file')).ino,
    'hard links stay',
  );
  await assert.rejects(getArchive(root, '/nosuch'), { kind: 'notFound' });
  const volume = join(directory, 'volume');
  shell(`mkdir -p volume/in; echo v > volume/in/v; echo h > hosts`, directory);
  const mounts = [
    { source: volume, destination: '/dir/vol', readonly: false },
    { source: join(directory, 'hosts'), destination: '/etc/hosts', readonly: false },
  ];
  mkdirSync(join(merged, 'dir/vol'));
  const withVolumes = { ...root, mounts };
  assert.deepEqual(await names((await getArchive(withVolumes, '/dir/vol/in/v')).tar), ['v']);
  assert.ok((await names((await getArchive(withVolumes, '/dir')).tar)).includes('dir/vol/in/v'));
  assert.equal(
    execFileSync('tar', ['-xO'], {
      input: await bytes((await getArchive(withVolumes, '/etc/hosts')).tar),
      encoding: 'utf8',
    }),
    'h\n',
  );
  assert.equal(statPath(withVolumes, '/etc/hosts').size, 2);
});

test('cp in', async (t) => {
  const { merged, root, directory } = await container(t);
  const put = (path: string, tar: Buffer, more: object = {}) =>
    putArchive(root, path, Readable.from([tar]), { noOverwriteDirNonDir: true, owner: null, ...more });
  const tar = tarOf('mkdir -p d/e; echo x > d/e/f; chown 7:8 d/e/f; chmod 700 .', directory);
  shell('chmod 755 tmp', merged);
  await put('/tmp', tar);
  assert.equal(readFileSync(join(merged, 'tmp/d/e/f'), 'utf8'), 'x\n');
  assert.equal(statSync(join(merged, 'tmp/d/e/f')).uid, 7);
  assert.equal(statSync(join(merged, 'tmp')).mode & 0o777, 0o755, 'the directory itself stays as it was');
  await put('/tmp', execFileSync('gzip', ['-c'], { input: tar }), { owner: { uid: 1, gid: 2 } });
  assert.deepEqual([statSync(join(merged, 'tmp/d/e/f')).uid, statSync(join(merged, 'tmp/d/e/f')).gid], [1, 2]);
  await assert.rejects(put('/nosuch', tar), {
    kind: 'notFound',
    message: 'Could not find the file /nosuch in container c1',
  });
  await assert.rejects(put('/etc/passwd', tar), { kind: 'invalid', message: 'extraction point is not a directory' });
  await assert.rejects(put('/tmp', tarOf('echo file > d', directory)), {
    kind: 'invalid',
    message: 'cannot overwrite directory "/tmp/d" with non-directory "/tmp"',
  });
  shell('echo file > tmp/x', merged);
  await assert.rejects(put('/tmp', tarOf('mkdir x', directory)), {
    message: 'cannot overwrite non-directory "/tmp/x" with directory "/tmp"',
  });
  await put('/tmp', tarOf('echo file > d', directory), { noOverwriteDirNonDir: false });
  assert.equal(readFileSync(join(merged, 'tmp/d'), 'utf8'), 'file\n');
  await assert.rejects(put('/tmp', tar, { readonlyRootfs: true }), { message: 'container rootfs is marked read-only' });
  assert.deepEqual(readdirSync(join(merged, 'proc')), []);
});

test('cp in cannot leave the container, and reaches its volumes', async (t) => {
  const { merged, root, directory } = await container(t);
  const victim = join(directory, 'victim');
  mkdirSync(victim);
  symlinkSync(victim, join(merged, 'tmp/link'));
  const put = (path: string, tar: Buffer, from: ArchiveRoot = root) =>
    putArchive(from, path, Readable.from([tar]), { noOverwriteDirNonDir: true, owner: null });
  const tar = tarOf('mkdir link; echo x > link/evil', directory);
  await put('/tmp/link/', tarOf('echo x > evil', directory)).catch(() => {});
  await put(
    '/tmp',
    execFileSync('tar', ['-c', '-C', directory, '--transform', 's,^.*$,link/evil,', '-h', '/etc/hostname'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ).catch(() => {});
  await put('/tmp', tar).catch(() => {});
  assert.deepEqual(readdirSync(victim), []);
  const volume = join(directory, 'volume');
  mkdirSync(volume);
  mkdirSync(join(merged, 'data'));
  const mounts = [{ source: volume, destination: '/data', readonly: false }];
  await put('/data', tarOf('echo x > file', directory), { ...root, mounts });
  assert.deepEqual(readdirSync(volume), ['file']);
  assert.deepEqual(readdirSync(join(merged, 'data')), []);
  await put('/', tarOf('mkdir data; echo y > data/second', directory), { ...root, mounts });
  assert.deepEqual(readdirSync(volume).sort(), ['file', 'second']);
  const readonly = { ...root, mounts: [{ ...mounts[0]!, readonly: true }] };
  await assert.rejects(put('/data', tar, readonly), { message: 'mounted volume is marked read-only' });
});

test('export has all files, and mount points of the engine only empty', async (t) => {
  const { merged, directory } = await container(t);
  shell('echo x > mine', merged);
  const list = await names(await exportRootfs(merged, 'subject'));
  for (const name of ['bin/busybox', 'mine', 'etc/', 'etc/hosts']) assert.ok(list.includes(name), name);
  assert.ok(!list.some((name) => name.startsWith('./') || name === '/'));
  const { images } = await openStore(join(directory, 'again'));
  await images.importTar(await exportRootfs(merged, 'subject'), {
    ref: 'again',
    message: '',
    changes: [],
    platform: '',
  });
  assert.ok(images.get('again').sizeBytes > 1_000_000);
});

test('a new volume gets what the image has there', async (t) => {
  const { merged, directory } = await container(
    t,
    'mkdir -p data/sub empty; echo x > data/sub/f; chown -R 70:71 data; chmod 2750 data; ln -s ../../../data/sub link; mkdir -m 1777 empty/../e2',
  );
  const volume = (name: string) => {
    mkdirSync(join(directory, name));
    return join(directory, name);
  };
  const one = volume('v1');
  await copyUp(merged, { source: one, destination: '/data', readonly: false });
  const stats = statSync(one);
  assert.deepEqual([stats.mode & 0o7777, stats.uid, stats.gid], [0o2750, 70, 71]);
  assert.equal(readFileSync(join(one, 'sub/f'), 'utf8'), 'x\n');
  const two = volume('v2');
  await copyUp(merged, { source: two, destination: '/link', readonly: false });
  assert.deepEqual(readdirSync(two), ['f']);
  const three = volume('v3');
  await copyUp(merged, { source: three, destination: '/nosuch/path', readonly: false });
  await copyUp(merged, { source: three, destination: '/data/sub/f', readonly: false });
  assert.deepEqual(readdirSync(three), []);
  await copyUp(merged, { source: three, destination: '/e2', readonly: false });
  assert.equal(statSync(three).mode & 0o7777, 0o1777);
  writeFileSync(join(three, 'mine'), '');
  await copyUp(merged, { source: three, destination: '/data', readonly: false });
  assert.deepEqual(readdirSync(three), ['mine'], 'a volume that has something in it stays as it is');
});
