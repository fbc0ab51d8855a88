import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { isKernelError } from '../../src/kernel/errors.ts';
import { createNetns, deleteNetns, netnsIdentity, runInNetns } from '../../src/kernel/netns.ts';
import { run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();

test('a new namespace is another one, kept by its file, and the caller has not moved', () => {
  const before = readlinkSync('/proc/self/ns/net');
  const path = join(directory, 'deep', 'er', 'one');
  createNetns(path);
  assert.equal(readlinkSync('/proc/self/ns/net'), before);
  assert.equal(readlinkSync(`/proc/self/task/${process.pid}/ns/net`), before);
  assert.notEqual(netnsIdentity(path), netnsIdentity());
  assert.equal(run(path, 'readlink', '/proc/self/ns/net').trim(), `net:[${statSync(path).ino}]`);
  deleteNetns(path);
  assert.equal(existsSync(path), false);
  deleteNetns(path); // absent is fine
});

test('a path that is taken is refused and stays', () => {
  const path = throwawayNetns(directory);
  const identity = netnsIdentity(path);
  assert.throws(() => createNetns(path), { code: 'EEXIST' });
  assert.equal(netnsIdentity(path), identity);
});

test('a plain file left by a crash is deleted like a namespace', () => {
  const path = join(directory, 'left');
  writeFileSync(path, '');
  deleteNetns(path);
  assert.equal(existsSync(path), false);
});

test('work runs inside, children start inside, blocks nest, and the way back is always taken', () => {
  const a = throwawayNetns(directory);
  const b = throwawayNetns(directory);
  const own = netnsIdentity();
  const here = () => netnsIdentity('/proc/thread-self/ns/net');
  const seen = runInNetns(a, () => {
    const inside = here();
    const inner = runInNetns(b, here);
    return {
      inside,
      inner,
      after: here(),
      child: execFileSync('readlink', ['/proc/self/ns/net'], { encoding: 'utf8' }),
    };
  });
  assert.equal(seen.inside, netnsIdentity(a));
  assert.equal(seen.inner, netnsIdentity(b));
  assert.equal(seen.after, netnsIdentity(a));
  assert.equal(seen.child.trim(), `net:[${statSync(a).ino}]`);
  assert.equal(here(), own);
  assert.throws(() => runInNetns(a, () => runInNetns(b, () => assert.fail('inside'))), /inside/);
  assert.equal(here(), own);
  assert.equal(
    runInNetns(undefined, () => 7),
    7,
  );
});

test('asynchronous work is refused', () => {
  const a = throwawayNetns(directory);
  assert.throws(() => runInNetns(a, () => Promise.resolve()), TypeError);
  assert.equal(netnsIdentity('/proc/thread-self/ns/net'), netnsIdentity());
});

test('a path that is no namespace is refused with the operation and the errno', () => {
  assert.throws(
    () => runInNetns(join(directory, 'absent'), () => 0),
    (error) => isKernelError(error, 'ENOENT') && error.operation.includes('absent'),
  );
  const file = join(directory, 'file');
  writeFileSync(file, 'x');
  assert.throws(
    () => runInNetns(file, () => 0),
    (error) => isKernelError(error, 'EINVAL'),
  );
  assert.equal(readFileSync(file, 'utf8'), 'x');
});

test('no descriptor is left open', () => {
  const count = () => readdirSync('/proc/self/fd').length;
  const path = throwawayNetns(directory);
  runInNetns(path, () => 0);
  const before = count();
  for (let index = 0; index < 20; index++) {
    runInNetns(path, () => 0);
    assert.throws(() => runInNetns(path, () => assert.fail()));
  }
  // Pipes of programs that earlier tests ran may be closed meanwhile.
  assert.ok(count() <= before, `${count()} descriptors, ${before} before`);
});
