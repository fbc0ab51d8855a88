/**
 * What lies beside a container's files and in the directory of its run is damaged when a daemon starts. None of it is
 * what the container's network is made of: its address stays, its traffic goes on, and its files follow the next change
 * of what it links to.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
let id: string;
let address: string;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('network', 'create', 'net');
  engine.ok('run', '-d', '--name', 'db', 'nginx');
  id = engine.ok('run', '-d', '--name', 'web', '-p', '8080:80', '--link', 'db:database', 'nginx');
  engine.ok('network', 'connect', 'net', 'web');
  engine.ok('rename', 'db', 'db2'); // the note beside its hosts file is written
  engine.ok('rename', 'db2', 'db');
  address = addressOf('web');
});

after(() => engine?.destroy());

const addressOf = (name: string): string =>
  engine.ok(
    'inspect',
    '-f',
    '{{.State.Status}} {{.State.Pid}} {{.NetworkSettings.Networks.bridge.IPAddress}} {{.NetworkSettings.Networks.net.IPAddress}}',
    name,
  );

/** The plain files of the container, by the directory that has them; its log is its output and none of these. */
function filesOf(): string[] {
  const beside = [
    join(engine.dataRoot, 'containers', id),
    join(engine.execRoot, 'bundles', id),
    join(engine.execRoot, 'oci/runtimes/crun', id),
  ];
  const plain = beside.flatMap((directory) =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.log'))
      .map(({ name }) => join(directory, name)),
  );
  return [
    ...plain,
    join(engine.execRoot, 'oci/containers', `${id}.json`),
    join(engine.execRoot, 'dns.log'),
    join(engine.execRoot, 'causeway.pid'),
    join(engine.dataRoot, 'daemon.pid'),
  ];
}

/** Daemons that die, each file damaged while there is none, and as it was for the next. */
async function damaged(files: readonly string[], damage: (file: string) => void): Promise<void> {
  for (const file of files) {
    const good = readFileSync(file);
    await engine.stop('SIGKILL');
    damage(file);
    try {
      await engine.boot();
      assert.equal(addressOf('web'), address, `${file}\n${engine.log.slice(-1500)}`);
      assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);
    } finally {
      await engine.stop('SIGKILL');
      if (!statSync(file).isFile()) rmSync(file, { recursive: true }); // otherwise it stays the file that is mounted in the container
      writeFileSync(file, good);
    }
  }
  await engine.boot();
}

test('each file of a container that runs is damaged in turn: it keeps its addresses and its traffic', async () => {
  const files = filesOf();
  assert.ok(
    files.some((file) => file.endsWith('/hosts.rendered')) && files.some((file) => file.endsWith('/config.json')),
    files.join('\n'),
  );
  await damaged(files, (path) => writeFileSync(path, '{damaged'));
});

describe('the note of what was last written to a hosts file is named in the log, and costs nothing, when it is', () => {
  const DAMAGES: Readonly<Record<string, (file: string) => void>> = {
    'cut off': (file) => writeFileSync(file, readFileSync(file, 'utf8').slice(0, -1)),
    'something else': (file) => writeFileSync(file, '{"a":1}'),
    'a list of something else': (file) => writeFileSync(file, '["text", 5]'),
  };
  const note = (): string => join(engine.dataRoot, 'containers', id, 'hosts.rendered');
  for (const [what, damage] of Object.entries(DAMAGES)) {
    test(what, async () => {
      const logged = engine.log.length;
      await damaged([note()], damage);
      assert.ok(engine.log.slice(logged).includes(note()), engine.log.slice(logged));
    });
  }

  test('a directory, or a pipe without a writer', async () => {
    await damaged([note()], (file) => (rmSync(file), mkdirSync(file)));
    await damaged([note()], (file) => (rmSync(file), execFileSync('mkfifo', [file])));
  });
});

test('and its hosts file follows what it links to', () => {
  engine.ok('rename', 'db', 'other');
  assert.match(engine.ok('exec', 'web', 'cat', '/etc/hosts'), /\tdatabase \w+ other\n/);
});
