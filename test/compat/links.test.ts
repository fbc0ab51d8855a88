/**
 * Links where Docker's go wrong, and where they end: holes, hosts files and names through everything that happens to a
 * source. The engine has --icc=false and IPv6 on its default bridge; the client is Docker's.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, test } from 'node:test';
import { check } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
const docker = (...args: string[]): string => engine.ok(...args);
const refused = (...args: string[]): string => {
  const ran = engine.docker(...args);
  assert.notEqual(ran.code, 0, args.join(' '));
  return ran.err.trim();
};
const address = (name: string, version: 4 | 6 = 4): string =>
  docker(
    'inspect',
    '-f',
    version === 4
      ? '{{.NetworkSettings.Networks.bridge.IPAddress}}'
      : '{{.NetworkSettings.Networks.bridge.GlobalIPv6Address}}',
    name,
  );
const hosts = (name: string): string[] => docker('exec', name, 'cat', '/etc/hosts').split('\n');
const links = (name: string): string[] =>
  JSON.parse(docker('inspect', '-f', '{{json .HostConfig.Links}}', name)) as string[];
const reaches = (from: string, ip: string, port: number): boolean =>
  engine.docker('exec', from, 'sh', '-c', `nc -w 1 ${ip} ${port} < /dev/null`).code === 0;
const web = ['sh', '-c', 'httpd -p 5001 -h /www; exec httpd -f -p 5000 -h /www'];

before(async () => {
  engine = await TestEngine.start({
    flags: [
      '--icc=false',
      '--ipv6',
      '--default-address-pool',
      'base=10.70.0.0/16,size=24',
      '--default-address-pool',
      'base=fd00:70::/48,size=64',
    ],
  });
  engine.importFixtures();
});
after(() => engine?.destroy());
afterEach(() => void engine.shell('docker rm -f $(docker ps -aq)'));

test('an empty alias is no link, and its container must be there all the same, as with Docker', () => {
  docker('run', '-d', '--name', 'source', 'training/postgres');
  docker('run', '-d', '--name', 'recipient', '--link', 'source:', '--link', 'source:/', 'busybox', 'sleep', '1000');
  assert.equal(links('recipient'), null);
  assert.doesNotMatch(docker('exec', 'recipient', 'env'), /^SOURCE_/m);
  assert.ok(!hosts('recipient').some((line) => line.includes('source')));
  assert.ok(!reaches('recipient', address('source'), 5432), 'no hole either');
  assert.match(
    refused('create', '--link', 'nope:', 'busybox'),
    /could not get container for nope: No such container: nope/,
  );
  assert.match(
    refused('create', '--link', ':a', 'busybox'),
    /could not get container for : invalid name or ID supplied: ""/,
  );
});

describe('the faults of Docker', () => {
  test('after the source restarts with a new address the hole follows it, and the old address is closed', () => {
    docker('run', '-d', '--name', 'source', 'training/webapp', ...web);
    docker('run', '-d', '--name', 'recipient', '--link', 'source:s', 'busybox', 'sleep', '1000');
    docker('run', '-d', '--name', 'other', 'training/webapp', ...web);
    const old = { 4: address('source'), 6: address('source', 6) };
    for (const version of [4, 6] as const) {
      assert.ok(reaches('recipient', old[version], 5000), `IPv${version}: what it exposes`);
      assert.ok(!reaches('recipient', old[version], 5001), `IPv${version}: what it does not`);
    }
    assert.ok(!reaches('source', address('recipient'), 5000) && !reaches('other', old[4], 5000));
    docker('stop', '-t', '0', 'source');
    docker('run', '-d', '--name', 'thief', 'training/webapp', ...web);
    assert.equal(address('thief'), old[4]);
    for (const version of [4, 6] as const)
      assert.ok(!reaches('recipient', old[version], 5000), `IPv${version}: a stranger that inherits the address`);
    docker('start', 'source');
    assert.notEqual(address('source'), old[4]);
    for (const version of [4, 6] as const)
      assert.ok(reaches('recipient', address('source', version), 5000), `IPv${version}: the new address`);
    assert.ok(reaches('recipient', 's', 5000), 'by its alias');
    docker('rm', '--link', 'recipient/s');
    assert.ok(!reaches('recipient', address('source'), 5000), 'a link that is removed');
  });

  test('IPv4 and IPv6 lines are kept apart', () => {
    docker('run', '-d', '--name', 'source', 'training/postgres');
    docker('run', '-d', '--name', 'recipient', '--link', 'source:s', 'busybox', 'sleep', '1000');
    const lines = () =>
      hosts('recipient')
        .filter((line) => /\ts /.test(line))
        .map((line) => line.split('\t')[0]);
    assert.deepEqual(lines(), [address('source'), address('source', 6)]);
    docker('stop', '-t', '0', 'source');
    assert.deepEqual(lines(), []);
    docker('run', '-d', '--name', 'thief', 'busybox', 'sleep', '1000');
    docker('start', 'source');
    assert.deepEqual(lines(), [address('source'), address('source', 6)]);
  });

  test('links that share an alias, or have the name of another for one, keep their own lines', () => {
    for (const name of ['one', 'two']) docker('run', '-d', '--name', name, 'training/postgres');
    docker(
      'run',
      '-d',
      '--name',
      'recipient',
      '--link',
      'one:db',
      '--link',
      'two:db',
      '--link',
      'two:one',
      'busybox',
      'sleep',
      '1000',
    );
    const lines = (alias: string) =>
      hosts('recipient')
        .filter((line) => line.includes(`\t${alias} `) && /^[\d.]+\t/.test(line))
        .map((line) => line.split('\t')[0]);
    assert.deepEqual(lines('db'), [address('one'), address('two')]);
    assert.deepEqual(lines('one'), [address('two')]);
    const two = address('two');
    docker('stop', '-t', '0', 'one');
    docker('run', '-d', '--name', 'thief', 'busybox', 'sleep', '1000');
    docker('start', 'one');
    assert.deepEqual(lines('db'), [address('one'), two]);
    assert.deepEqual(lines('one'), [two]);
    docker('rm', '--link', 'recipient/db');
    assert.deepEqual(lines('db'), [two]);
    assert.deepEqual(links('recipient'), ['/two:/recipient/db', '/two:/recipient/one']);
    docker('rm', '--link', 'recipient/db');
    assert.deepEqual(lines('db'), []);
    assert.match(refused('rm', '--link', 'recipient/db'), /No such container/);
  });
});

test("whoever shares the network of the recipient sees the same lines, and a file of the user's own stays", async () => {
  docker('run', '-d', '--name', 'source', 'training/postgres');
  docker('run', '-d', '--name', 'recipient', '--link', 'source:s', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'sharer', '--network', 'container:recipient', 'busybox', 'sleep', '1000');
  const mine = join(engine.dir, 'hosts');
  writeFileSync(mine, '10.9.9.9\tmine\n');
  docker(
    'run',
    '-d',
    '--name',
    'own',
    '--network',
    'container:recipient',
    '-v',
    `${mine}:/etc/hosts`,
    'busybox',
    'sleep',
    '1000',
  );
  const move = (thief: string) => {
    docker('stop', '-t', '0', 'source');
    docker('run', '-d', '--name', thief, 'busybox', 'sleep', '1000');
    docker('start', 'source');
  };
  const current = () => assert.ok(hosts('recipient').some((line) => line.startsWith(`${address('source')}\ts `)));
  for (const thief of ['thief', 'another']) {
    move(thief);
    current();
    assert.deepEqual(hosts('sharer'), hosts('recipient'));
    assert.deepEqual(hosts('own'), ['10.9.9.9\tmine']);
  }
  await engine.restart('SIGKILL');
  move('third');
  current();
  assert.deepEqual(hosts('sharer'), hosts('recipient'));
  docker('exec', 'sharer', 'sh', '-c', 'echo "10.8.8.8 added" >> /etc/hosts');
  move('fourth');
  assert.ok(hosts('recipient').includes('10.8.8.8 added'));
  assert.deepEqual(hosts('sharer'), hosts('recipient'));
});

describe('names of links', () => {
  test('serve wherever a container is named, and follow both names', () => {
    const id = docker('run', '-d', '--name', 'db', 'training/postgres', 'sh', '-c', 'echo begun; exec sleep 1000');
    docker(
      'run',
      '-d',
      '--name',
      'web',
      '--link',
      `${id.slice(0, 12)}:database`,
      '--link',
      'db',
      'busybox',
      'sleep',
      '1000',
    );
    assert.equal(docker('inspect', '-f', '{{.Id}}', 'web/database'), id);
    assert.equal(docker('logs', 'web/database'), 'begun');
    assert.equal(docker('exec', 'web/db', 'echo', 'here'), 'here');
    assert.equal(
      docker('ps', '--filter', 'name=web/database', '--format', '{{.Names}}', '--no-trunc'),
      'db,web/database,web/db',
    );
    docker('pause', 'web/db');
    docker('unpause', 'web/db');
    docker('stop', '-t', '0', 'web/database');
    assert.equal(docker('wait', 'web/database'), '137');
    docker('start', 'web/database');
    docker('run', '--rm', '--name', 'third', '--link', 'web/database:d', 'busybox', 'grep', '-w', 'd', '/etc/hosts');
    docker('rename', 'web', 'site');
    docker('rename', 'site/database', 'store');
    assert.deepEqual(links('site'), ['/store:/site/database', '/store:/site/db']);
    assert.equal(docker('inspect', '-f', '{{.Name}}', 'site/db'), '/store');
    assert.ok(hosts('site').some((line) => line === `${address('store')}\tdatabase ${id.slice(0, 12)} store`));
    assert.match(refused('inspect', 'web/database'), /No such object/);
    assert.match(refused('rm', '--link', 'store'), /Conflict, cannot remove the default link name of the container/);
    docker('rm', '-f', 'site/db');
    assert.deepEqual(links('site'), ['/store:/site/database', '/store:/site/db']);
    docker('rm', '--link', 'site/database');
    assert.deepEqual(links('site'), ['/store:/site/db']);
  });

  test("variables: what the source exposes and has set; the user's own win", () => {
    docker(
      'run',
      '-d',
      '--name',
      'db',
      '--expose',
      '6000-6001',
      '--expose',
      '6000/udp',
      '-e',
      'SECRET=of the source',
      '-e',
      'EMPTY=',
      'training/postgres',
    );
    const environment = docker(
      'run',
      '--rm',
      '--name',
      'web',
      '--link',
      'db:my-db',
      '-e',
      'MY_DB_PORT=mine',
      '-e',
      'MY_DB_ENV_SECRET=mine too',
      'busybox',
      'env',
    ).split('\n');
    const value = (name: string) =>
      environment.filter((line) => line.startsWith(`${name}=`)).map((line) => line.slice(name.length + 1));
    assert.deepEqual(value('MY_DB_PORT'), ['mine']);
    assert.deepEqual(value('MY_DB_ENV_SECRET'), ['mine too']);
    assert.deepEqual(value('MY_DB_NAME'), ['/web/my-db']);
    assert.deepEqual(value('MY_DB_ENV_PG_VERSION'), ['9.3']);
    assert.deepEqual(value('MY_DB_ENV_EMPTY'), ['']);
    assert.deepEqual([...value('MY_DB_ENV_HOME'), ...value('MY_DB_ENV_PATH')], []);
    assert.deepEqual(value('MY_DB_PORT_6000_TCP_START'), [`tcp://${address('db')}:6000`]);
    assert.deepEqual(value('MY_DB_PORT_6000_TCP_PORT_END'), ['6001']);
    assert.deepEqual(value('MY_DB_PORT_6000_UDP'), [`udp://${address('db')}:6000`]);
    assert.deepEqual(value('MY_DB_PORT_5432_TCP_ADDR'), [address('db')]);
  });
});

describe('a source that is removed and created again', () => {
  const recreate = () => {
    docker('rm', '-f', 'db');
    docker('run', '-d', '--name', 'stranger', 'training/webapp', ...web);
    docker('run', '-d', '--name', 'db', 'training/webapp', ...web);
  };
  const follows = (recipient: string) =>
    hosts(recipient).some((line) => line.startsWith(`${address('db')}\tdb `)) &&
    reaches(recipient, address('db'), 5000);

  test('the link ends with its source, but follows the name where the container asks for it', () => {
    docker('run', '-d', '--name', 'db', 'training/postgres');
    docker('run', '-d', '--name', 'plain', '--link', 'db', 'busybox', 'sleep', '1000');
    docker(
      'run',
      '-d',
      '--name',
      'follower',
      '--link',
      'db',
      '--label',
      'causeway.links.follow=true',
      'busybox',
      'sleep',
      '1000',
    );
    recreate();
    assert.ok(!follows('plain'), 'who gets a name does not get the trust that went with it');
    assert.ok(follows('follower'));
    assert.ok(!reaches('follower', address('db'), 5432) && !reaches('follower', address('stranger'), 5000));
    assert.equal(docker('inspect', '-f', '{{.Name}}', 'follower/db'), '/db');
    docker('restart', '-t', '0', 'follower');
    assert.match(docker('exec', 'follower', 'env'), new RegExp(`^DB_PORT=tcp://${address('db')}:5000$`, 'm'));
    // Also a name that comes by rename.
    docker('rm', '-f', 'db');
    docker('rename', 'stranger', 'db');
    assert.ok(follows('follower'));
  });

  test("with the daemon's option every link does, unless the container says no", async () => {
    await engine.stop();
    await engine.boot(['--links-follow-names']);
    docker('run', '-d', '--name', 'db', 'training/postgres');
    docker('run', '-d', '--name', 'follower', '--link', 'db', 'busybox', 'sleep', '1000');
    docker(
      'run',
      '-d',
      '--name',
      'plain',
      '--link',
      'db',
      '--label',
      'causeway.links.follow=false',
      'busybox',
      'sleep',
      '1000',
    );
    recreate();
    assert.ok(follows('follower'));
    assert.ok(!follows('plain'));
    await engine.restart('SIGKILL');
    assert.ok(follows('follower'));
  });
});

test("a link on a network of the user's with enable_icc=false opens what its source exposes, one way", () => {
  docker('network', 'create', '-o', 'com.docker.network.bridge.enable_icc=false', 'apart');
  docker('run', '-d', '--name', 'web', '--network', 'apart', '--link', 'db:database', 'training/webapp', ...web);
  docker('run', '-d', '--name', 'db', '--network', 'apart', 'training/webapp', ...web);
  docker('run', '-d', '--name', 'other', '--network', 'apart', 'busybox', 'sleep', '1000');
  assert.ok(reaches('web', 'database', 5000));
  assert.ok(!reaches('web', 'database', 5001));
  assert.ok(!reaches('db', 'web', 5000));
  assert.ok(!reaches('other', 'db', 5000));
  check(engine.shell('docker rm -f $(docker ps -aq) && docker network rm apart'));
});

test('a link to a container that has joined a network, at whatever remove, leads to the container that owns it', () => {
  docker('run', '-d', '--name', 'owner', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'near', '--network', 'container:owner', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'far', '--network', 'container:near', 'busybox', 'sleep', '1000');
  docker('run', '-d', '--name', 'recipient', '--link', 'far:f', '--link', 'near:n', 'busybox', 'sleep', '1000');
  for (const alias of ['f', 'n'])
    assert.ok(hosts('recipient').some((line) => new RegExp(`^${address('owner')}\\t.*\\b${alias}\\b`).test(line)));
});

test('a link to containers that have joined the networks of each other is refused', () => {
  docker('create', '--name', 'one', '--network', 'container:two', 'busybox', 'true');
  docker('create', '--name', 'two', '--network', 'container:one', 'busybox', 'true');
  assert.match(refused('run', '--link', 'one:o', 'busybox', 'true'), /has joined its own network namespace/);
});
