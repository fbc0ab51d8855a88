/** Log drivers on a real engine: what is in their files, and that nothing is lost over a daemon that dies. */
import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(() => engine?.destroy());

const docker = (...args: string[]): string => engine.ok(...args);
const logPath = (name: string): string => docker('inspect', '--format', '{{.LogPath}}', name);
const directory = (name: string): string =>
  join(engine.dataRoot, 'containers', docker('inspect', '--format', '{{.Id}}', name));
const objects = (path: string): Record<string, unknown>[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('json-file is where inspect says, with what labels, env and tag ask for; --details shows it', async () => {
  const options = [
    'labels=tier',
    'labels-regex=^org\\.',
    'env=COLOR',
    'env-regex=^APP_',
    'tag={{with .Name}}{{lower .}}{{end}}/{{.ImageName}}',
  ];
  docker(
    'create',
    '--name',
    'attributed',
    '--label',
    'tier=a b&c',
    '--label',
    'org.x=1',
    '--label',
    'other=1',
    '-e',
    'COLOR=red',
    '-e',
    'APP_ONE=1',
    '-e',
    'SECRET=1',
    ...options.flatMap((option) => ['--log-opt', option]),
    'busybox',
    'sh',
    '-c',
    'echo out; echo err >&2; printf open',
  );
  assert.equal(logPath('attributed'), '', 'there is none before the first start');
  docker('start', '-a', 'attributed');
  const id = docker('inspect', '--format', '{{.Id}}', 'attributed');
  assert.ok(logPath('attributed').endsWith(`/containers/${id}/${id}-json.log`));
  docker('logs', 'attributed');
  const attrs = { APP_ONE: '1', COLOR: 'red', 'org.x': '1', tag: 'attributed/busybox', tier: 'a b&c' };
  const lines = objects(logPath('attributed'));
  for (const line of lines) {
    assert.deepEqual(line['attrs'], attrs);
    assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
  }
  const texts = lines.map(({ log, stream }) => `${String(stream)} ${String(log)}`).sort();
  assert.deepEqual(texts, ['stderr err\n', 'stdout open', 'stdout out\n']);
  const details = engine.docker('logs', '--details', 'attributed');
  assert.equal(details.err, 'APP_ONE=1,COLOR=red,org.x=1,tag=attributed%2Fbusybox,tier=a+b%26c err\n');
});

test('local keeps its file to itself, none keeps nothing', () => {
  docker('run', '--name', 'kept', '--log-driver', 'local', 'busybox', 'seq', '3');
  assert.equal(docker('logs', 'kept'), '1\n2\n3');
  assert.equal(logPath('kept'), '');
  docker('run', '--name', 'silent', '--log-driver', 'none', 'busybox', 'seq', '3');
  assert.match(engine.docker('logs', 'silent').err, /configured logging driver does not support reading/);
  assert.deepEqual(
    readdirSync(directory('silent')).filter((name) => name.includes('log')),
    [],
  );
});

test('options are refused when the container is made', () => {
  for (const [option, words] of [
    ['foo=1', "unknown log opt 'foo' for json-file log driver"],
    ['max-size=0', 'failed to initialize logging driver: max-size must be a positive number'],
    ['tag={{nope .Name}}', 'failed to initialize logging driver: template: log-tag:1: function "nope" not defined'],
    ['labels-regex=(', 'failed to initialize logging driver: error parsing regexp'],
  ] as const) {
    const ran = engine.docker('create', '--log-opt', option, 'busybox', 'true');
    assert.ok(ran.code !== 0 && ran.err.includes(words), ran.err);
  }
  assert.match(
    engine.docker('create', '--log-driver', 'nosuch', 'busybox', 'true').err,
    /logger: no log driver named 'nosuch' is registered/,
  );
});

test('nothing is lost or repeated over daemons that are killed, and rotation goes on', async () => {
  const rotated = ['--log-opt', 'max-size=300k', '--log-opt', 'max-file=1000'];
  // Each part is begun by a file, and goes on while the daemon is dead.
  const part =
    'until [ -e /go$p ]; do sleep 0.05; done; for b in 0 1 2 3 4 5 6 7 8 9; do first=$(((p * 10 + b) * 1000)); seq $first $((first + 999)); sleep 0.05; done';
  const work = ['sh', '-c', `for p in 0 1 2; do ${part}; done`];
  docker('run', '-d', '--name', 'endless', 'busybox', ...work);
  docker('run', '-d', '--name', 'rotated', ...rotated, 'busybox', ...work);
  const path = logPath('endless');
  const size = (): number => (existsSync(path) ? readFileSync(path).length : 0);
  for (const go of ['/go0', '/go1', '/go2']) {
    const before = size();
    for (const name of ['endless', 'rotated']) docker('exec', name, 'touch', go);
    await until('the log grows', () => size() > before);
    await engine.restart('SIGKILL');
  }
  const expected = Array.from({ length: 30_000 }, (_, number) => String(number));
  for (const name of ['endless', 'rotated']) {
    docker('wait', name);
    assert.deepEqual(docker('logs', '--follow', name).split('\n'), expected, name);
  }
  assert.deepEqual(docker('logs', '--tail', '8000', 'rotated').split('\n'), expected.slice(-8000));
  const files = readdirSync(directory('rotated')).filter((name) => name.includes('-json.log'));
  assert.ok(files.length > 4, files.join());
  assert.deepEqual(readdirSync(join(directory('rotated'), 'spool')), []);
});

test('the output of each run follows that of the one before, also of one that loops', async () => {
  docker(
    'run',
    '-d',
    '--name',
    'loops',
    '--restart',
    'on-failure:5',
    'busybox',
    'sh',
    '-c',
    'echo begun; printf rest; false',
  );
  await until('it has ended', () =>
    /exited 5/.test(docker('inspect', '--format', '{{.State.Status}} {{.RestartCount}}', 'loops')),
  );
  assert.equal(docker('logs', 'loops'), Array.from({ length: 6 }, () => 'begun\nrest').join(''));
});

test('a log of an earlier release is read before what is written now', () => {
  docker('create', '--name', 'old', 'busybox', 'echo', 'new');
  const id = docker('inspect', '--format', '{{.Id}}', 'old');
  appendFileSync(join(directory('old'), `${id}.log`), '2024-05-01T10:00:00.000000001+00:00 stdout F old\n');
  docker('start', '-a', 'old');
  assert.equal(docker('logs', 'old'), 'old\nnew');
  assert.equal(docker('logs', '--tail', '1', 'old'), 'new');
});

test('a syslog server that reads nothing: mode non-blocking drops and says so, and logs -f has each line', async () => {
  const path = join(engine.dir, 'slow.sock');
  const sockets: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => sockets.push(socket)).listen(path);
  await once(server, 'listening');
  const options = ['--log-driver', 'syslog', '--log-opt', `syslog-address=unix://${path}`];
  const buffer = ['--log-opt', 'mode=non-blocking', '--log-opt', 'max-buffer-size=64k'];
  const script = 'x=$(printf "%0999d" 0); for n in $(seq 3000); do echo "$n $x"; done; echo the last line';
  docker('create', '--name', 'dropping', ...options, ...buffer, 'busybox', 'sh', '-c', script);
  docker('start', 'dropping');
  const lines = docker('logs', '-f', 'dropping').split('\n');
  assert.deepEqual([lines.length, lines.at(-1)], [3001, 'the last line']);
  await until('it is told', () =>
    /messages are dropped: the buffer of 65536 bytes is full \(mode=non-blocking\)/.test(engine.log),
  );
  docker('rm', '-f', 'dropping');
  assert.match(
    engine.docker('create', '--log-opt', 'max-buffer-size=1m', 'busybox', 'true').err,
    /logger: max-buffer-size option is only supported with 'mode=non-blocking'/,
  );
  for (const socket of sockets) socket.destroy();
  server.close();
});
