/** Input and output of run, exec, start and attach through real clients: nothing of the output is lost, whatever becomes of the input. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { hijacked, joined } from '../api/hijacked.ts';
import { callApi } from '../harness/call-api.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start({ flags: ['-H', 'tcp://127.0.0.1:2375'] });
  // How long the kernel remembers a connection whose client has gone: only then is a probe of the daemon answered so.
  engine.host.sysctl('net.ipv4.tcp_fin_timeout', '1');
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'long', 'busybox', 'sleep', '100000');
});
after(() => engine?.destroy());

/** What becomes of 1.3 MB of input -> the script and what it prints. */
const FATES: Readonly<Record<string, readonly [script: string, printed: string]>> = {
  'is not read': ['echo hi', 'hi'],
  'is read in part': ['head -n 1', '1'],
  'is closed at once': ['exec <&-; seq 20000 | tail -n 1', '20000'],
  'is read in part, and more output follows than any buffer holds': ['head -n 1; seq 300000 | md5sum', ''],
  'is read whole': ['wc -l', '200000'],
};
// The digest of what seq prints: output of 2 MB is compared whole, on this side.
const DIGEST = 'md5sum | cut -c1-32';

/** The ways to give a process input: a shell command line with CLIENT, and the script as $1. */
const WAYS: Readonly<Record<string, string>> = {
  run: 'seq 200000 | CLIENT run --rm -i busybox sh -c "$1"',
  exec: 'seq 200000 | CLIENT exec -i long sh -c "$1"',
  start:
    'id=$(CLIENT create -i busybox sh -c "$1") && seq 200000 | CLIENT start -ai "$id"; CLIENT rm -f "$id" >/dev/null',
  attach:
    'id=$(CLIENT run -di busybox sh -c "read go; $1") && { echo go; seq 200000; } | CLIENT attach "$id"; CLIENT rm -f "$id" >/dev/null',
};

for (const client of ['docker', `${PROJECT}/bin/causeway`]) {
  const name = client.split('/').at(-1)!;
  for (const [way, line] of Object.entries(WAYS)) {
    test(`${name} ${way}: output comes to its end, whether or not the input does`, () => {
      for (const [fate, [script, printed]] of Object.entries(FATES)) {
        if (way === 'attach' && fate === 'is read whole') continue; // its end is not the process's: others may attach
        const huge = printed === '';
        const given = huge ? 'head -n 1 >/dev/null; seq 300000' : script;
        const command = line.replaceAll('CLIENT', client);
        const piped = huge ? `{ ${command}; } | ${DIGEST}` : command;
        const wanted = huge ? engine.shell(`seq 300000 | ${DIGEST}`).out : `${printed}\n`;
        const ran = engine.host.run(
          'env',
          `DOCKER_HOST=${engine.url}`,
          `CAUSEWAY_HOST=${engine.url}`,
          'sh',
          '-c',
          piped,
          'sh',
          given,
        );
        assert.equal(ran.out, wanted, `input ${fate}: ${ran.err}`);
      }
    });
  }
}

async function post(path: string, body?: object): Promise<string> {
  const { status, text } = await callApi(engine.socket, 'POST', path, body, 60_000);
  assert.ok(status < 300, `${path}: ${status} ${text}`);
  return text;
}

const idOf = (text: string): string => (JSON.parse(text) as { Id: string }).Id;
const open = (path: string, json = '') => hijacked({ socketPath: engine.socket }, path, { json });

for (const Tty of [false, true]) {
  // A terminal would show the input between the output, and change both.
  const prepare = Tty ? 'stty raw -echo; ' : '';
  const scripts = {
    'is not read': `${prepare}echo ready; read go; seq 50000; echo done`,
    'is closed early': `${prepare}echo ready; read go; exec <&-; seq 50000; echo done`,
  };
  const streams = { AttachStdin: true, AttachStdout: true, AttachStderr: true };
  const opens = {
    exec: async (script: string) => {
      const id = idOf(await post('/containers/long/exec', { Cmd: ['sh', '-c', script], Tty, ...streams }));
      return open(`/exec/${id}/start`, JSON.stringify({ Tty }));
    },
    run: async (script: string) => {
      const process = { Cmd: ['sh', '-c', script], Tty, OpenStdin: true, StdinOnce: true };
      const id = idOf(await post('/containers/create', { Image: 'busybox', ...process, ...streams }));
      const attached = await open(`/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
      await post(`/containers/${id}/start`);
      return attached;
    },
  };
  for (const [way, begin] of Object.entries(opens)) {
    test(`${way}, ${Tty ? 'with a terminal' : 'without a terminal'}: all output comes while the client goes on sending`, async () => {
      for (const [fate, script] of Object.entries(scripts)) {
        const session = await begin(script);
        await session.until(() => session.body().includes('ready'));
        session.socket.on('error', () => {});
        session.socket.write(`go\n${'x'.repeat(300_000)}`);
        const output = await session.end();
        session.socket.destroy();
        const text = Tty ? output.toString() : (joined(output)[1] ?? '');
        const lines = text.split(/\r?\n/);
        assert.deepEqual([lines.length, lines[0], lines.at(-2)], [50_003, 'ready', 'done'], `input ${fate}`);
      }
    });
  }
}

/** What a client may watch of a container that says nothing. */
const WATCHES: Readonly<Record<string, string>> = {
  'attach with stdin': 'POST /containers/ID/attach?stream=1&stdin=1&stdout=1',
  'attach without stdin': 'POST /containers/ID/attach?stream=1&stdout=1&stderr=1',
  'logs -f': 'GET /containers/ID/logs?follow=1&stdout=1&stderr=1',
  events: 'GET /events?filters=%7B%22label%22%3A%5B%22none%22%5D%7D',
  stats: 'GET /containers/ID/stats',
};
/** Opens 30 of them, as a client does that sends nothing more; says so, and stays. Killed, it leaves without a word. */
const WATCHER = String.raw`
  const [where, request] = process.argv.slice(1);
  const upgrade = request.startsWith('POST') ? 'Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n' : '';
  const place = where.startsWith('/') ? { path: where } : { host: '127.0.0.1', port: where };
  let open = 0;
  for (let one = 0; one < 30; one++) {
    const socket = require('net').connect({ ...place, allowHalfOpen: true });
    socket.write(request + ' HTTP/1.1\r\nHost: docker\r\n' + upgrade + '\r\n');
    socket.once('data', () => {
      if (++open === 30) console.log('open');
      if (upgrade && !request.includes('stdin') && one % 2) socket.end(); // its half, as docker does
    });
  }`;

for (const [watch, request] of Object.entries(WATCHES)) {
  test(`${watch}: clients that leave are noticed, over a unix socket and TCP, though the container says nothing`, async () => {
    const info = async (): Promise<{ NFd: number; NGoroutines: number }> => {
      const { text } = await callApi(engine.socket, 'GET', '/info', undefined, 60_000);
      return JSON.parse(text) as { NFd: number; NGoroutines: number };
    };
    for (const where of [engine.socket, '2375']) {
      const before = await info();
      const line = request.replace('ID', 'long');
      const client = engine.host.spawn(process.execPath, ['-e', WATCHER, where, line], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      try {
        const ended = once(client, 'exit').then(() => assert.fail('the client ended'));
        await Promise.race([once(client.stdout!, 'data'), ended]);
        ended.catch(() => {}); // it is killed
        const during = await info();
        assert.ok(during.NFd > before.NFd + 20, `descriptors: ${before.NFd}, then ${during.NFd}`);
        assert.ok(
          during.NGoroutines > before.NGoroutines + 20,
          `at work: ${before.NGoroutines}, then ${during.NGoroutines}`,
        );
      } finally {
        client.kill('SIGKILL');
      }
      await until(`it is as before at ${where}`, async () => {
        const now = await info();
        return now.NFd < before.NFd + 10 && now.NGoroutines < before.NGoroutines + 10;
      });
    }
  });
}

test('docker-py and the Ansible plugin: of 200 execs and more by four clients none loses its output', () => {
  const ran = engine.host.run(
    '/usr/bin/python3',
    join(PROJECT, 'test/compat/docker-py/exec.py'),
    engine.socket,
    'long',
    '200',
  );
  assert.deepEqual([ran.code, ran.out], [0, '260 calls\n'], ran.err);
});

test('a websocket of another implementation: input, output, its close ends the input of what was started for it', () => {
  const id = engine.ok('create', '-i', 'busybox', 'sh', '-c', 'cat; exit 7');
  engine.ok('start', id);
  const script = join(PROJECT, 'test/compat/docker-py/attach-websocket.py');
  const ran = engine.host.run('/usr/bin/python3', script, engine.socket, id);
  assert.deepEqual([ran.code, ran.out], [0, '100001\n'], ran.err);
  assert.equal(engine.ok('wait', id), '7');
});

test('exec of a user who is not there is refused when it is created, as by Docker 28; who has gone by the start is 126', async () => {
  const wanted: readonly (readonly [user: string, words: string])[] = [
    ['nosuch', 'unable to find user nosuch: no matching entries in passwd file'],
    ['0:nosuch', 'unable to find group nosuch: no matching entries in group file'],
    ['99999999999', 'uids and gids must be in range 0-2147483647'],
  ];
  const call = (method: string, path: string, body?: unknown) =>
    callApi(engine.socket, method, `/v1.51${path}`, body, 60_000);
  const create = (User: string) => call('POST', '/containers/long/exec', { Cmd: ['true'], User, AttachStdout: true });
  for (const [user, words] of wanted) {
    const { status, message } = await create(user);
    assert.deepEqual([status, message], [400, words]);
    for (const client of ['docker', `${PROJECT}/bin/causeway`])
      for (const flags of [[], ['-t'], ['-d']]) {
        const line = ['exec', ...flags, '-u', user, 'long', 'true'];
        const env = [`DOCKER_HOST=${engine.url}`, `CAUSEWAY_HOST=${engine.url}`];
        const { code, out, err } = engine.host.run('env', ...env, client, ...line);
        assert.deepEqual([code, out, err], [1, '', `Error response from daemon: ${words}\n`], line.join(' '));
      }
  }
  engine.ok('exec', 'long', 'sh', '-c', 'echo leaving:x:7:7::/:/bin/sh >>/etc/passwd');
  const created = await create('leaving');
  assert.equal(created.status, 201);
  const { Id } = JSON.parse(created.text) as { Id: string };
  engine.ok('exec', 'long', 'sh', '-c', 'sed -i /leaving/d /etc/passwd');
  await call('POST', `/exec/${Id}/start`, { Detach: true });
  const { ExitCode, Running } = JSON.parse((await call('GET', `/exec/${Id}/json`)).text) as Record<string, unknown>;
  assert.deepEqual([ExitCode, Running], [126, false]);
});
