/** Testcontainers: networks, a PostgreSQL that is really asked, its ways to wait, and its reaper. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, test } from 'node:test';
import { prepareImages, writeImageArchive } from '../../demo/images.ts';
import { testEnvironment } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';
import { IMAGE_CACHE } from '../harness/walkthrough.ts';

const HERE = join(PROJECT, 'test/compat/testcontainers');
const PATIENCE_MS = 600_000;

let engine: TestEngine;
let postgresVersion: string;

before(async () => {
  const images = await prepareImages(IMAGE_CACHE, () => undefined);
  postgresVersion = images.postgresVersion;
  engine = await TestEngine.start();
  const load = engine.host.spawn('docker', ['-H', engine.url, 'load'], { stdio: ['pipe', 'ignore', 'inherit'] });
  const archive = new PassThrough();
  archive.pipe(load.stdin!);
  await Promise.all([writeImageArchive(images, archive), ended(load)]);
  // The reaper, as an image.
  engine.ok('create', '--name', 'making', 'training/webapp');
  engine.ok('cp', join(HERE, 'reaper.py'), 'making:/reaper.py');
  engine.ok(
    'commit',
    '-c',
    'CMD ["python3", "/reaper.py"]',
    '-c',
    'EXPOSE 8080',
    '-c',
    'LABEL org.testcontainers.ryuk=true',
    'making',
    'reaper:1',
  );
  engine.ok('rm', 'making');
});
after(() => engine?.destroy());

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => (child.exitCode === null ? child.once('close', resolve) : resolve(child.exitCode)));

function session(how: 'whole' | 'cut'): { readonly child: ChildProcess; readonly said: () => string } {
  const child = engine.host.spawn(process.execPath, [join(HERE, 'session.mjs'), how], {
    cwd: PROJECT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...testEnvironment(),
      HOME: engine.dir,
      TMPDIR: engine.dir, // of the lock that sessions of one user share
      DOCKER_HOST: engine.url,
      RYUK_CONTAINER_IMAGE: 'reaper:1',
      POSTGRES_VERSION: postgresVersion,
    },
  });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!])
    stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  return { child, said: () => text };
}

const networks = (): string => engine.ok('network', 'ls', '--format', '{{.Name}}').split('\n').sort().join();
const nothingIsLeft = (): Promise<void> =>
  until(
    'nothing is left of the session, not even its reaper',
    () => engine.ok('ps', '-aq') === '' && networks() === 'bridge,host,none' && engine.ok('volume', 'ls', '-q') === '',
    PATIENCE_MS,
  );

test('PostgreSQL by name over a network, files, commands, logs, ports and waits; nothing stays', async () => {
  const { child, said } = session('whole');
  await ended(child);
  assert.match(said(), /^whole$/m);
  await nothingIsLeft();
  assert.deepEqual(readdirSync(join(engine.execRoot, 'bundles')), []);
});

test('what a killed session leaves is removed by the reaper in its container', async () => {
  const { child, said } = session('cut');
  await until('the session has started', () => /^started$/m.test(said()) || child.exitCode !== null, PATIENCE_MS);
  assert.equal(child.exitCode, null, said());
  assert.equal(engine.ok('ps', '-q').split('\n').length, 3);
  child.kill('SIGKILL');
  await ended(child);
  await nothingIsLeft();
});
