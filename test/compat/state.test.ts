/**
 * A container's state is what clients were told, and what ends a container does so whatever it is doing: a real daemon,
 * with processes that end at their own time.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { createConnection } from 'node:net';
import { after, before, test } from 'node:test';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start({ flags: ['--live-restore=false'] });
  engine.importFixtures();
});
after(() => engine?.destroy());

const show = (name: string, format: string): string => engine.ok('inspect', '-f', format, name);
const statusOf = (name: string): string => show(name, '{{.State.Status}}');
const restartsOf = (name: string): number => Number(show(name, '{{.RestartCount}}'));

function call(method: string, path: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath: engine.socket, method, path: `/v1.44${path}` }, resolve)
      .on('error', reject)
      .end();
  });
}

async function json(path: string): Promise<{ State: { Status: string } }> {
  let text = '';
  for await (const chunk of (await call('GET', path)).setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

test('a container that crashes again and again stays stopped, whenever that was asked for', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `loop-${index}`);
  engine.ok('run', '-d', '--name', 'control', '--restart', 'always', 'busybox', 'false');
  for (const [index, name] of names.entries()) {
    const policy = ['always', 'unless-stopped', 'on-failure'][index % 3]!;
    engine.ok('run', '-d', '--name', name, '--restart', policy, 'busybox', 'false');
    engine.ok(...(index % 2 === 0 ? ['stop', name] : ['kill', name]));
  }
  const before = names.map((name) => show(name, '{{.State.StartedAt}}'));
  const restarts = restartsOf('control');
  await until('the one that was not stopped goes on', () => restartsOf('control') > restarts, 120_000);
  assert.deepEqual(
    names.map((name) => show(name, '{{.State.Status}} {{.State.StartedAt}}')),
    before.map((at) => `exited ${at}`),
  );
  engine.ok('rm', '-f', 'control', ...names);
});

test('at the end of its output a container has ended', async () => {
  for (const tty of [[], ['-t']]) {
    for (let round = 0; round < 3; round++) {
      const id = engine.ok('create', ...tty, 'busybox', 'echo', 'last words');
      const socket = createConnection(engine.socket);
      socket.write(
        `POST /v1.44/containers/${id}/attach?stream=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n\r\n`,
      );
      await once(socket, 'data');
      let output = '';
      socket.setEncoding('latin1').on('data', (text: string) => (output += text));
      const ended = once(socket, 'end');
      assert.equal((await call('POST', `/containers/${id}/start`)).statusCode, 204);
      await ended;
      assert.equal((await json(`/containers/${id}/json`)).State.Status, 'exited');
      assert.match(output, /last words/);
      socket.destroy();
      assert.equal((await call('DELETE', `/containers/${id}`)).statusCode, 204);
    }
  }
});

test('at its `die` event a container has ended and can be removed', async () => {
  const events = await call('GET', `/events?filters=${encodeURIComponent('{"event":["die"]}')}`);
  const stream = events.setEncoding('utf8')[Symbol.asyncIterator]();
  for (let round = 0; round < 3; round++) {
    const id = engine.ok('run', '-d', 'busybox', 'true');
    let line: string;
    do line = (await stream.next()).value as string;
    while (!line.includes(id));
    assert.equal((await json(`/containers/${id}/json`)).State.Status, 'exited');
    assert.equal((await call('DELETE', `/containers/${id}`)).statusCode, 204);
  }
  events.destroy();
});

test('a container is committed and copied from while it ends', () => {
  for (let round = 0; round < 3; round++) {
    const id = engine.ok('run', '-d', 'busybox', 'true');
    engine.ok('commit', id, 'ended');
    engine.ok('cp', `${id}:/etc/passwd`, '-');
    for (const asked of [
      ['top', id],
      ['exec', id, 'true'],
      ['pause', id],
    ]) {
      const { code, err } = engine.docker(...asked);
      assert.ok(code === 0 || /is not running/.test(err), `${asked[0]}: ${err}`);
    }
    engine.ok('update', '--memory', '64m', '--memory-swap', '64m', id);
    engine.ok('stats', '--no-stream', id);
    engine.ok('rm', '-f', id);
  }
});

test('a copy that is under way when its container ends is whole, and leaves nothing mounted', async () => {
  const id = engine.ok(
    'run',
    '-d',
    'busybox',
    'sh',
    '-c',
    'dd if=/dev/zero of=/big bs=1M count=48; echo written; sleep 1000',
  );
  await until('the file is written', () => engine.ok('logs', id).includes('written'), 60_000);
  const copy = await call('GET', `/containers/${id}/archive?path=/big`);
  await once(copy, 'readable');
  engine.ok('kill', id);
  assert.equal(statusOf(id), 'exited');
  let bytes = 0;
  for await (const chunk of copy) bytes += (chunk as Buffer).length;
  assert.ok(bytes > 48 * 1024 * 1024);
  const mounts = () => engine.host.run('nsenter', `--mount=/proc/${engine.pid}/ns/mnt`, 'cat', '/proc/mounts').out;
  await until('it is unmounted', () => !mounts().includes(id));
  engine.ok('start', id);
  engine.ok('rm', '-f', id);
});

for (const runtime of ['crun', 'runc']) {
  test(`stop, kill, restart and rm -f of a paused container, and any signal thaws it (${runtime})`, () => {
    const paused = (name: string, script: string): void => {
      engine.ok('run', '-d', '--runtime', runtime, '--name', name, 'busybox', 'sh', '-c', script);
      engine.ok('pause', name);
    };
    const obedient = "trap 'exit 3' TERM; while :; do sleep 0.1; done";
    paused('one', obedient);
    engine.ok('stop', 'one');
    assert.equal(show('one', '{{.State.Status}} {{.State.ExitCode}} {{.State.Paused}}'), 'exited 3 false');
    paused('two', 'sleep 1000');
    engine.ok('kill', 'two');
    assert.equal(show('two', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 137');
    paused('three', obedient);
    engine.ok('restart', 'three');
    assert.equal(statusOf('three'), 'running');
    engine.ok('exec', 'three', 'true');
    engine.ok('pause', 'three');
    engine.ok('rm', '-f', 'three');
    paused('four', 'sleep 1000');
    engine.ok('stop', '-t', '1', 'four');
    assert.equal(show('four', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 137');
    paused('five', "trap 'echo got it' USR1; while :; do sleep 0.1; done");
    engine.ok('kill', '-s', 'USR1', 'five');
    assert.equal(statusOf('five'), 'running');
    engine.ok('exec', 'five', 'true');
    engine.ok('rm', '-f', 'one', 'two', 'four', 'five');
  });
}

const always = (...args: string[]): string => engine.ok('run', '-d', '--restart', 'always', ...args);

test('a daemon answers when the containers that it starts run and find each other, in whatever order they were made', async () => {
  always('--name', 'db', 'training/postgres');
  always('--name', 'web', '--link', 'db:database', 'busybox', 'sleep', '1000');
  always('--name', 'sharer', '--network', 'container:web', '--pid', 'container:web', 'busybox', 'sleep', '1000');
  engine.ok('network', 'create', 'net');
  for (const name of ['one', 'two', 'three', 'four', 'five', 'six'])
    always('--name', name, '--network', 'net', 'busybox', 'sleep', '1000');
  const names = ['db', 'web', 'sharer', 'one', 'two', 'three', 'four', 'five', 'six'];
  await engine.restart();
  const states = engine.ok('ps', '-a', '--format', '{{.Names}} {{.State}}').split('\n').toSorted();
  assert.deepEqual(states, names.map((name) => `${name} running`).toSorted());
  assert.match(engine.ok('exec', 'web', 'cat', '/etc/hosts'), /\sdatabase\s/);
  assert.match(engine.ok('exec', 'one', 'nslookup', 'six', '127.0.0.11'), /Address.*\d+\.\d+\.\d+\.\d+/);
  engine.ok('rm', '-f', ...names);
});

test('a daemon starts a container whose host address comes late, and its network is whole', async () => {
  const address = (verb: 'add' | 'del'): void =>
    void engine.host.run('ip', 'address', verb, '192.0.2.77/32', 'dev', 'lo');
  address('add');
  engine.ok('network', 'create', 'late');
  always('--name', 'late', '--network', 'late', '-p', '192.0.2.77:8080:80', 'nginx');
  always('--name', 'beside', '--network', 'container:late', 'busybox', 'sleep', '1000');
  always('--name', 'asks', '--network', 'late', 'busybox', 'sleep', '1000');
  await engine.stop();
  address('del');
  await engine.boot();
  assert.equal(show('asks', '{{.State.Status}}'), 'running');
  assert.match(show('late', '{{.State.Status}} {{.State.Error}}'), /^exited .*cannot assign requested address/);
  address('add');
  await until('both run', () => show('beside', '{{.State.Status}}') === 'running', 60_000);
  assert.equal(show('late', '{{.State.Status}}{{.State.Error}}'), 'running');
  const page = engine.host.run('curl', '-s', '--max-time', '5', 'http://192.0.2.77:8080/').out;
  assert.match(page, /Welcome/);
  assert.match(engine.ok('exec', 'asks', 'wget', '-qO-', 'http://late/'), /Welcome/);
  assert.match(engine.ok('port', 'late'), /192\.0\.2\.77:8080/);
  engine.ok('rm', '-f', 'late', 'beside', 'asks');
});
