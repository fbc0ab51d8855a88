import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { setInherited } from '../../src/kernel/descriptors.ts';
import { isKernelError } from '../../src/kernel/errors.ts';
import { FdWatch } from '../../src/kernel/fd-watch.ts';
import {
  openMemoryFile,
  openPidfd,
  openPipe,
  reapChild,
  sealMemoryFile,
  signalPidfd,
  spawnProgram,
} from '../../src/kernel/spawn.ts';

async function ended(pid: number) {
  for (;;) {
    const status = reapChild(pid);
    if (status !== undefined) return status;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function output(args: string[], options: { cwd?: string; file?: string } = {}): Promise<string> {
  const { readFd, writeFd } = openPipe();
  const nullFd = openSync('/dev/null', 'r');
  const pid = spawnProgram({
    file: options.file ?? '/bin/sh',
    args,
    env: { A: 'b c' },
    cwd: options.cwd,
    fds: [nullFd, writeFd, writeFd],
  });
  closeSync(writeFd);
  closeSync(nullFd);
  const text = readFileSync(readFd, 'utf8');
  closeSync(readFd);
  await ended(pid);
  return text;
}

test('arguments, environment, directory, descriptors', async () => {
  assert.equal(
    await output(['-c', 'echo "$A|$1|$(pwd)"; echo err >&2', 'sh', 'x y'], { cwd: '/usr' }),
    'b c|x y|/usr\nerr\n',
  );
  const inherited = await output(['-c', 'ls /proc/self/fd | wc -l']);
  assert.ok(Number(inherited) <= 5, 'nothing of ours but the three (and what ls itself has open)');
});

test('a descriptor that a library left inheritable stays behind', async () => {
  const fd = openSync('/dev/null', 'r');
  setInherited(fd, true);
  assert.doesNotMatch(await output(['-c', 'ls /proc/$$/fd']), new RegExp(`^${fd}$`, 'm'));
  closeSync(fd);
});

test('what Node ignores is at its default in the child', async () => {
  assert.match(await output(['-c', 'grep -E "SigIgn|SigBlk" /proc/self/status']), /SigBlk:\t0+\nSigIgn:\t0+\n/);
});

test('exit codes and signals; a child is reaped once', async () => {
  const nullFd = openSync('/dev/null', 'r+');
  const start = (script: string) =>
    spawnProgram({ file: '/bin/sh', args: ['-c', script], env: {}, fds: [nullFd, nullFd, nullFd] });
  const pid = start('exit 7');
  assert.deepEqual(await ended(pid), { code: 7, signal: 0 });
  assert.equal(reapChild(pid), 'gone');
  assert.deepEqual(await ended(start('kill -9 $$')), { code: 137, signal: 9 });
  const sleeper = start('sleep 100');
  const pidfd = openPidfd(sleeper);
  const gone = new Promise<void>((resolve) => {
    const watch = new FdWatch(pidfd, { readable: true }, () => {
      watch.close();
      resolve();
    });
  });
  assert.equal(signalPidfd(pidfd, 15), true);
  await gone;
  assert.deepEqual(reapChild(sleeper), { code: 143, signal: 15 });
  assert.equal(signalPidfd(pidfd, 15), false);
  closeSync(pidfd);
  closeSync(nullFd);
  assert.throws(
    () => openPidfd(sleeper),
    (error) => isKernelError(error, 'ESRCH'),
  );
});

test('a program that is not there, or is none', () => {
  assert.throws(
    () => spawnProgram({ file: '/nowhere/x', args: [], env: {}, fds: [0] }),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => spawnProgram({ file: '/etc/passwd', args: [], env: {}, fds: [0] }),
    (error) => isKernelError(error, 'EACCES'),
  );
  assert.throws(() => spawnProgram({ file: '/bin/true', args: ['a\0b'], env: {}, fds: [0] }), { kind: 'invalid' });
});

test('a sealed memory file can be executed and not be changed', async () => {
  const fd = openMemoryFile('echo');
  const content = readFileSync('/bin/echo');
  for (let offset = 0; offset < content.length;) offset += writeSync(fd, content, offset);
  sealMemoryFile(fd);
  assert.equal(await output(['from memory'], { file: `/proc/${process.pid}/fd/${fd}` }), 'from memory\n');
  assert.throws(() => writeSync(fd, 'x', 0), { code: 'EPERM' });
  closeSync(fd);
});

test('a non-blocking pipe reports EAGAIN', () => {
  const { readFd, writeFd } = openPipe({ nonBlockingRead: true });
  assert.throws(() => readSync(readFd, Buffer.alloc(1)), { code: 'EAGAIN' });
  writeSync(writeFd, 'x');
  assert.equal(readSync(readFd, Buffer.alloc(4)), 1);
  closeSync(writeFd);
  assert.equal(readSync(readFd, Buffer.alloc(4)), 0);
  closeSync(readFd);
});
