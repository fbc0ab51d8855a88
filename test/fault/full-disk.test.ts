/**
 * A full disk: what cannot be stored is refused with the reason, nothing of it stays, and once there is room again all
 * goes on.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { assertUntouched, ownCgroupParent, removeCgroupParent, traces, tracesAtRest } from './traces.ts';

const parent = ownCgroupParent();
const disk = mkdtempSync(join(tmpdir(), 'causeway-disk-'));
const dataRoot = join(disk, 'data');
let engine: TestEngine;

before(async () => {
  check(run('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'tmpfs', disk]));
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent, '--data-root', dataRoot] });
  engine.importFixtures();
  engine.ok('network', 'create', 'net');
  engine.ok('run', '-d', '--name', 'runs', '--network', 'net', '-p', '8080:80', '-v', 'kept:/kept', 'nginx');
  engine.ok('exec', 'runs', 'true');
  engine.ok('run', '--rm', 'busybox', 'true'); // what is made once for all containers of an image
});

after(async () => {
  await engine.destroy();
  removeCgroupParent(parent);
  run('umount', [disk]);
  rmSync(disk, { recursive: true, force: true });
});

const free = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;

/** Leaves so many bytes. */
function fill(leftBytes: number): void {
  writeFileSync(join(disk, 'filler'), Buffer.alloc(Math.max(0, free() - leftBytes), 7));
}

/** Which directory, and what to do: docker shows it. */
const WAY_OUT = new RegExp(
  `no space left on device: ${dataRoot} \\(--data-root\\) cannot be written to: make room there`,
);

const room = (): void => rmSync(join(disk, 'filler'), { force: true });

test('import and load of what does not fit', async () => {
  const before = {
    traces: await tracesAtRest(engine, parent, dataRoot),
    images: engine.ok('images', '-q', '--no-trunc'),
    free: free(),
  };
  const source = join(engine.dir, 'big');
  mkdirSync(source);
  check(run('dd', ['if=/dev/urandom', `of=${source}/noise`, 'bs=1M', 'count=40', 'status=none']));
  const imported = engine.shell(`tar -C ${source} -c . | docker import - big`);
  assert.match(imported.err, /no space left on device/);
  assert.notEqual(imported.code, 0);
  check(engine.shell(`docker save nginx -o ${source}/archive && tar -C ${source} --append -f ${source}/archive noise`));
  const loaded = engine.docker('load', '-i', join(source, 'archive'));
  assert.ok(loaded.code === 0 || /no space left on device/.test(loaded.err), loaded.err);
  const copied = engine.docker('cp', join(source, 'noise'), 'runs:/kept/noise');
  assert.match(copied.err, /no space left on device/i);
  engine.docker('exec', 'runs', 'rm', '-f', '/kept/noise');
  await assertUntouched(engine, parent, before.traces, 'what did not fit', { dataRoot });
  assert.equal(engine.ok('images', '-q', '--no-trunc'), before.images);
  assert.ok(Math.abs(before.free - free()) < 1 << 20, `${before.free} bytes were free, ${free()} are`);
});

test('no byte left: every change is refused or done, never half done', async () => {
  const before = await tracesAtRest(engine, parent, dataRoot);
  fill(0);
  const answers = [
    engine.docker('network', 'create', 'full'),
    engine.docker('create', '--name', 'full', 'busybox', 'true'),
    engine.docker('volume', 'create', 'full'),
    engine.docker('run', '--rm', 'busybox', 'true'),
    engine.docker('rename', 'runs', 'renamed'),
    engine.docker('tag', 'busybox', 'full:1'),
  ];
  for (const answer of answers) if (answer.code !== 0) assert.match(answer.err, WAY_OUT);
  const done = (index: number): boolean => answers[index]!.code === 0;
  // What runs goes on, and can be looked at and stopped.
  assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);
  const name = done(4) ? 'renamed' : 'runs';
  assert.equal(engine.ok('exec', name, 'echo', 'here'), 'here');
  room();
  assert.deepEqual(engine.ok('network', 'ls', '-q', '-f', 'name=full') !== '', done(0));
  assert.deepEqual(engine.ok('ps', '-aq', '-f', 'name=^full$') !== '', done(1));
  if (done(0)) engine.ok('network', 'rm', 'full');
  if (done(1)) engine.ok('rm', 'full');
  if (done(2)) engine.ok('volume', 'rm', 'full');
  if (done(5)) engine.ok('rmi', 'full:1');
  if (done(4)) engine.ok('rename', 'renamed', 'runs');
  await assertUntouched(engine, parent, before, 'a full disk', { dataRoot });
  engine.ok('network', 'create', 'after');
  assert.equal(engine.ok('run', '--rm', '--network', 'after', 'busybox', 'echo', 'well'), 'well');
  engine.ok('network', 'rm', 'after');
});

test('a container can be stopped and removed on a full disk, and a daemon that starts on one sees what was', async () => {
  fill(0);
  await engine.restart('SIGKILL');
  assert.match(engine.ok('ps', '-a', '--format', '{{.Names}} {{.Status}}'), /^runs Up/);
  assert.equal(engine.ok('exec', 'runs', 'echo', 'here'), 'here');
  engine.ok('stop', '-t', '0', 'runs');
  engine.ok('rm', 'runs');
  engine.ok('network', 'rm', 'net');
  engine.ok('volume', 'rm', 'kept');
  engine.ok('rmi', 'multiport');
  room();
  assert.deepEqual(
    traces(engine, parent, dataRoot).lines.filter((line) =>
      /^(cgroup|mount .*merged|process conmon|file (data\/containers|data\/rootfs\/containers|exec\/netns)\/)/.test(
        line,
      ),
    ),
    [],
  );
});
