import assert from 'node:assert/strict';
import { readFileSync, readSync, writeSync } from 'node:fs';
import test from 'node:test';
import { closeFd } from '../../src/kernel/descriptors.ts';
import { isKernelError } from '../../src/kernel/errors.ts';
import { FdWatch } from '../../src/kernel/fd-watch.ts';
import { copyForeignDescriptors } from '../../src/kernel/foreign-descriptor.ts';
import { LinkReaper } from '../../src/kernel/netlink/link-reaper.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { openMemoryFile, openPidfd, openPipe, reapChild, sealMemoryFile, signalPidfd, spawnProgram, type ChildStatus } from '../../src/kernel/spawn.ts';
import { eventually, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();
const shell = (script: string, fds: readonly number[], cwd?: string) =>
  spawnProgram({ file: '/bin/sh', args: ['-c', script], env: { A: 'b c' }, fds, ...(cwd === undefined ? {} : { cwd }) });
const ended = (pid: number) => eventually(() => reapChild(pid) as ChildStatus | undefined);

function readAll(fd: number): string {
  const chunks: Buffer[] = [];
  const buffer = Buffer.alloc(4096);
  for (let size = readSync(fd, buffer); size > 0; size = readSync(fd, buffer)) chunks.push(Buffer.from(buffer.subarray(0, size)));
  return Buffer.concat(chunks).toString();
}

test('a program gets its descriptors, its environment, its directory, and nothing else', async () => {
  const { readFd, writeFd } = openPipe();
  const pid = shell(`echo "$A $HOME"; pwd; test -e /proc/$$/fd/${readFd} || grep SigIgn /proc/$$/status; exit 7`, [0, writeFd, 2], directory);
  closeFd(writeFd);
  const [variables, cwd, rest] = readAll(readFd).split('\n');
  assert.equal(variables, 'b c ');
  assert.equal(cwd, directory);
  assert.match(rest!, /^SigIgn:\s*0+$/);
  assert.deepEqual(await ended(pid), { code: 7, signal: 0 });
  assert.equal(reapChild(pid), 'gone');
  closeFd(readFd);
});

test('descriptors that sit where others are to be put are not lost', async () => {
  const one = openPipe();
  const two = openPipe();
  // Positions 3 and 4 swapped: each sits where the other one goes.
  const low = [one.writeFd, two.writeFd].sort((a, b) => a - b);
  const fds = [0, 2, 2, ...Array.from({ length: 40 }, (_, index) => (index + 3 === low[0] ? low[1]! : index + 3 === low[1] ? low[0]! : 2))];
  const pid = shell(`echo first >/proc/self/fd/${low[0]}; echo second >/proc/self/fd/${low[1]}`, fds);
  await ended(pid);
  for (const fd of low) closeFd(fd);
  const [first, second] = low[0] === one.writeFd ? [two, one] : [one, two];
  assert.equal(readAll(first.readFd), 'first\n');
  assert.equal(readAll(second.readFd), 'second\n');
  for (const { readFd } of [one, two]) closeFd(readFd);
});

test('signals, pidfds, programs that are not there', async () => {
  const pid = spawnProgram({ file: '/bin/sleep', args: ['30'], env: {}, fds: [0, 1, 2] });
  const pidfd = openPidfd(pid);
  let readable = false;
  const watch = new FdWatch(pidfd, { readable: true }, () => {
    readable = true;
    watch.close();
  });
  assert.equal(reapChild(pid), undefined);
  assert.equal(signalPidfd(pidfd, 9), true);
  await eventually(() => readable);
  assert.deepEqual(reapChild(pid), { code: 137, signal: 9 });
  assert.equal(signalPidfd(pidfd, 9), false);
  closeFd(pidfd);
  assert.throws(() => openPidfd(pid), (error) => isKernelError(error, 'ESRCH'));
  assert.throws(() => spawnProgram({ file: '/no/such', args: [], env: {}, fds: [0, 1, 2] }), (error) => isKernelError(error, 'ENOENT'));
  assert.throws(() => spawnProgram({ file: directory, args: [], env: {}, fds: [0, 1, 2] }), (error) => isKernelError(error, 'EACCES'));
});

test('a sealed memory file can be read and not written', () => {
  const fd = openMemoryFile('test');
  const path = `/proc/self/fd/${fd}`;
  writeSync(fd, 'text');
  sealMemoryFile(fd);
  assert.equal(readFileSync(path, 'utf8'), 'text');
  assert.throws(() => writeSync(fd, 'more'), { code: 'EPERM' });
  closeFd(fd);
});

test('a descriptor of another process, copied while it runs', async () => {
  const { readFd, writeFd } = openPipe();
  const pid = spawnProgram({ file: '/bin/sleep', args: ['30'], env: {}, fds: [0, 2, 2, writeFd] });
  closeFd(writeFd);
  const [copy] = copyForeignDescriptors(pid, [3]);
  writeSync(copy!, 'through it');
  closeFd(copy!);
  assert.throws(() => copyForeignDescriptors(pid, [0, 99]), (error) => isKernelError(error, 'EBADF'));
  process.kill(pid, 9);
  await ended(pid);
  assert.equal(readAll(readFd), 'through it');
  closeFd(readFd);
  assert.throws(() => copyForeignDescriptors(pid, [0]), (error) => isKernelError(error, 'ESRCH'));
});

test('links are deleted together, aside; what is absent is fine', async () => {
  const netns = throwawayNetns(directory);
  const routes = RouteSocket.open(netns);
  const reaper = LinkReaper.open(netns);
  routes.addBridge('keep');
  for (let index = 0; index < 10; index++) routes.addVeth({ name: `v${index}`, peerName: `p${index}` });
  await Promise.all([...Array.from({ length: 10 }, (_, index) => reaper.delete(`v${index}`)), reaper.delete('absent')]);
  assert.deepEqual(routes.links().map(({ name }) => name), ['lo', 'keep']);
  await reaper.delete('keep');
  assert.equal(routes.link('keep'), undefined);
  reaper.close();
  routes.close();
});
