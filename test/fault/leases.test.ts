/**
 * A process in a container holds leases on its own files and does not let go when somebody wants them: whoever opens
 * one waits in the kernel, 45 s by default. What is asked of that container waits for it, and nobody else does.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, afterEach, before, test } from 'node:test';
import { callApi } from '../harness/call-api.ts';
import { Lease } from '../harness/lease.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

const WITHIN_MS = 30_000; // shorter than the kernel waits before it breaks a lease by itself
const leases: Lease[] = [];
let engine: TestEngine;
let pid: number;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'db', 'busybox', 'sleep', '1000');
  engine.ok('run', '-d', '--name', 'web', '--link', 'db:database', '-v', 'volume:/volume', 'busybox', 'sleep', '1000');
  engine.ok(
    'exec',
    'web',
    'sh',
    '-c',
    'mkdir /dir; for place in /file /dir/a /dir/b /volume/file; do echo "text of $place" > $place; done',
  );
  pid = Number(engine.ok('inspect', '-f', '{{.State.Pid}}', 'web'));
});

after(() => engine?.destroy());
afterEach(async () => {
  for (const lease of leases.splice(0)) await lease.end();
});

/**
 * What the command prints when processes of the container keep these files until the API has answered somebody else.
 */
async function whileKept(paths: readonly string[], command: string): Promise<string> {
  for (const path of paths) leases.push(await Lease.take(path, pid));
  const child = engine.host.spawn('env', [`DOCKER_HOST=${engine.url}`, 'sh', '-c', command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout!.on('data', (data: Buffer) => (printed += data.toString()));
  const ended = once(child, 'close');
  await until('somebody wants the files', () => leases.every((lease) => lease.isBeingBroken), WITHIN_MS);
  assert.equal((await callApi(engine.socket, 'GET', '/_ping', undefined, WITHIN_MS)).status, 200);
  assert.equal(printed, '', 'it came although the file was kept');
  for (const lease of leases.splice(0)) await lease.end();
  await ended;
  return printed;
}

for (const path of ['/file', '/volume/file']) {
  test(`a copy of ${path}, which is kept by a lease, arrives when that ends, and the API answers others meanwhile`, async () => {
    assert.equal(await whileKept([path], `docker cp web:${path} - | tar -xO`), `text of ${path}\n`);
  });
}

test('so do its hosts file, a directory and the whole file system, of which several files are kept', async () => {
  assert.match(await whileKept(['/etc/hosts'], 'docker cp web:/etc/hosts - | tar -xO'), /\tdatabase /);
  assert.equal(
    await whileKept(['/dir/a', '/dir/b'], 'docker cp web:/dir - | tar -xO'),
    'text of /dir/a\ntext of /dir/b\n',
  );
  assert.equal(
    await whileKept(['/dir/a', '/file'], 'docker export web | tar -xO dir/a file'),
    'text of /dir/a\ntext of /file\n',
  );
});

test('a leased passwd file delays only lookups in that file', async () => {
  engine.ok('exec', 'web', 'sh', '-c', 'echo "someone:x:1234:1234::/:/bin/sh" > /etc/passwd');
  assert.equal(await whileKept(['/etc/passwd'], 'docker exec -u someone web id -u'), '1234\n');
});

test('what links to it starts while its hosts file is kept, and commit and diff take it as it is', async () => {
  for (const path of ['/etc/hosts', '/dir/a']) leases.push(await Lease.take(path, pid));
  engine.ok('stop', '-t', '0', 'db');
  engine.ok('run', '-d', '--name', 'thief', 'busybox', 'sleep', '1000');
  engine.ok('start', 'db');
  assert.match(engine.ok('diff', 'web'), /A \/dir\/a/);
  engine.ok('commit', '--pause=false', 'web', 'committed');
  assert.equal(engine.ok('run', '--rm', 'committed', 'cat', '/dir/a'), 'text of /dir/a');
});
