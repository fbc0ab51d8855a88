/**
 * A daemon that starts is in the mount namespace that its containers' monitors hold, whatever became of its files, and
 * in nobody else's.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { kill, processIds, processName } from '../../src/kernel/process.ts';
import { SIGKILL } from '../../src/oci/signals.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const namespaceOf = (pid: number | string): string => readlinkSync(`/proc/${pid}/ns/mnt`);
const holds = (pid: number, namespace: string): boolean => {
  try {
    return namespaceOf(pid) === namespace;
  } catch {
    return false; // it has ended
  }
};
const serves = (engine: TestEngine): string =>
  engine.host.run('curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '5', 'http://127.0.0.1:8085/')
    .out;

/** Small files directly in the exec root, but what says which process holds it. */
const filesOf = (engine: TestEngine): string[] =>
  readdirSync(engine.execRoot)
    .filter((name) => name !== 'causeway.pid')
    .map((name) => join(engine.execRoot, name))
    .filter((path) => statSync(path).isFile());

test(
  'containers keep their networks when files in the exec root are emptied, zeroed, cut or gone while no daemon runs',
  { timeout: 120_000 },
  async () => {
    const engine = await TestEngine.start();
    try {
      engine.importFixtures();
      engine.ok('run', '-d', '--name', 'holder', '-p', '8085:80', 'nginx');
      const before = namespaceOf(engine.pid);
      const damages: ((path: string) => void)[] = [
        (path) => writeFileSync(path, ''),
        (path) => writeFileSync(path, Buffer.alloc(statSync(path).size || 64)),
        (path) => rmSync(path),
      ];
      writeFileSync(`/proc/${engine.pid}/root${engine.execRoot}/mounts/id`, '9f1b7f0e-0c0d-4f3a-8f2e-1a2b3c4d5e6f'); // as daemons wrote it at first
      for (const [index, damage] of damages.entries()) {
        await engine.stop(index % 2 ? 'SIGTERM' : 'SIGKILL');
        for (const path of filesOf(engine)) damage(path);
        await engine.boot();
        assert.equal(namespaceOf(engine.pid), before);
        assert.equal(serves(engine), '200');
        assert.match(engine.ok('ps'), /8085->80\/tcp/);
        assert.match(engine.ok('exec', 'holder', 'ifconfig'), /eth0/);
      }
    } finally {
      await engine.destroy();
    }
  },
);

test(
  'the namespace is found through an exec root whose path has an absolute link in it',
  { timeout: 120_000 },
  async () => {
    const engine = await TestEngine.start();
    const link = join(engine.dir, 'link');
    try {
      engine.importFixtures();
      engine.ok('run', '-d', '--name', 'holder', '-p', '8085:80', 'nginx');
      const before = namespaceOf(engine.pid);
      await engine.stop('SIGKILL');
      symlinkSync(engine.dir, link);
      await engine.boot(['--exec-root', join(link, 'exec')]);
      assert.equal(namespaceOf(engine.pid), before);
      assert.equal(serves(engine), '200');
    } finally {
      await engine.destroy();
    }
  },
);

test(
  'a daemon enters no copy of its earlier namespace, and none that a user has made to look like it',
  { timeout: 120_000 },
  async () => {
    const engine = await TestEngine.start();
    const own = namespaceOf('self');
    const before = namespaceOf(engine.pid);
    const strangers: ReturnType<typeof spawn>[] = [];
    try {
      // What a runtime that is making a container is in.
      strangers.push(
        spawn('nsenter', [`--mount=/proc/${engine.pid}/ns/mnt`, 'unshare', '--mount', 'sleep', '300'], {
          stdio: 'ignore',
        }),
      );
      const mounts = join(engine.execRoot, 'mounts');
      chmodSync(engine.dir, 0o755);
      const forged = `mount -t tmpfs x ${mounts} && printf %s "$(readlink /proc/self/ns/mnt)" > ${mounts}/id && exec sleep 300`;
      strangers.push(
        spawn('unshare', ['--user', '--map-root-user', '--mount', 'sh', '-c', forged], {
          stdio: 'ignore',
          uid: 65534,
          gid: 65534,
        }),
      );
      for (const { pid } of strangers)
        await until(
          'the stranger sleeps in a namespace of its own',
          () => ![own, before].includes(namespaceOf(pid!)) && processName(pid!) === 'sleep',
        );
      await engine.stop('SIGKILL');
      await until('nobody holds the true one', () => {
        const left = processIds().filter((pid) => holds(pid, before));
        for (const pid of left) kill(pid, SIGKILL);
        return left.length === 0;
      });
      await engine.boot();
      for (const namespace of [own, ...strangers.map(({ pid }) => namespaceOf(pid!))])
        assert.notEqual(namespaceOf(engine.pid), namespace);
    } finally {
      for (const stranger of strangers) stranger.kill();
      await engine.destroy();
    }
  },
);

test(
  'a start that cannot tell whether a namespace is its own ends with a sentence, and leaves the containers as they are',
  { timeout: 120_000 },
  async () => {
    const engine = await TestEngine.start();
    try {
      engine.importFixtures();
      engine.ok('run', '-d', '--name', 'holder', '-p', '8085:80', 'nginx');
      const id = `/proc/${engine.pid}/root${engine.execRoot}/mounts/id`;
      rmSync(id);
      mkdirSync(id); // reading it fails with something else than "there is none"
      await engine.stop('SIGKILL');
      await assert.rejects(
        engine.boot(),
        /failed to start daemon: whether containers of an earlier daemon run in its mount namespace cannot be told \(.*\); .*start the daemon again/,
      );
      assert.equal(serves(engine), '200');
    } finally {
      await engine.destroy();
    }
  },
);
