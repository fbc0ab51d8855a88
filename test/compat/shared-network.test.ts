/**
 * Containers that live in another one's network: a restart of it is not seen by them nor by those who talk to them, a
 * stop takes the network and a start brings it back, and whatever happens to the daemon changes none of that.
 */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { readdirSync, rmSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
const docker = (...args: string[]): string => engine.ok(...args);
const addresses = (name: string): string =>
  docker('exec', name, 'ip', '-o', '-4', 'addr')
    .split('\n')
    .map((line) => line.split(/\s+/)[3])
    .join(' ');
const status = (name: string): string => docker('ps', '--filter', `name=^${name}$`, '--format', '{{.Status}}');
const namespaces = (): number => readdirSync(join(engine.execRoot, 'netns')).length;
const get = (url: string): string => engine.host.run('curl', '-s', '--max-time', '2', url).out;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  docker('network', 'create', '--subnet', '10.80.0.0/24', 'net');
});
after(() => engine?.destroy());
afterEach(() => void engine.shell('docker rm -f $(docker ps -aq)'));

/**
 * `owner` publishes a port that `web`, which shares its network, serves; `client` is a neighbour, `nested` shares from
 * the one that shares.
 */
function cast(...flags: string[]): void {
  docker(
    'run',
    '-d',
    '--name',
    'owner',
    '--network',
    'net',
    '--network-alias',
    'site',
    '-p',
    '8090:80',
    ...flags,
    'busybox',
    'sleep',
    '100000',
  );
  docker(
    'run',
    '-d',
    '--name',
    'web',
    '--network',
    'container:owner',
    'busybox',
    'sh',
    '-c',
    'mkdir /www; echo here > /www/index.html; exec httpd -f -p 80 -h /www',
  );
  docker('run', '-d', '--name', 'nested', '--network', 'container:web', 'busybox', 'sleep', '100000');
  docker('run', '-d', '--name', 'client', '--network', 'net', 'busybox', 'sleep', '100000');
}

/** Asks by name and by the published port all the while; gives every answer. */
async function askDuring(work: () => void | Promise<void>): Promise<string[]> {
  const loop = 'while [ ! -e /tmp/enough ]; do wget -qO- http://site/ || echo failed; done';
  const inside = engine.host.spawn(
    'env',
    [`DOCKER_HOST=${engine.url}`, 'docker', 'exec', 'client', 'sh', '-c', `rm -f /tmp/enough; ${loop}`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const outside = engine.host.spawn(
    'sh',
    ['-c', 'while :; do curl -s --max-time 2 http://127.0.0.1:8090/ || echo failed; done'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const heard: string[] = [];
  const counts = { inside: 0, outside: 0 };
  inside.stdout!.on('data', (chunk: Buffer) => (counts.inside++, heard.push(...String(chunk).trim().split('\n'))));
  outside.stdout!.on('data', (chunk: Buffer) => (counts.outside++, heard.push(...String(chunk).trim().split('\n'))));
  const more = async (): Promise<void> => {
    const { inside: a, outside: b } = counts;
    await until('both have been answered again', () => counts.inside > a + 2 && counts.outside > b + 2);
  };
  const ended = new Promise((resolve) => inside.once('close', resolve));
  try {
    await more();
    await work();
    await more();
  } finally {
    engine.docker('exec', 'client', 'touch', '/tmp/enough');
    outside.kill('SIGKILL');
    await ended;
  }
  return heard;
}

test(
  'a restart: the namespace, the addresses, the names and the ports stay, and nobody misses an answer',
  { timeout: 120_000 },
  async () => {
    cast();
    const before = [addresses('web'), docker('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', 'owner')];
    const heard = await askDuring(() => {
      docker('restart', '-t', '0', 'owner');
      docker('restart', '-t', '0', 'owner');
    });
    assert.deepEqual([...new Set(heard)], ['here']);
    assert.deepEqual([addresses('web'), docker('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', 'owner')], before);
    assert.equal(addresses('owner'), addresses('web'));
    assert.equal(docker('exec', 'owner', 'cat', '/etc/hosts'), docker('exec', 'nested', 'cat', '/etc/hosts'));
    assert.equal(docker('exec', 'owner', 'hostname'), docker('exec', 'nested', 'hostname'));
  },
);

test('a restart by the restart policy is no different', { timeout: 120_000 }, async () => {
  cast('--restart', 'always');
  const runs = () => Number(docker('inspect', '-f', '{{.RestartCount}}', 'owner'));
  const heard = await askDuring(async () => {
    engine.shell('kill -9 $(docker inspect -f "{{.State.Pid}}" owner)');
    await until('it was started again', () => runs() === 1 && status('owner').startsWith('Up'));
  });
  assert.deepEqual([...new Set(heard)], ['here']);
});

test(
  'a stop takes names, addresses and ports; a start brings them back into the same namespace',
  { timeout: 120_000 },
  async () => {
    cast();
    const id = docker('inspect', '-f', '{{.Id}}', 'web');
    docker('stop', '-t', '0', 'owner');
    assert.equal(addresses('web'), '127.0.0.1/8');
    assert.equal(addresses('nested'), '127.0.0.1/8');
    assert.match(status('web'), /^Up .* \(no network: owner is down\)$/);
    assert.equal(
      docker('inspect', '-f', '{{.State.Error}}', 'nested'),
      'it has no network: that of container owner, which it shares, is down',
    );
    assert.doesNotMatch(docker('exec', 'web', 'cat', '/etc/hosts'), /10\.80\.0/);
    assert.notEqual(engine.docker('exec', 'client', 'wget', '-qO-', 'http://site/').code, 0);
    assert.equal(docker('network', 'inspect', '-f', '{{range .Containers}}{{.Name}} {{end}}', 'net').trim(), 'client');
    // What it gave back others may have.
    docker('run', '-d', '--name', 'other', '-p', '8090:80', 'busybox', 'sleep', '1000');
    docker('rm', '-f', 'other');

    docker('network', 'create', 'second');
    docker('network', 'connect', 'second', 'owner');
    docker('start', 'owner');
    assert.equal(addresses('web').split(' ').length, 3, 'also the network that it was connected to meanwhile');
    assert.equal(docker('exec', 'client', 'wget', '-qO-', 'http://site/'), 'here');
    assert.equal(get('http://127.0.0.1:8090/'), 'here\n');
    assert.match(docker('exec', 'nested', 'cat', '/etc/hosts'), /10\.80\.0/);
    assert.equal(
      engine.docker('exec', 'web', 'ping', '-c', '1', '-W', '1', 'client').code,
      0,
      'names are resolved again',
    );
    assert.doesNotMatch(status('web'), /network/);
    docker('rm', '-f', 'owner');
    docker('network', 'rm', 'second');
    const events = (): string[] =>
      docker(
        'events',
        '--since',
        '10m',
        '--until',
        '-1s',
        '--filter',
        `container=${id}`,
        '--format',
        '{{.Action}} {{.Actor.Attributes.containerName}}',
      )
        .split('\n')
        .filter((line) => line.startsWith('network_'));
    await until('the events say it', () => events().length === 3);
    assert.deepEqual(events(), ['network_lost owner', 'network_back owner', 'network_lost owner']);
  },
);

test('a removal: the namespace stays until the last one in it has ended', { timeout: 120_000 }, () => {
  const before = namespaces();
  cast();
  docker('rm', '-f', 'owner');
  assert.equal(addresses('web'), '127.0.0.1/8');
  assert.match(status('nested'), /no network: [0-9a-f]{12} is down/);
  assert.equal(namespaces(), before + 2, 'that of the client, and the one that is kept');
  docker('rm', '-f', 'web');
  assert.equal(namespaces(), before + 2);
  docker('stop', '-t', '0', 'nested');
  assert.equal(namespaces(), before + 1);
  assert.match(engine.docker('start', 'nested').err, /No such container/);
});

test('a daemon that was killed knows what it kept, and for whom', { timeout: 120_000 }, async () => {
  const before = namespaces();
  cast();
  docker('stop', '-t', '0', 'owner');
  await engine.restart('SIGKILL');
  assert.match(status('web'), /no network: owner is down/);
  docker('start', 'owner');
  assert.equal(docker('exec', 'client', 'wget', '-qO-', 'http://site/'), 'here');
  await engine.restart('SIGKILL');
  assert.deepEqual([...new Set(await askDuring(() => void docker('restart', '-t', '0', 'owner')))], ['here']);
  // The owner ends while nobody looks.
  const pid = docker('inspect', '-f', '{{.State.Pid}}', 'owner');
  await engine.stop('SIGKILL');
  process.kill(Number(pid), 'SIGKILL');
  await engine.boot();
  assert.match(status('web'), /no network: owner is down/);
  docker('start', 'owner');
  assert.equal(docker('exec', 'client', 'wget', '-qO-', 'http://site/'), 'here');
  docker('rm', '-f', 'owner', 'web', 'nested', 'client');
  assert.equal(namespaces(), before);
});

test('a restart that fails takes the network as a stop does', { timeout: 120_000 }, () => {
  const source = join(engine.dir, 'source');
  mkdirSync(source);
  cast('--mount', `type=bind,source=${source},target=/source`);
  rmSync(source, { recursive: true });
  assert.notEqual(engine.docker('restart', '-t', '0', 'owner').code, 0);
  assert.equal(addresses('web'), '127.0.0.1/8');
  mkdirSync(source);
  docker('start', 'owner');
  assert.equal(docker('exec', 'client', 'wget', '-qO-', 'http://site/'), 'here');
});

test("what the mode refuses, in Docker's words", () => {
  const refused = (...args: string[]): string => {
    const ran = engine.docker('run', '--rm', '--network', ...args, 'busybox', 'true');
    assert.equal(ran.code, 125, args.join(' '));
    return ran.err.split('\n')[0]!.replace('docker: Error response from daemon: ', '');
  };
  docker('run', '-d', '--name', 'owner', 'busybox', 'sleep', '1000');
  docker('create', '--name', 'cold', 'busybox', 'true');
  const owner = 'container:owner';
  assert.equal(
    refused(owner, '-p', '80:80'),
    'conflicting options: port publishing and the container type network mode',
  );
  assert.equal(refused(owner, '-P'), 'conflicting options: port publishing and the container type network mode');
  assert.equal(
    refused(owner, '--expose', '80'),
    'conflicting options: port exposing and the container type network mode',
  );
  assert.equal(refused(owner, '--hostname', 'name'), 'conflicting options: hostname and the network mode');
  assert.equal(refused(owner, '--dns', '1.1.1.1'), 'conflicting options: dns and the network mode');
  assert.equal(
    refused(owner, '--add-host', 'a:1.2.3.4'),
    'conflicting options: custom host-to-IP mapping and the network mode',
  );
  assert.equal(
    refused(owner, '--link', 'cold'),
    "conflicting options: container type network can't be used with links. This would result in undefined behavior",
  );
  assert.equal(
    refused('host', '--link', 'cold'),
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  );
  assert.equal(refused('container:'), 'invalid network mode: invalid container format container:<name|id>');
  assert.equal(refused('container:nobody'), 'joining network namespace of container: No such container: nobody');
  assert.equal(
    refused('container:cold'),
    'cannot join network namespace of a non running container: container cold is created',
  );
  docker('network', 'create', 'extra');
  docker('run', '-d', '--name', 'sharer', '--network', owner, 'busybox', 'sleep', '1000');
  assert.match(
    engine.docker('network', 'connect', 'extra', 'sharer').err,
    /container sharing network namespace with another container or host cannot be connected to any other network/,
  );
  docker('network', 'rm', 'extra');
});
