/**
 * What Docker's command line does not have: `port add` and `port rm`, published ports that come and go while the
 * container runs; hints.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Host } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
let outside: Host;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  outside = Host.create();
  engine.host.cable('uplink', '192.0.2.1/24', outside, 'eth0', '192.0.2.2/24');
});
after(async () => {
  await engine?.destroy();
  outside?.destroy();
});

const page = (host: Host, url: string): string => host.run('curl', '-s', '--max-time', '2', url).out.trim();
const bindings = (name: string) =>
  JSON.parse(engine.ok('inspect', '-f', '{{json .HostConfig.PortBindings}}', name)) as unknown;
const change = (...args: string[]) => {
  const { code, out, err } = engine.causeway('port', ...args);
  return [code, out, err];
};

test('a port of a running container is open when the command has answered, and seen everywhere', async () => {
  engine.ok('run', '-d', '--name', 'web', '-p', '8080:80', 'nginx');
  await until('nginx answers', () => page(engine.host, 'http://127.0.0.1:8080/') !== '');
  const since = engine.ok('info', '-f', '{{.SystemTime}}');

  assert.deepEqual(change('add', 'web', '8081:80', '127.0.0.1:8082:80'), [
    0,
    '80/tcp -> 0.0.0.0:8081\n80/tcp -> 127.0.0.1:8082\n80/tcp -> [::]:8081\n',
    '',
  ]);
  for (const url of ['http://192.0.2.1:8081/', 'http://192.0.2.1:8080/']) assert.notEqual(page(outside, url), '', url);
  assert.notEqual(page(engine.host, 'http://127.0.0.1:8082/'), '');
  assert.notEqual(page(engine.host, 'http://[::1]:8081/'), '');
  assert.equal(page(outside, 'http://192.0.2.1:8082/'), '');
  assert.equal(
    engine.ok('ps', '--format', '{{.Ports}}'),
    '0.0.0.0:8080->80/tcp, 0.0.0.0:8081->80/tcp, 127.0.0.1:8082->80/tcp, [::]:8080->80/tcp, [::]:8081->80/tcp',
  );
  assert.match(engine.ok('port', 'web', '80'), /^0\.0\.0\.0:8081$/m);
  assert.deepEqual(bindings('web'), {
    '80/tcp': [
      { HostIp: '', HostPort: '8080' },
      { HostIp: '', HostPort: '8081' },
      { HostIp: '127.0.0.1', HostPort: '8082' },
    ],
  });

  assert.deepEqual(change('rm', 'web', '8080:80'), [0, '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n', '']);
  assert.equal(page(outside, 'http://192.0.2.1:8080/'), '');
  assert.equal(page(engine.host, 'http://[::1]:8080/'), '');
  engine.ok('run', '-d', '--name', 'heir', '-p', '8080:80', 'nginx');
  engine.ok('rm', '-f', 'heir');
  const events = engine.ok(
    'events',
    '--since',
    since,
    '--until',
    '-1s',
    '--filter',
    'container=web',
    '--format',
    '{{.Action}} {{index .Actor.Attributes "ports"}}',
  );
  assert.equal(
    events,
    'publish 0.0.0.0:8081->80/tcp, [::]:8081->80/tcp, 127.0.0.1:8082->80/tcp\nunpublish 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp',
  );
});

test('it is restored after a restart of the container, of the daemon, and after a kill of the daemon', async () => {
  const expected = engine.ok('port', 'web');
  for (const happens of [
    () => engine.ok('restart', '-t', '0', 'web'),
    () => engine.restart(),
    () => engine.restart('SIGKILL'),
  ]) {
    await happens();
    assert.equal(engine.ok('port', 'web'), expected);
    await until('the added port answers', () => page(outside, 'http://192.0.2.1:8081/') !== '');
    assert.equal(page(outside, 'http://192.0.2.1:8080/'), '', 'the removed port stays closed');
  }
  engine.ok('network', 'create', 'back');
  engine.ok('network', 'disconnect', 'bridge', 'web');
  engine.ok('network', 'connect', 'back', 'web');
  assert.equal(engine.ok('port', 'web'), expected, 'with a new connection the ports are those of now');
  assert.notEqual(page(outside, 'http://192.0.2.1:8081/'), '');
});

test('a flow through a removed port ends, others go on', async () => {
  engine.ok(
    'run',
    '-d',
    '--name',
    'echo',
    '-p',
    '7001:7',
    '-p',
    '7002:7',
    'busybox',
    'nc',
    '-ll',
    '-p',
    '7',
    '-e',
    'cat',
  );
  await until(
    'echo answers',
    () => outside.shell('(echo hi; sleep 0.2) | busybox nc -w 1 192.0.2.1 7001').out === 'hi\n',
  );
  const long = (port: number) =>
    outside.spawn('busybox', ['nc', '192.0.2.1', String(port)], { stdio: ['pipe', 'pipe', 'ignore'] });
  const flows = [long(7001), long(7002)] as const;
  const heard = flows.map((flow) => {
    const said = { text: '', ended: false };
    flow.stdout!.on('data', (data: Buffer) => (said.text += data.toString()));
    flow.on('exit', () => (said.ended = true));
    return said;
  });
  for (const flow of flows) flow.stdin!.write('one\n');
  await until('both answer', () => heard.every(({ text }) => text === 'one\n'));
  assert.equal(change('rm', 'echo', '7001:7')[0], 0);
  for (const flow of flows) flow.stdin!.write('two\n');
  await until('the flow of the port that stays goes on', () => heard[1]!.text === 'one\ntwo\n');
  await until('the flow of the removed port has ended', () => heard[0]!.ended);
  assert.equal(heard[0]!.text, 'one\n');
  flows[1].kill();
  engine.ok('rm', '-f', 'echo');
});

test('the relay to [::1] ends its connections too', async () => {
  engine.ok('run', '-d', '--name', 'echo', '-p', '7001:7', 'busybox', 'nc', '-ll', '-p', '7', '-e', 'cat');
  await until(
    'echo listens',
    () => engine.host.shell('(echo hi; sleep 0.2) | busybox nc -w 1 ::1 7001').out === 'hi\n',
  );
  const client = engine.host.spawn('busybox', ['nc', '::1', '7001'], { stdio: ['pipe', 'pipe', 'ignore'] });
  client.stdin!.on('error', () => {});
  let heard = '';
  let ended = false;
  client.stdout!.on('data', (data: Buffer) => (heard += data.toString()));
  client.on('exit', () => (ended = true));
  client.stdin!.write('one\n');
  await until('it answers', () => heard === 'one\n');
  assert.equal(change('rm', 'echo', '7')[0], 0);
  await until('the connection has ended', () => {
    client.stdin!.write('two\n');
    return ended;
  });
  engine.ok('rm', '-f', 'echo');
});

test('ranges, protocols, chosen ports, and what is named for removal', () => {
  engine.ok('run', '-d', '--name', 'many', 'busybox', 'sleep', '1000');
  assert.equal(change('add', 'many', '9000-9002:90-92', '9053:53/udp', '99')[0], 0);
  const ports = engine.ok('port', 'many').split('\n');
  for (const line of ['90/tcp -> 0.0.0.0:9000', '92/tcp -> [::]:9002', '53/udp -> 0.0.0.0:9053'])
    assert.ok(ports.includes(line), line);
  assert.match(ports.join('\n'), /^99\/tcp -> 0\.0\.0\.0:\d{5}$/m);
  assert.equal(change('rm', 'many', '0.0.0.0:9000:90')[1], '90/tcp -> 0.0.0.0:9000\n');
  assert.deepEqual((bindings('many') as Record<string, unknown>)['90/tcp'], [{ HostIp: '::', HostPort: '9000' }]);
  assert.deepEqual(change('rm', 'many', '9001:91', '9053:53', '92'), [
    1,
    '',
    "Error response from daemon: No public port '9053:53/tcp' published for many\n",
  ]);
  assert.match(engine.ok('port', 'many', '91'), /9001/, 'nothing is done where not all can be');
  assert.equal(change('rm', 'many', '90-92', '53/udp', '99')[0], 0);
  assert.equal(engine.ok('port', 'many'), '');
  assert.deepEqual(bindings('many'), {});
});

test('what cannot be is refused, in the words of a start, and leaves nothing', async () => {
  const taken =
    /driver failed programming external connectivity on endpoint many \([0-9a-f]+\): Bind for 0\.0\.0\.0:8081 failed: port is already allocated: held by container web\n$/;
  const [code, , err] = change('add', 'many', '9100:80', '8081:80');
  assert.equal(code, 1);
  assert.match(String(err), taken);
  assert.equal(engine.ok('port', 'many'), '');
  assert.equal(engine.host.run('ss', '-Hltn', 'sport = :9100').out, '');
  assert.match(String(change('add', 'web', '8081:80')[2]), /port is already allocated: held by container web/);
  const program = engine.host.spawn('busybox', ['nc', '-l', '-p', '9200'], { stdio: 'ignore' });
  await until('a program listens', () => engine.host.run('ss', '-Hltn', 'sport = :9200').out !== '');
  assert.match(
    String(change('add', 'many', '9200:80')[2]),
    /failed to bind host port for 0\.0\.0\.0:9200:[\d.]+:80\/tcp: address already in use: held by busybox \(pid \d+\)/,
  );
  program.kill();
  assert.deepEqual(change('add', 'many', '80:x'), [1, '', 'invalid containerPort: x\n']);
  assert.match(String(change('add', 'nobody', '1:1')[2]), /No such container: nobody/);
  for (const [args, missing] of [
    [['add', 'web'], 'a SPEC: what to publish, like 8081:80'],
    [['rm', 'web'], 'a SPEC'],
    [['add'], 'a CONTAINER and a SPEC'],
  ] as const) {
    const [exit, , said] = change(...args);
    assert.equal(exit, 1);
    assert.match(
      String(said),
      new RegExp(
        `^causeway: 'causeway port ${args[0]}' needs ${missing}[^]*Usage:  causeway port ${args[0]} CONTAINER SPEC \\[SPEC\\.\\.\\.\\]`,
      ),
    );
  }

  engine.ok('run', '-d', '--name', 'add', 'busybox', 'sleep', '1000');
  assert.deepEqual(
    change('add', '80'),
    [1, '', "Error: No public port '80' published for add\n"],
    'a container may be called add',
  );
  engine.ok('rm', '-f', 'add');
  assert.match(String(change('--help')[1]), /^ +add +Publish more ports[^]*^ +ls +List[^]*^ +rm +Stop publishing/m);
  engine.ok('run', '-d', '--name', 'ls', '-p', '9500:80', 'busybox', 'sleep', '1000');
  assert.deepEqual(change('ls', 'ls', '80')[1], '0.0.0.0:9500\n[::]:9500\n');
  assert.deepEqual(change('ls', '80')[1], '0.0.0.0:9500\n[::]:9500\n', 'a container may be called ls');
  assert.match(String(change('ls')[1]), /^80\/tcp -> 0\.0\.0\.0:9500$/m);
  engine.ok('rm', '-f', 'ls');
  assert.match(String(change('ls')[2]), /^causeway: 'causeway port ls' needs a CONTAINER/);
  for (const word of ['ls', 'add', 'rm'])
    assert.match(
      String(change(word)[2]),
      new RegExp(`\\n\\nRun 'causeway port ${word} --help' for more information\\n$`),
    );
  assert.match(String(change('ls', 'nobody')[2]), /No such container: nobody/);

  engine.ok('run', '-d', '--name', 'on-host', '--network', 'host', 'busybox', 'sleep', '1000');
  engine.ok('run', '-d', '--name', 'alone', '--network', 'none', 'busybox', 'sleep', '1000');
  engine.ok('run', '-d', '--name', 'guest', '--network', 'container:many', 'busybox', 'sleep', '1000');
  engine.ok('network', 'create', '--internal', 'inside');
  engine.ok('run', '-d', '--name', 'within', '--network', 'inside', 'busybox', 'sleep', '1000');
  for (const [name, reason] of [
    ['on-host', 'uses the network of the host'],
    ['alone', 'has no network that ports can be published on'],
    ['guest', 'conflicting options: port publishing and the container type network mode'],
    ['within', 'container within is on no network that ports can be published on'],
  ] as const) {
    const [status, , said] = change('add', name, '9300:80');
    assert.equal(status, 1);
    assert.ok(String(said).includes(reason), String(said));
    assert.deepEqual(bindings(name), {});
  }
});

test('of a container that does not run, the next start is changed', () => {
  engine.ok('create', '--name', 'later', '-p', '9400:80', 'nginx');
  assert.deepEqual(change('add', 'later', '9401:80'), [
    0,
    '',
    'later is not running: the change is in effect with its next start\n',
  ]);
  assert.deepEqual(
    change('add', 'later', '9401:80')[2],
    'Error response from daemon: container later publishes 9401:80/tcp already\n',
  );
  assert.equal(change('rm', 'later', '9400:80')[0], 0);
  assert.equal(change('rm', 'later', '9400:80')[0], 1);
  engine.ok('start', 'later');
  assert.equal(engine.ok('port', 'later'), '80/tcp -> 0.0.0.0:9401\n80/tcp -> [::]:9401');
});

test("Docker's own port goes on meaning what it means, for containers with these names too", () => {
  engine.ok('run', '-d', '--name', 'add', '-p', '9500:80', 'busybox', 'sleep', '1000');
  assert.deepEqual(change('add'), [0, '80/tcp -> 0.0.0.0:9500\n80/tcp -> [::]:9500\n', '']);
  assert.deepEqual(change('add', '80'), [0, '0.0.0.0:9500\n[::]:9500\n', '']);
  assert.equal(change('add', 'add', '9501:81')[1], '81/tcp -> 0.0.0.0:9501\n81/tcp -> [::]:9501\n');
});

test('a network of a driver that Docker has and the engine does not: which ones there are', () => {
  const { code, err } = engine.causeway('network', 'create', '-d', 'overlay', 'net');
  assert.equal(code, 1);
  assert.match(
    err,
    /^Error response from daemon: This node is not a swarm manager[^]*Drivers of networks are bridge, ipvlan and macvlan; the networks host and none are there already\n$/,
  );
  for (const others of [
    ['-d', 'nosuch', 'net'],
    ['-d', 'bridge', 'host'],
  ])
    assert.doesNotMatch(engine.causeway('network', 'create', ...others).err, /Drivers of networks/);
});
