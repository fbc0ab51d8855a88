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

test('namespaces of a missing container are refused at create; those of another are joined by its id', () => {
  engine.ok('create', '--name', 'donor', '--ipc', 'shareable', 'busybox', 'true');
  for (const kind of ['--ipc', '--pid']) {
    const refused = engine.docker('create', kind, 'container:missing', 'busybox', 'true');
    assert.match(refused.err, /^Error response from daemon: No such container: missing$/m);
  }
  engine.ok('create', '--name', 'joining', '--ipc', 'container:donor', '--pid', 'container:donor', 'busybox', 'true');
  const mode = `container:${engine.ok('inspect', '-f', '{{.Id}}', 'donor')}`;
  const shown = engine.ok('inspect', '-f', '{{.HostConfig.IpcMode}} {{.HostConfig.PidMode}}', 'joining');
  assert.equal(shown, `${mode} ${mode}`);
});

test('a private /dev/shm cannot be joined', { timeout: 60_000 }, () => {
  engine.ok('run', '-d', '--name', 'private', 'busybox', 'sleep', '300');
  const refused = engine.docker('run', '--rm', '--ipc', 'container:private', 'busybox', 'true');
  assert.match(refused.err, /non-shareable IPC/);
});
