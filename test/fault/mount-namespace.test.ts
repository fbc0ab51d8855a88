import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

const namespaceOf = (pid: number | string): string => readlinkSync(`/proc/${pid}/ns/mnt`);

test("a daemon never enters a stranger's mount namespace that has the number of its own earlier one", { timeout: 120_000 }, async () => {
  const engine = await TestEngine.start();
  const stranger = spawn('unshare', ['--mount', 'sleep', '300'], { stdio: 'ignore' });
  try {
    const own = namespaceOf('self');
    await until('the stranger is in a namespace of its own', () => namespaceOf(stranger.pid!) !== own);
    await engine.stop('SIGKILL');
    const path = join(engine.execRoot, 'mount-namespace');
    const note = JSON.parse(readFileSync(path, 'utf8')) as { namespace: string; id: string };
    // What the kernel does when it gives the number of a namespace that is gone to a new one.
    writeFileSync(path, JSON.stringify({ ...note, namespace: namespaceOf(stranger.pid!) }));
    await engine.boot();
    assert.notEqual(namespaceOf(engine.pid), namespaceOf(stranger.pid!));
    assert.notEqual(namespaceOf(engine.pid), own, 'and it is not in that of the machine either');
  } finally {
    stranger.kill();
    await engine.destroy();
  }
});

test('a daemon that is started again is in the namespace that its containers\' monitors hold', { timeout: 120_000 }, async () => {
  const engine = await TestEngine.start();
  try {
    engine.importFixtures();
    engine.ok('run', '-d', '--name', 'holder', 'busybox', 'sleep', '300');
    const before = namespaceOf(engine.pid);
    await engine.restart('SIGKILL');
    assert.equal(namespaceOf(engine.pid), before);
    assert.equal(engine.ok('exec', 'holder', 'echo', 'here'), 'here');
  } finally {
    await engine.destroy();
  }
});
