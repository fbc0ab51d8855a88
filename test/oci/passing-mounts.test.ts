/**
 * Places that share mounts with a host, and what becomes of the host's when they are taken away. The host is a mount
 * namespace that this process makes, the engine's another one, which a sleeping process holds.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { closeFd, openFd } from '../../src/kernel/descriptors.ts';
import { mount, mountPoints, setPropagation, unmount } from '../../src/kernel/mount.ts';
import { runInMountNamespace } from '../../src/kernel/mount-namespace.ts';
import { unshareMountNamespace } from '../../src/kernel/process.ts';
import { mountPassing, unmountSubpaths, unmountSubpathsLeft } from '../../src/oci/subpath-mounts.ts';
import { until } from '../harness/test-engine.ts';

const skip = process.getuid?.() !== 0 && 'needs root';
const directory = mkdtempSync(join(tmpdir(), 'causeway-passing-'));
const source = join(directory, 'source');
const rooms = join(directory, 'rooms');
const room = join(rooms, 'one');
let host: number;
let engine: ChildProcess;

before(async () => {
  if (skip) return;
  const machines = readlinkSync('/proc/self/ns/mnt');
  unshareMountNamespace();
  setPropagation('/', 'rprivate');
  setPropagation('/', 'rshared');
  assert.notEqual(readlinkSync('/proc/thread-self/ns/mnt'), machines);
  host = openFd('/proc/thread-self/ns/mnt');
  const ours = readlinkSync('/proc/thread-self/ns/mnt');
  engine = spawn('unshare', ['--mount', '--propagation', 'slave', 'sleep', 'infinity'], { stdio: 'ignore' });
  await until('the engine has its namespace', () => readlinkSync(`/proc/${engine.pid}/ns/mnt`) !== ours);
  mkdirSync(source);
});
after(() => {
  engine?.kill('SIGKILL');
  if (host !== undefined) closeFd(host);
  rmSync(directory, { recursive: true, force: true });
});

const tmpfs = (target: string): void => mount({ source: 'tmpfs', target, type: 'tmpfs' });
const inEngine = <T>(work: () => T): T => runInMountNamespace(`/proc/${engine.pid}/ns/mnt`, work);
const mounted = (within: string): string[] =>
  mountPoints()
    .map(({ target }) => target)
    .filter((target) => target === within || target.startsWith(`${within}/`))
    .sort();
const pass = (back: boolean, recursive = true): string =>
  inEngine(() => mountPassing(room, { namespace: `/proc/self/fd/${host}`, source, recursive, back }).place);

beforeEach(() => {
  if (skip) return;
  tmpfs(source);
  for (const name of ['a', 'b', 'sub']) mkdirSync(join(source, name));
  tmpfs(join(source, 'sub'));
});
afterEach(() => {
  if (skip) return;
  inEngine(() => unmountSubpaths(room));
  while (mounted(source).includes(source)) unmount(source, { detach: true });
});

test('mounts pass to and from a place, or to it alone, and go with what is there', { skip }, () => {
  for (const back of [true, false]) {
    const place = pass(back);
    inEngine(() => tmpfs(join(place, 'a')));
    assert.equal(mounted(join(source, 'a')).length, back ? 1 : 0);
    inEngine(() => unmount(join(place, 'a')));
    assert.deepEqual(mounted(join(source, 'a')), []);
    tmpfs(join(source, 'b'));
    assert.deepEqual(
      inEngine(() => mounted(join(place, 'b'))),
      [join(place, 'b')],
    );
    unmount(join(source, 'b'));
    assert.deepEqual(
      inEngine(() => mounted(join(place, 'b'))),
      [],
    );
    inEngine(() => unmountSubpaths(room));
  }
});

test('a place has what is mounted below its source, or the top alone', { skip }, () => {
  assert.deepEqual(
    inEngine(() => mounted(pass(true)).length),
    2,
  );
  inEngine(() => unmountSubpaths(room));
  assert.deepEqual(
    inEngine(() => mounted(pass(true, false)).length),
    1,
  );
});

for (const back of [true, false]) {
  const named = back ? 'shared with the host' : 'that receives its mounts';
  test(`a place ${named} is taken away without an unmount on the host`, { skip }, () => {
    pass(back);
    tmpfs(join(source, 'b'));
    const before = mounted(source);
    inEngine(() => unmountSubpaths(room));
    assert.deepEqual(mounted(source), before);
    assert.deepEqual(
      inEngine(() => mounted(rooms)),
      [],
    );
    assert.equal(existsSync(room), false);
  });

  test(`a place ${named} and hidden by a mount on top is taken away without an unmount on the host`, { skip }, () => {
    pass(back);
    tmpfs(source); // on top, on the host
    writeFileSync(join(source, 'top'), '');
    const before = mounted(source);
    assert.equal(before.length, 3);
    inEngine(() => unmountSubpaths(room));
    assert.deepEqual(mounted(source), before);
    assert.ok(existsSync(join(source, 'top')));
    assert.deepEqual(
      inEngine(() => mounted(rooms)),
      [],
    );
  });
}

test('what a daemon that died has left in its rooms goes, and nothing of the host', { skip }, () => {
  pass(true);
  pass(false);
  const other = join(rooms, 'two');
  inEngine(() => mountPassing(other, { namespace: `/proc/self/fd/${host}`, source, recursive: true, back: true }));
  mkdirSync(join(rooms, 'three')); // it died before there was a room
  tmpfs(source);
  const before = mounted(source);
  assert.equal(inEngine(() => unmountSubpathsLeft(rooms)).size, 0);
  assert.deepEqual(mounted(source), before);
  assert.deepEqual(
    inEngine(() => mounted(rooms)),
    [],
  );
  assert.deepEqual([room, other, join(rooms, 'three')].filter(existsSync), []);
  assert.equal(inEngine(() => unmountSubpathsLeft(join(directory, 'never'))).size, 0);
});

test('a copy that found no place ends without an unmount on the host', { skip }, () => {
  tmpfs(join(source, 'b'));
  const before = mounted(source);
  writeFileSync(join(directory, 'file'), '');
  const at = join(directory, 'file'); // no directory can be made below it
  assert.throws(() =>
    inEngine(() =>
      mountPassing(join(at, 'x'), { namespace: `/proc/self/fd/${host}`, source, recursive: true, back: true }),
    ),
  );
  assert.deepEqual(mounted(source), before);
});
