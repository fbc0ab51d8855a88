/** The real docker client against the wire. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { serve } from './serve.ts';

function hasDocker(): boolean {
  try {
    execFileSync('docker', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const options = hasDocker() ? {} : { skip: 'there is no docker client here' };

test('negotiates, and shows version and info', options, async (t) => {
  const { docker } = await serve(t);
  const version = await docker([
    'version',
    '--format',
    '{{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Server.Version}}',
  ]);
  assert.equal(version.stdout.trim(), '1.55 1.24 0.1.0', version.stderr);
  const whole = await docker(['version']);
  assert.match(whole.stdout, /API version: {6}1\.55 \(minimum version 1\.24\)/);
  const info = await docker(['info']);
  assert.equal(info.code, 0, info.stderr);
  assert.match(info.stdout, /Operating System: Debian/);
  assert.match(info.stdout, /Swarm: inactive/);
  const old = await docker(['ps'], { env: { DOCKER_API_VERSION: '1.23' } });
  assert.match(old.stderr, /client version 1\.23 is too old\. Minimum supported API version is 1\.24/);
});

test('runs a container with its streams and exit code', options, async (t) => {
  const { docker } = await serve(t);
  const ran = await docker(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
  assert.deepEqual(ran, { code: 3, stdout: 'out\n', stderr: 'err\n' });
  const piped = await docker(['run', '-i', '--rm', 'busybox', 'cat'], { input: 'through and through\n' });
  assert.deepEqual(piped, { code: 0, stdout: 'through and through\n', stderr: '' });
  const many = await docker(['run', '-i', '--rm', 'busybox', 'sh', '-c', 'wc -c'], { input: 'x'.repeat(3_000_000) });
  assert.equal(many.stdout.trim(), '3000000');
});

test('older API versions', options, async (t) => {
  const { docker } = await serve(t);
  for (const version of ['1.24', '1.30', '1.41', '1.43', '1.47']) {
    const env = { DOCKER_API_VERSION: version };
    const ran = await docker(['run', '-i', '--name', 'c', 'busybox', 'sh', '-c', 'cat; exit 3'], {
      input: 'hi\n',
      env,
    });
    assert.deepEqual(ran, { code: 3, stdout: 'hi\n', stderr: '' }, version);
    assert.match((await docker(['ps', '-a', '--format', '{{.Names}} {{.Status}}'], { env })).stdout, /^c Exited \(3\)/);
    assert.equal((await docker(['inspect', '-f', '{{.Name}} {{.State.ExitCode}}', 'c'], { env })).stdout, '/c 3\n');
    assert.equal((await docker(['logs', 'c'], { env })).stdout, 'hi\n');
    assert.equal((await docker(['rm', 'c'], { env })).code, 0);
  }
});

test('detached, listed, inspected, attached, stopped, removed', options, async (t) => {
  const { docker } = await serve(t);
  const started = await docker([
    'run',
    '-d',
    '--name',
    'web',
    '-p',
    '8080:80',
    'busybox',
    'sh',
    '-c',
    'echo hello; exec sleep 60',
  ]);
  assert.match(started.stdout, /^[0-9a-f]{64}\n$/, started.stderr);
  const listed = await docker(['ps', '--format', '{{.Names}}|{{.Image}}|{{.Command}}|{{.Status}}|{{.Ports}}']);
  assert.match(
    listed.stdout,
    /^web\|busybox\|"sh -c 'echo hello; …"\|Up (Less than a second|1 second|\d seconds)\|0\.0\.0\.0:8080->80\/tcp\n$/,
  );
  const inspected = await docker([
    'inspect',
    '-f',
    '{{.State.Running}} {{.NetworkSettings.IPAddress}} {{.HostConfig.NetworkMode}} {{.Config.Image}}',
    'web',
  ]);
  assert.equal(inspected.stdout, 'true 172.17.0.2 bridge busybox\n', inspected.stderr);
  assert.equal((await docker(['port', 'web'])).stdout, '80/tcp -> 0.0.0.0:8080\n');
  assert.equal((await docker(['logs', 'web'])).stdout, 'hello\n');
  assert.equal((await docker(['exec', 'web', 'sh', '-c', 'echo in; exit 4'])).code, 4);
  const missing = await docker(['exec', 'web', 'no-such-program']);
  assert.equal(missing.code, 127);
  assert.match(missing.stdout, /executable file not found in \$PATH/);
  const cat = await docker(['exec', '-i', 'web', 'cat'], { input: 'exec input' });
  assert.equal(cat.stdout, 'exec input');
  assert.equal(
    (await docker(['network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}', 'bridge']))
      .stdout,
    'web 172.17.0.2/16\n',
  );
  assert.equal((await docker(['stop', '-t', '1', 'web'])).stdout, 'web\n');
  assert.match((await docker(['ps', '-a', '--format', '{{.Status}}'])).stdout, /^Exited \(137\) /);
  assert.equal((await docker(['rm', 'web'])).stdout, 'web\n');
  assert.match((await docker(['inspect', 'web'])).stderr, /No such object: web/);
});

test('refuses what contradicts itself', options, async (t) => {
  const { docker, backend } = await serve(t);
  const refuse = async (flags: readonly string[], sentence: string) => {
    const ran = await docker(['run', '--rm', ...flags, 'busybox', 'true']);
    assert.equal(ran.code, 125);
    assert.ok(ran.stderr.includes(`Error response from daemon: ${sentence}`), ran.stderr);
  };
  await refuse(
    ['--network', 'container:base', '-p', '80:80'],
    'conflicting options: port publishing and the container type network mode',
  );
  await refuse(
    ['--network', 'container:base', '--add-host', 'a:1.2.3.4'],
    'conflicting options: custom host-to-IP mapping and the network mode',
  );
  await refuse(
    ['--network', 'host', '--link', 'a:b'],
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  );
  await refuse(['-m', '4m'], 'Minimum memory limit allowed is 6MB');
  assert.equal(backend.specs.length, 0);
  const warned = await docker(['create', '--network', 'host', '-p', '80:80', 'busybox', 'true']);
  assert.match(warned.stderr, /WARNING: Published ports are discarded when using host network mode/);
});

test('system prune ends well, and what is not built is refused in words', options, async (t) => {
  const { docker, call } = await serve(t);
  for (const args of [
    ['system', 'prune', '-f'],
    ['system', 'prune', '-af', '--volumes'],
    ['builder', 'prune', '-f'],
  ]) {
    const pruned = await docker(args);
    assert.equal(pruned.code, 0, pruned.stderr);
    assert.match(pruned.stdout, /Total.*0B/);
  }
  const search = await docker(['search', 'busybox']);
  assert.match(
    search.stderr,
    /^Error response from daemon: This engine does not search registries: .* pull them by name/,
  );
  const build = await docker(['build', '-'], { input: 'FROM busybox\n', env: { DOCKER_BUILDKIT: '0' } });
  assert.match(build.stdout, /^Step 1\/1 : FROM busybox\n ---> [0-9a-f]{12}\nSuccessfully built [0-9a-f]{12}$/m);
  // They are for connections that become HTTP/2.
  for (const route of ['/session', '/grpc']) assert.equal((await call('POST', route)).status, 400);
});

test('pull, images, history, networks, volumes, cp', options, async (t) => {
  const { docker, backend } = await serve(t);
  assert.match((await docker(['pull', 'busybox'])).stdout, /Status: Downloaded newer image for busybox:latest/);
  assert.match((await docker(['pull', 'broken'])).stderr, /unexpected EOF/);
  assert.match((await docker(['pull', 'missing'])).stderr, /pull access denied for missing:latest/);
  assert.match((await docker(['images'])).stdout, /busybox +latest +a{12} .* 4\.26MB/);
  assert.match((await docker(['history', 'busybox'])).stdout, /import +4\.26MB +Imported from -/);
  assert.match((await docker(['network', 'create', 'front'])).stdout, /^[0-9a-f]{64}\n$/);
  assert.match((await docker(['network', 'ls'])).stdout, /front +bridge +local/);
  assert.equal((await docker(['network', 'rm', 'front'])).stdout, 'front\n');
  assert.equal((await docker(['volume', 'create', 'data'])).stdout, 'data\n');
  assert.equal(
    (await docker(['volume', 'inspect', '-f', '{{.CreatedAt}} {{.Mountpoint}}', 'data'])).stdout,
    '2025-01-01T00:00:00Z /v/data\n',
  );
  assert.match((await docker(['system', 'df'])).stdout, /Images +1 +0 +4\.262MB/);
  assert.match((await docker(['stack', 'ls'])).stderr, /This node is not a swarm manager/);
  assert.match((await docker(['import', '-', 'mine:1'], { input: 'tar' })).stdout, /^sha256:a{64}\n$/);
  assert.ok(
    backend.calls.includes('import 3 {"ref":"mine:1","message":"Imported from -","changes":[],"platform":""}'),
    backend.calls.join('\n'),
  );
});
