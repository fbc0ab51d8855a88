/** Credentials: kept by `login`, sent by `pull`, read from Docker's own file too, forgotten by `logout`. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { FakeEngine, refuse } from './fake-engine.ts';
import { runCausewayClient } from './run-client.ts';

let engine: FakeEngine;
let home: string;
before(async () => {
  home = mkdtempSync(join(tmpdir(), 'causeway-home-'));
  engine = await FakeEngine.start({
    'POST /auth': { Status: 'Login Succeeded', IdentityToken: '' },
    'POST /images/create': (_asked, response) => response.end('{"status":"done"}\n'),
  });
});
after(async () => {
  await engine.stop();
  rmSync(home, { recursive: true, force: true });
});

const run = (args: readonly string[], input?: string, env: NodeJS.ProcessEnv = {}) =>
  runCausewayClient(args, {
    host: engine.host,
    env: { HOME: home, ...env },
    ...(input === undefined ? {} : { input }),
  });
const sentAuth = () =>
  JSON.parse(
    Buffer.from(String(engine.calls('POST /images/create').at(-1)?.headers['x-registry-auth']), 'base64url').toString(),
  ) as object;

it('login keeps what the registry accepted, for its owner only', async () => {
  const outcome = await run(['login', '-u', 'me', '--password-stdin', 'localhost:5000'], 'secret\n');
  assert.equal(outcome.code, 0);
  assert.equal(outcome.stdout, '\nLogin Succeeded\n');
  assert.deepEqual(JSON.parse(engine.calls('POST /auth')[0]?.body ?? ''), {
    username: 'me',
    password: 'secret',
    serveraddress: 'localhost:5000',
  });
  const file = join(home, '.causeway/config.json');
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), {
    auths: { 'localhost:5000': { auth: Buffer.from('me:secret').toString('base64') } },
  });
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

it('pull sends them to that registry, and nothing to others', async () => {
  await run(['pull', '-q', 'localhost:5000/app']);
  assert.deepEqual(sentAuth(), { username: 'me', password: 'secret', serveraddress: 'localhost:5000' });
  await run(['pull', '-q', 'elsewhere.example/app']);
  assert.deepEqual(sentAuth(), {});
});

it("Docker's own file and its credential helpers are asked too", async () => {
  const bin = join(home, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'docker-credential-fake'),
    '#!/bin/sh\nread server; echo "{\\"Username\\":\\"from\\",\\"Secret\\":\\"$server\\"}"\n',
  );
  chmodSync(join(bin, 'docker-credential-fake'), 0o755);
  mkdirSync(join(home, '.docker'));
  writeFileSync(
    join(home, '.docker/config.json'),
    JSON.stringify({
      auths: { 'https://index.docker.io/v1/': { auth: Buffer.from('hub:word:with:colons').toString('base64') } },
      credHelpers: { 'helped.example': 'fake' },
    }),
  );
  const env = { PATH: `${bin}:${process.env['PATH']}` };
  await run(['pull', '-q', 'busybox'], undefined, env);
  assert.deepEqual(sentAuth(), {
    username: 'hub',
    password: 'word:with:colons',
    serveraddress: 'https://index.docker.io/v1/',
  });
  await run(['pull', '-q', 'helped.example/app'], undefined, env);
  assert.deepEqual(sentAuth(), { username: 'from', password: 'helped.example', serveraddress: 'helped.example' });
});

it('a refused login keeps nothing', async () => {
  engine.set('POST /auth', refuse(401, 'unauthorized: incorrect username or password'));
  const { code, stderr } = await run(['login', '-u', 'me', '-p', 'wrong', 'other.example']);
  assert.equal(code, 1);
  assert.match(stderr, /Error response from daemon: unauthorized: incorrect username or password/);
  assert.doesNotMatch(readFileSync(join(home, '.causeway/config.json'), 'utf8'), /other.example/);
});

it('logout forgets', async () => {
  const { stdout } = await run(['logout', 'localhost:5000']);
  assert.equal(stdout, 'Removing login credentials for localhost:5000\n');
  assert.deepEqual(JSON.parse(readFileSync(join(home, '.causeway/config.json'), 'utf8')), { auths: {} });
});

it('a credential helper is a name: what is a path is refused and not run', async () => {
  const place = mkdtempSync(join(home, 'elsewhere-'));
  const ran = join(place, 'ran');
  writeFileSync(join(place, 'program'), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  mkdirSync(join(place, 'docker-credential-x'));
  writeFileSync(join(place, 'config.json'), JSON.stringify({ credHelpers: { 'paths.example': 'x/../program' } }));
  // As in a directory that somebody else has made, a clone of a repository.
  const { code, stderr } = await run(['pull', 'paths.example/x'], undefined, { DOCKER_CONFIG: place, PWD: place });
  assert.match(stderr, /"x\/\.\.\/program" is no name of a credential helper/);
  assert.equal(code, 1);
  assert.throws(() => statSync(ran));
});
