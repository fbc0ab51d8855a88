/** Files that the command line reads: nothing in their place makes it wait for ever, or read without end. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFile, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { after, before, describe, it } from 'node:test';
import { FakeEngine } from './fake-engine.ts';
import { runCausewayClient } from './run-client.ts';

const PLACED = {
  fifo: (path: string) => execFileSync('mkfifo', [path]),
  device: (path: string) => symlinkSync('/dev/zero', path),
  loop: (path: string) => symlinkSync(path, path),
  endless: (path: string) => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 40);
  },
} as const;

describe('files that the command line reads', () => {
  let engine: FakeEngine;
  let directory: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'causeway-files-'));
    engine = await FakeEngine.start({
      'GET /containers/json': [],
      'POST /containers/create': { Id: 'a'.repeat(64), Warnings: [] },
      'POST /images/create': {},
    });
  });
  after(async () => {
    await engine.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const causeway = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    runCausewayClient(args, {
      env: { DOCKER_CONFIG: directory, DOCKER_HOST: engine.host, DOCKER_CONTEXT: '', ...env },
    });

  /** What the engine was asked to create with. */
  const created = (): { Env?: string[]; Labels?: Record<string, string> } =>
    JSON.parse(engine.calls('POST /containers/create').at(-1)!.body);

  it('a context whose file is none is left out of the list, and refused by its name', async () => {
    const meta = (name: string) => {
      const place = join(directory, 'contexts/meta', createHash('sha256').update(name).digest('hex'));
      mkdirSync(place, { recursive: true });
      return join(place, 'meta.json');
    };
    writeFileSync(meta('good'), JSON.stringify({ Name: 'good', Endpoints: { docker: { Host: engine.host } } }));
    for (const [name, place] of Object.entries(PLACED)) place(meta(name));
    assert.equal((await causeway(['context', 'ls', '-q'])).stdout, 'default\ngood\n');
    for (const [name, reason] of [
      ['fifo', /meta\.json is not a regular file/],
      ['device', /meta\.json is not a regular file/],
      ['loop', /ELOOP/],
      ['endless', /meta\.json is larger than \d+ bytes/],
    ] as const) {
      const { code, stderr } = await causeway(['--context', name, 'ps'], { DOCKER_HOST: '' });
      assert.equal(code, 1, name);
      assert.match(stderr, reason);
    }
  });

  it('a configuration file that is none is named', async () => {
    for (const name of ['fifo', 'device', 'endless'] as const) {
      const own = join(directory, `own-${name}`);
      mkdirSync(own);
      PLACED[name](join(own, 'config.json'));
      const { code, stderr } = await causeway(['pull', 'busybox'], { CAUSEWAY_CONFIG: own });
      assert.equal(code, 1, name);
      assert.match(stderr, /config\.json is (not a regular file|larger than \d+ bytes)/);
    }
  });

  it('variables and labels come from files, from standard input and from pipes of the shell', async () => {
    writeFileSync(join(directory, 'vars'), 'A=1\n');
    await causeway([
      'create',
      '--env-file',
      join(directory, 'vars'),
      '--label-file',
      join(directory, 'vars'),
      'busybox',
    ]);
    assert.deepEqual([created().Env, created().Labels], [['A=1'], { A: '1' }]);
    const cli = [process.execPath, '--', join(import.meta.dirname, '../../dist/cli.cjs')];
    const env = { ...process.env, DOCKER_CONFIG: directory, DOCKER_HOST: engine.host, CAUSEWAY_HOST: '' };
    const piped = `printf 'B=2\\n' | "$@" create --env-file /dev/stdin busybox`;
    await promisify(execFile)('sh', ['-c', piped, 'sh', ...cli], { env });
    assert.deepEqual(created().Env, ['B=2']);
    const fifo = join(directory, 'pipe');
    PLACED.fifo(fifo);
    const [ran] = await Promise.all([
      causeway(['create', '--env-file', fifo, 'busybox']),
      new Promise<void>((resolve, reject) =>
        writeFile(fifo, `C=${'3'.repeat(100_000)}\nD=4\n`, (error) => (error ? reject(error) : resolve())),
      ),
    ]);
    assert.equal(ran.stderr, '');
    assert.deepEqual(created().Env, [`C=${'3'.repeat(100_000)}`, 'D=4']);
  });

  it('files of variables without an end are refused', async () => {
    PLACED.endless(join(directory, 'endless'));
    for (const path of ['/dev/zero', join(directory, 'endless')]) {
      for (const flag of ['--env-file', '--label-file']) {
        const { code, stderr } = await causeway(['create', flag, path, 'busybox']);
        assert.equal(code, 125, path);
        assert.match(stderr, /invalid env file \(\S+\): \S+ is larger than \d+ bytes/);
      }
    }
  });

  it('TLS for a socket of this machine needs an authority, as in Docker, and is not silently left out', async () => {
    for (const [args, env] of [
      [['--tlsverify'], {}],
      [['--tls'], {}],
      [[], { DOCKER_TLS_VERIFY: '1' }],
    ] as const) {
      const { code, stderr } = await causeway([...args, 'ps'], env);
      assert.deepEqual(
        [code, stderr],
        [
          1,
          `Failed to initialize: unable to resolve docker endpoint: open ${join(directory, 'ca.pem')}: no such file or directory\n`,
        ],
      );
    }
    writeFileSync(join(directory, 'ca.pem'), '');
    assert.equal((await causeway(['--tlsverify', 'ps'])).code, 0);
  });
});
