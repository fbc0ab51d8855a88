import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  readlinkSync,
  writeFileSync,
  closeSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isKernelError } from '../../src/kernel/errors.ts';
import {
  bindMount,
  makeMountPrivate,
  mount,
  mountOverlay,
  mountPoints,
  MS_NODEV,
  MS_NOSUID,
  setPropagation,
  unmount,
} from '../../src/kernel/mount.ts';
import {
  canReplaceMountedFile,
  coverMountedFile,
  replaceMountedFile,
  runInMountNamespace,
} from '../../src/kernel/mount-namespace.ts';
import { forgetMountedFile, writeMountedFile } from '../../src/kernel/mounted-file.ts';
import { throwawayDirectory } from './throwaway.ts';

const directory = throwawayDirectory();
const path = (...names: string[]) => join(directory, ...names);
const findmnt = (target: string, columns: string) =>
  execFileSync('findmnt', ['-n', '-o', columns, '-M', target], { encoding: 'utf8' }).trim();

// All mounts of this file under one private mount, so that nothing travels.
makeMountPrivate(directory);

test('mount, bind, read-only, unmount', () => {
  for (const name of ['tmp', 'bound', 'readonly']) mkdirSync(path(name));
  mount({ source: 'tmpfs', target: path('tmp'), type: 'tmpfs', flags: MS_NOSUID | MS_NODEV, data: 'size=1m,mode=700' });
  assert.match(findmnt(path('tmp'), 'FSTYPE,OPTIONS'), /^tmpfs\s+rw,nosuid,nodev,.*size=1024k,mode=700/);
  mkdirSync(path('tmp', 'inner'));
  mount({ target: path('tmp', 'inner'), type: 'tmpfs' });
  writeFileSync(path('tmp', 'inner', 'file'), 'x');
  bindMount(path('tmp'), path('bound'));
  assert.deepEqual(readdirSync(path('bound', 'inner')), []);
  bindMount(path('tmp'), path('readonly'), { recursive: true, readonly: true });
  assert.throws(() => writeFileSync(path('readonly', 'f'), ''), { code: 'EROFS' });
  assert.throws(() => writeFileSync(path('readonly', 'inner', 'f'), ''), { code: 'EROFS' });
  assert.match(findmnt(path('readonly'), 'OPTIONS'), /^ro,nosuid,nodev/); // the others stay
  writeFileSync(path('tmp', 'still-writable'), '');
  assert.throws(
    () => unmount(path('tmp')),
    (error) => isKernelError(error, 'EBUSY'),
  );
  for (const target of ['readonly', 'bound', 'tmp']) unmount(path(target), { detach: true });
  assert.throws(
    () => unmount(path('tmp')),
    (error) => isKernelError(error, 'EINVAL') && error.operation === `unmount ${path('tmp')}`,
  );
  assert.throws(
    () => bindMount(path('nope'), path('tmp')),
    (error) => isKernelError(error, 'ENOENT'),
  );
});

test('propagation, and a file as a mount', () => {
  mkdirSync(path('shared'));
  bindMount(path('shared'), path('shared'), { propagation: 'shared' });
  assert.match(
    mountPoints()
      .find(({ target }) => target === path('shared'))!
      .propagation.join(),
    /shared:/,
  );
  setPropagation(path('shared'), 'rprivate');
  assert.equal(findmnt(path('shared'), 'PROPAGATION'), 'private');
  unmount(path('shared'));
  writeFileSync(path('file a'), 'a');
  writeFileSync(path('file b'), 'b');
  bindMount(path('file a'), path('file b'));
  assert.equal(readFileSync(path('file b'), 'utf8'), 'a');
  const point = mountPoints().find(({ target }) => target === path('file b'))!; // with a space in its name
  assert.ok(point.root.endsWith('/file a'));
  unmount(path('file b'));
});

test('overlay: names with the characters that options are split at', () => {
  for (const name of ['a:b', 'c,d', 'e\\f', 'up,per', 'work', 'merged'])
    mkdirSync(path('odd', name), { recursive: true });
  writeFileSync(path('odd', 'a:b', 'one'), '1');
  writeFileSync(path('odd', 'c,d', 'two'), '2');
  writeFileSync(path('odd', 'e\\f', 'three'), '3');
  const target = path('odd', 'merged');
  const lower = ['a:b', 'c,d', 'e\\f'].map((name) => path('odd', name));
  // An overlay cannot lie on the overlay that a container's own root may be.
  mountOverlay({ lower, upper: path('odd', 'up,per'), work: path('odd', 'work'), target });
  assert.deepEqual(readdirSync(target).sort(), ['one', 'three', 'two']);
  writeFileSync(join(target, 'new'), 'n');
  assert.equal(readFileSync(path('odd', 'up,per', 'new'), 'utf8'), 'n');
  unmount(target);
  mountOverlay({ lower, target }); // read-only without an upper one
  assert.throws(() => writeFileSync(join(target, 'new'), 'n'), { code: 'EROFS' });
  unmount(target);
});

test('overlay: more layers than a page of options can name', () => {
  const lower: string[] = [];
  for (let index = 0; index < 127; index++) {
    const layer = path('many', `layer-${String(index).padStart(3, '0')}-${'x'.repeat(index === 5 ? 230 : 60)}`);
    mkdirSync(layer, { recursive: true });
    writeFileSync(join(layer, `file${index}`), String(index));
    writeFileSync(join(layer, 'top'), String(index));
    lower.push(layer);
  }
  for (const name of ['upper', 'work', 'merged']) mkdirSync(path('many', name));
  const target = path('many', 'merged');
  const before = readdirSync('/proc/self/fd').length;
  mountOverlay({ lower, upper: path('many', 'upper'), work: path('many', 'work'), target, options: ['index=off'] });
  assert.equal(readdirSync(target).length, 128);
  assert.equal(readFileSync(join(target, 'top'), 'utf8'), '0'); // the first is the topmost
  writeFileSync(join(target, 'file126'), 'changed');
  assert.equal(readFileSync(path('many', 'upper', 'file126'), 'utf8'), 'changed');
  assert.ok(readdirSync('/proc/self/fd').length <= before);
  unmount(target);
  assert.throws(
    () => mountOverlay({ lower: [...lower, path('many', 'nope')], target }),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.ok(readdirSync('/proc/self/fd').length <= before);
});

async function strangerWith(source: string, target: string): Promise<{ pid: number; end: () => void }> {
  const script = `mount --make-rprivate / && mount --bind "${source}" "${target}" && echo ready && exec sleep 30`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return { pid: child.pid!, end: () => void child.kill('SIGKILL') };
}

test(
  'a mounted file is swapped in another mount namespace, unseen here, never absent there',
  { skip: !canReplaceMountedFile() },
  async () => {
    const [old, next, target] = ['old', 'next', 'target'].map((name) => path(`hosts-${name}`)) as [
      string,
      string,
      string,
    ];
    writeFileSync(old, 'old\n');
    writeFileSync(next, 'next\n');
    writeFileSync(target, 'beneath\n');
    const stranger = await strangerWith(old, target);
    try {
      const mountNamespace = `/proc/${stranger.pid}/ns/mnt`;
      const seenThere = () => readFileSync(`/proc/${stranger.pid}/root${target}`, 'utf8');
      assert.equal(seenThere(), 'old\n');
      const open = openSync(`/proc/${stranger.pid}/root${target}`, 'r');
      process.chdir(directory);
      const here = readlinkSync('/proc/thread-self/ns/mnt');
      const root = statSync('/');
      replaceMountedFile({ mountNamespace, source: next, target });
      assert.equal(readlinkSync('/proc/thread-self/ns/mnt'), here);
      assert.equal(process.cwd(), directory);
      assert.deepEqual([statSync('/').dev, statSync('/').ino], [root.dev, root.ino]);
      assert.equal(seenThere(), 'next\n');
      assert.equal(readFileSync(target, 'utf8'), 'beneath\n');
      const buffer = Buffer.alloc(10);
      assert.equal(buffer.toString('utf8', 0, readSync(open, buffer)), 'old\n'); // who had it open reads on
      closeSync(open);
      // A reader over there, while it is swapped back and forth: whole, always.
      const enough = path('hosts-enough');
      const reader = spawn('nsenter', [
        `--mount=${mountNamespace}`,
        'sh',
        '-c',
        `echo reads; while [ ! -e "${enough}" ]; do read -r l < "${target}"; case "$l" in old|next) ;; *) echo "saw [$l]";; esac; done; echo done`,
      ]);
      let output = '';
      reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      await once(reader.stdout, 'data');
      for (let swap = 0; swap < 200; swap++) {
        replaceMountedFile({ mountNamespace, source: swap % 2 ? next : old, target });
        await new Promise((resolve) => setImmediate(resolve));
      }
      writeFileSync(enough, '');
      await once(reader, 'close');
      assert.equal(output, 'reads\ndone\n');
      const mounted = runInMountNamespace(
        mountNamespace,
        () => mountPoints().filter((point) => point.target === target).length,
      );
      assert.equal(mounted, 1, 'old mounts do not pile up');
      assert.throws(
        () => replaceMountedFile({ mountNamespace, source: next, target: next }),
        (error) => isKernelError(error, 'EINVAL'),
      );
      assert.throws(
        () => replaceMountedFile({ mountNamespace, source: path('nope'), target }),
        (error) => isKernelError(error, 'ENOENT'),
      );
      assert.throws(
        () => replaceMountedFile({ mountNamespace: '/proc/999999999/ns/mnt', source: next, target }),
        (error) => isKernelError(error, 'ENOENT'),
      );
      coverMountedFile({ mountNamespace, source: old, target });
      assert.equal(seenThere(), 'old\n');
    } finally {
      stranger.end();
      process.chdir('/');
    }
  },
);

for (const method of ['replace', 'alternate'] as const) {
  const skip = method === 'replace' && !canReplaceMountedFile();
  test(`a mounted file gets new content at one instant: ${method}`, { skip }, async () => {
    const file = path(`content-${method}`);
    const target = path(`content-${method}-target`);
    writeFileSync(file, 'text 0\n');
    writeFileSync(target, '');
    const stranger = await strangerWith(file, target);
    try {
      const mounted = { mountNamespace: `/proc/${stranger.pid}/ns/mnt`, target, path: file };
      const there = `/proc/${stranger.pid}/root${target}`;
      const reader = spawn('nsenter', [
        `--mount=${mounted.mountNamespace}`,
        'sh',
        '-c',
        `i=0; while [ $i -lt 150 ]; do l=$(cat "${target}"); case "$l" in "text "[0-9]*) echo -;; *) echo "saw [$l]";; esac; i=$((i+1)); done`,
      ]);
      let output = '';
      reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      const closed = once(reader, 'close');
      let count = 0;
      while (reader.exitCode === null) {
        const text = `text ${++count} ${'x'.repeat(count % 50)}\n`;
        writeMountedFile(mounted, text, method);
        assert.equal(readFileSync(there, 'utf8'), text);
        assert.equal(readFileSync(file, 'utf8'), text, 'the name here is of what is seen there');
        // Alternating promises it to readers that finish before the next but one: let two begin and end.
        const seen = output.length;
        do await new Promise((resolve) => setImmediate(resolve));
        while (method === 'alternate' && reader.exitCode === null && output.length < seen + 4);
      }
      await closed;
      assert.equal(output, '-\n'.repeat(150));
      // What is written over there is found here, and the next text takes its place.
      execFileSync('nsenter', [`--mount=${mounted.mountNamespace}`, 'sh', '-c', `echo own >> "${target}"`]);
      assert.match(readFileSync(file, 'utf8'), /own\n$/);
      writeMountedFile(mounted, 'last\n', method);
      assert.equal(readFileSync(there, 'utf8'), 'last\n');
      const depth = runInMountNamespace(
        mounted.mountNamespace,
        () => mountPoints().filter((point) => point.target === target).length,
      );
      assert.ok(depth <= 2);
      // Killed after the mount, before the rename: the next one begins by finishing it.
      writeFileSync(`${file}.next`, 'half done\n');
      if (method === 'replace') replaceMountedFile({ ...mounted, source: `${file}.next` });
      writeMountedFile(mounted, 'whole\n', method);
      assert.equal(readFileSync(there, 'utf8'), 'whole\n');
      assert.equal(readFileSync(file, 'utf8'), 'whole\n');
      const stranger2 = path('stranger');
      writeFileSync(stranger2, '');
      assert.throws(
        () => writeMountedFile({ ...mounted, path: stranger2 }, 'x', method),
        (error) => isKernelError(error, 'ESTALE'),
      );
      forgetMountedFile(file);
      assert.deepEqual(
        readdirSync(directory).filter((name) => name.startsWith(`content-${method}.`)),
        [],
      );
    } finally {
      stranger.end();
    }
  });
}
