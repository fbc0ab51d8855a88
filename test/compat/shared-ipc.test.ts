import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(() => engine?.destroy());

test('containers that share IPC share /dev/shm, and it goes with its owner', { timeout: 120_000 }, () => {
  engine.ok('run', '-d', '--name', 'owner', '--ipc', 'shareable', '--shm-size', '8m', 'busybox', 'sleep', '300');
  engine.ok('run', '-d', '--name', 'guest', '--ipc', 'container:owner', 'busybox', 'sleep', '300');
  engine.ok('exec', 'owner', 'sh', '-c', 'echo hello > /dev/shm/note');
  assert.equal(engine.ok('exec', 'guest', 'cat', '/dev/shm/note'), 'hello');
  assert.match(engine.ok('exec', 'guest', 'df', '-k', '/dev/shm'), /\b8192\b/);
  engine.ok('rm', '-f', 'guest', 'owner');
  assert.equal(
    engine.host.run('nsenter', `--mount=/proc/${engine.pid}/ns/mnt`, 'ls', `${engine.execRoot}/shm`).out,
    '',
  );
});

test('a private /dev/shm cannot be joined', { timeout: 60_000 }, () => {
  engine.ok('run', '-d', '--name', 'private', 'busybox', 'sleep', '300');
  const refused = engine.docker('run', '--rm', '--ipc', 'container:private', 'busybox', 'true');
  assert.match(refused.err, /non-shareable IPC/);
});
