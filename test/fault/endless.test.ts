/**
 * What a container, an image, a client or a registry can make without end: each is refused or cut at a bound, and the
 * API answers others meanwhile. The longest silence is printed; what is asserted holds on a busy machine.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { after, before, beforeEach, describe, test, type TestContext } from 'node:test';
import { PingSampler } from '../harness/ping-sampler.ts';
import { writeFile } from '../harness/host.ts';
import { sleep, TestEngine, until } from '../harness/test-engine.ts';

const MAX_SILENCE_MS = 5000;
/**
 * What the daemon may hold. How late its garbage is collected differs from machine to machine; what is sent here
 * without end, held, would be more than this.
 */
const MAX_MEMORY_KB = 1 << 20;

let engine: TestEngine;
let sampler: PingSampler;
let restKb: number;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'chatty', 'busybox', 'sh', '-c', 'while :; do echo hello hello hello hello; done');
  engine.ok('run', '-d', '--name', 'quiet', 'busybox', 'sleep', '10000');
  sampler = await PingSampler.start(engine);
  restKb = memoryKb();
});

after(async () => {
  sampler.stop();
  await engine.destroy();
});

beforeEach(async () => void (await sampler.longestSilenceMs()));

const memoryKb = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${engine.pid}/status`, 'utf8'))![1]);

async function assertAnswered(t: TestContext): Promise<void> {
  const silenceMs = await sampler.longestSilenceMs();
  const heldKb = memoryKb();
  t.diagnostic(`longest silence ${silenceMs} ms, memory ${(heldKb / restKb).toFixed(1)} times`);
  assert.ok(silenceMs < MAX_SILENCE_MS, `no answer for ${silenceMs} ms`);
  assert.ok(heldKb < MAX_MEMORY_KB, `${heldKb} kB are held, ${(heldKb / restKb).toFixed(1)} times as much as at first`);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks without holding this process up, which the docker command would. */
function call(method: string, path: string, body?: object | string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: engine.socket, method, path: `/v1.51${path}`, headers: { 'content-type': 'application/json' } },
      (response) => {
        const parts: Buffer[] = [];
        response
          .on('data', (part: Buffer) => parts.push(part))
          .on('end', () => resolve({ status: response.statusCode!, text: Buffer.concat(parts).toString() }));
      },
    );
    asked.on('error', reject);
    asked.end(typeof body === 'string' ? body : body && JSON.stringify(body));
  });
}

const idOf = ({ text }: Answer): string => (JSON.parse(text) as { Id: string }).Id;

/** The answer to the start of an exec. */
/** Of the create where that is refused, as for a user who is named and not there. */
async function execAs(container: string, user: string): Promise<Answer> {
  const created = await call('POST', `/containers/${container}/exec`, { Cmd: ['true'], User: user });
  if (created.status !== 201) return created;
  return call('POST', `/exec/${idOf(created)}/start`, { Detach: true });
}

const UPGRADE = 'Host: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n';

/** A bare connection that has sent `head`; what comes is read or not. */
function open(head: string, reading = true): Socket {
  const socket = connect(engine.socket);
  socket.on('error', () => {});
  socket.write(head);
  if (reading) socket.resume();
  return socket;
}

async function openExec(container: string, cmd: readonly string[], reading = true): Promise<Socket> {
  const id = idOf(
    await call('POST', `/containers/${container}/exec`, {
      Cmd: cmd,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    }),
  );
  const body = '{"Detach":false}';
  return open(
    `POST /v1.51/exec/${id}/start HTTP/1.1\r\n${UPGRADE}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    reading,
  );
}

describe('files of a container', () => {
  test('a passwd and a group of 150 MB: exec, start and probes are refused with the file, its size and the bound', async (t) => {
    const fill =
      'yes user:x:1000:1000::/home/user:/bin/sh | head -c 150000000 | tee /etc/group >> /etc/passwd && touch /ready && sleep 10000';
    engine.ok(
      'run',
      '-d',
      '--name',
      'big',
      '--restart',
      'always',
      '--health-cmd',
      'true',
      '--health-interval',
      '1s',
      'busybox',
      'sh',
      '-c',
      fill,
    );
    await until(
      'the files are there',
      async () => (await call('HEAD', '/containers/big/archive?path=/ready')).status === 200,
      60_000,
    );
    await sampler.longestSilenceMs();
    const sentence = /\/etc\/passwd of container big is 1500000\d\d bytes long: at most 16777216 bytes are read/;
    for (const user of ['', 'user', 'nobody', '1000']) assert.match((await execAs('big', user)).text, sentence);
    await until('a probe said so', async () => sentence.test((await call('GET', '/containers/big/json')).text));
    assert.equal((await call('POST', '/containers/big/stop?t=0')).status, 204);
    assert.match((await call('POST', '/containers/big/start')).text, sentence);
    await assertAnswered(t);
    assert.equal((await call('DELETE', '/containers/big?force=1')).status, 204);
  });

  test("FIFOs in the place of passwd, group and hosts are nobody's names, and not waited for", async (t) => {
    engine.ok(
      'run',
      '-d',
      '--name',
      'fifo',
      'busybox',
      'sh',
      '-c',
      'rm /etc/passwd; mkfifo /etc/passwd /etc/group; sleep 10000',
    );
    await until(
      'they are there',
      async () => (await call('HEAD', '/containers/fifo/archive?path=/etc/group')).status === 200,
    );
    // Nor does the runtime look for the home in it.
    const exec = await openExec('fifo', ['sh', '-c', 'echo home $HOME']);
    const said = await new Promise<string>((resolve) => {
      let text = '';
      exec.on('data', (part: Buffer) => (text += part.toString())).once('end', () => resolve(text));
    });
    assert.match(said, /home \/\n/);
    assert.match((await execAs('fifo', 'web')).text, /unable to find user web/);
    assert.equal((await call('POST', '/containers/fifo/restart?t=0')).status, 204);
    await assertAnswered(t);
    await call('DELETE', '/containers/fifo?force=1');
  });

  test('a hosts file of 300 MB stays as it is while what it links to comes and goes', async (t) => {
    engine.ok('run', '-d', '--name', 'db', 'busybox', 'sleep', '10000');
    engine.ok(
      'run',
      '-d',
      '--name',
      'web',
      '--link',
      'db:database',
      'busybox',
      'sh',
      '-c',
      'yes 10.9.9.9 mine | head -c 300000000 >> /etc/hosts; touch /ready; sleep 10000',
    );
    await until(
      'it is there',
      async () => (await call('HEAD', '/containers/web/archive?path=/ready')).status === 200,
      60_000,
    );
    await sampler.longestSilenceMs();
    for (let round = 0; round < 2; round++)
      assert.equal((await call('POST', '/containers/db/restart?t=0')).status, 204);
    engine.ok('network', 'create', 'other');
    engine.ok('network', 'connect', 'other', 'web');
    await assertAnswered(t);
    assert.match(engine.log, /too long to be kept up to date/);
    for (const name of ['web', 'db']) await call('DELETE', `/containers/${name}?force=1`);
  });
});

describe('output', () => {
  test('of an exec, with a reader and without one', async (t) => {
    const sockets = await Promise.all(
      [true, true, false, false].map((reading) => openExec('quiet', ['yes', 'x'.repeat(1000)], reading)),
    );
    await sleep(3000);
    await assertAnswered(t);
    for (const socket of sockets) socket.destroy();
    engine.ok('exec', 'quiet', 'killall', 'yes');
  });

  test('of a probe: its beginning is kept, with three dots', async (t) => {
    engine.ok(
      'run',
      '-d',
      '--name',
      'probed',
      '--health-cmd',
      'yes ä',
      '--health-interval',
      '500ms',
      '--health-timeout',
      '2s',
      'busybox',
      'sleep',
      '10000',
    );
    const probes = async () =>
      (
        JSON.parse((await call('GET', '/containers/probed/json')).text) as {
          State: { Health: { Log: { Output: string }[] } };
        }
      ).State.Health.Log;
    await until('a probe has ended', async () => (await probes()).length > 0);
    const said = (await probes())[0]!.Output.replace(/^Health check exceeded timeout \(2s\): /, '');
    assert.match(said, /^(ä\n)+.{0,2}\.\.\.$/s);
    assert.equal(Buffer.byteLength(said.replace(/.?\.\.\.$/s, '')) > 4000, true);
    assert.ok(Buffer.byteLength(said) <= 4096 + 8);
    await assertAnswered(t);
    await call('DELETE', '/containers/probed?force=1');
  });

  test('a line of 100 MB: logs give it, tail finds the line behind it', async (t) => {
    engine.ok(
      'run',
      '--name',
      'line',
      'busybox',
      'sh',
      '-c',
      'head -c 100000000 /dev/zero | tr "\\0" x; echo; echo after',
    );
    await sampler.longestSilenceMs();
    assert.ok((await call('GET', '/containers/line/logs?stdout=1')).text.length > 100_000_000);
    assert.match((await call('GET', '/containers/line/logs?stdout=1&tail=1')).text, /after\n$/);
    await assertAnswered(t);
    await call('DELETE', '/containers/line?force=1');
  });

  test("twenty readers of a chatty container's logs", async (t) => {
    const readers = Array.from({ length: 20 }, () =>
      open('GET /v1.51/containers/chatty/logs?follow=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\n\r\n'),
    );
    await sleep(4000);
    await assertAnswered(t);
    for (const socket of readers) socket.destroy();
  });

  test('clients that read nothing: attach, logs, events', async (t) => {
    const heads = [
      'POST /v1.51/containers/chatty/attach?stream=1&stdout=1',
      'GET /v1.51/containers/chatty/logs?follow=1&stdout=1',
      'GET /v1.51/events',
      'GET /v1.51/containers/quiet/stats',
    ];
    const sockets = heads.flatMap((head) =>
      Array.from({ length: 5 }, () =>
        open(`${head} HTTP/1.1\r\n${head.startsWith('POST') ? UPGRADE : 'Host: x\r\n'}\r\n`, false),
      ),
    );
    await sleep(2000);
    await assertAnswered(t);
    for (const socket of sockets) socket.destroy();
  });

  test('180 streams that are cut at once', async (t) => {
    const heads = [
      'POST /v1.51/containers/chatty/attach?stream=1&stdout=1&stdin=1',
      'GET /v1.51/containers/chatty/logs?follow=1&stdout=1',
      'GET /v1.51/containers/quiet/stats',
    ];
    const sockets = [
      ...heads.flatMap((head) =>
        Array.from({ length: 30 }, () =>
          open(`${head} HTTP/1.1\r\n${head.startsWith('POST') ? UPGRADE : 'Host: x\r\n'}\r\n`),
        ),
      ),
      ...(await Promise.all(Array.from({ length: 90 }, () => openExec('quiet', ['cat'])))),
    ];
    await sleep(1000);
    for (const socket of sockets) socket.destroy();
    await until(
      'the execs have ended',
      async () =>
        (JSON.parse((await call('GET', '/containers/quiet/json')).text) as { ExecIDs: string[] | null }).ExecIDs ===
        null,
      60_000,
    );
    await assertAnswered(t);
  });
});

describe('requests', () => {
  test('a thousand clients that come while the daemon has no time wait for it, and are served', async () => {
    const { pid } = engine;
    const answers: Promise<string>[] = [];
    process.kill(pid, 'SIGSTOP');
    try {
      for (let i = 0; i < 1000; i++) {
        const socket = connect(engine.socket);
        socket.write('GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        answers.push(
          new Promise((resolve) =>
            socket
              .once('data', (data) => resolve(String(data).slice(0, 12)))
              .once('error', (error) => resolve(error.message))
              .once('close', () => resolve('closed')),
          ),
        );
      }
      await sleep(0);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    assert.deepEqual([...new Set(await Promise.all(answers))], ['HTTP/1.1 200']);
  });

  test('filters that others would try for hours are answered, and those that would be lists of billions are refused by name', async (t) => {
    const name = `${'a'.repeat(60)}-`;
    engine.ok('create', '--name', name, 'busybox');
    engine.ok('network', 'create', name);
    engine.ok('tag', 'busybox', `${'a'.repeat(60)}:b`);
    const ask = (path: string, filters: object): Promise<Answer> =>
      call('GET', `${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`);
    const found = async (path: string, filters: object): Promise<number> =>
      (JSON.parse((await ask(path, filters)).text) as unknown[]).length;
    for (const [pattern, count] of [
      ['^(a+)+$', 0],
      ['^(a+)+-$', 1],
    ] as const) {
      assert.equal(await found('/containers/json', { name: [pattern], status: ['created'] }), count, pattern);
      assert.equal(await found('/networks', { name: [pattern] }), count, pattern);
    }
    assert.equal(await found('/images/json', { reference: [`${'*a'.repeat(30)}c`] }), 0);
    assert.equal(await found('/images/json', { reference: [`${'*a'.repeat(30)}`] }), 1);
    for (const path of ['/containers/json', '/networks'])
      assert.match((await ask(path, { name: ['(((.{10}){10}){10})'] })).text, /it takes too long to match/);
    for (const range of ['1-4000000000', '1-99999'])
      assert.match((await ask('/containers/json', { expose: [range] })).text, /invalid port/);
    await assertAnswered(t);
    engine.ok('rm', name);
    engine.ok('network', 'rm', name);
    engine.ok('rmi', `${'a'.repeat(60)}:b`);
  });

  test('labels of 10 MB are refused with their size and the bound', async (t) => {
    const labels = Object.fromEntries(
      Array.from({ length: 10 }, (_, index) => [`label${index}`, 'x'.repeat(1_000_000)]),
    );
    const { status, text } = await call('POST', '/containers/create', { Image: 'busybox', Labels: labels });
    assert.match(text, /the labels are 10000060 bytes long: at most 1048576 are kept/);
    assert.equal(status, 400);
    await assertAnswered(t);
  });

  test('labels of networks and volumes have the same bound', async (t) => {
    const labels = (bytes: number): Record<string, string> => ({ label: 'x'.repeat(bytes - 'label'.length) });
    const volume = (bytes: number): object => ({
      Image: 'busybox',
      HostConfig: {
        Mounts: [{ Type: 'volume', Source: 'labelled', Target: '/x', VolumeOptions: { Labels: labels(bytes) } }],
      },
    });
    const requests = [
      ['/networks/create', (bytes: number): object => ({ Name: 'labelled', Labels: labels(bytes) })],
      ['/volumes/create', (bytes: number): object => ({ Name: 'labelled', Labels: labels(bytes) })],
      ['/containers/create?name=labelled', volume],
    ] as const;
    for (const [path, body] of requests) {
      const { status, text } = await call('POST', path, body(1_048_577));
      assert.match(text, /the labels are 1048577 bytes long: at most 1048576 are kept/, path);
      assert.equal(status, 400);
      assert.equal((await call('POST', path, body(1_048_576))).status, 201, path);
    }
    await assertAnswered(t);
    engine.ok('rm', 'labelled');
    engine.ok('network', 'rm', 'labelled');
    engine.ok('volume', 'rm', 'labelled');
  });

  for (const [path, bound] of [
    ['/networks/create', 4_194_304],
    ['/networks/bridge/connect', 1_048_576],
    ['/containers/create', 16_777_216],
    ['/containers/quiet/exec', 4_194_304],
  ] as const) {
    test(`a body without end at ${path} gets its answer, and then the connection ends`, async (t) => {
      const socket = open(
        `POST /v1.51${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n`,
        false,
      );
      let answer = '';
      let over = false;
      socket.on('data', (part: Buffer) => (answer += part.toString()));
      socket.once('close', () => (over = true));
      const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      const push = (): void => {
        while (!over && socket.write(chunk));
        if (!over) socket.once('drain', push);
      };
      push();
      await until('the connection has ended', () => over);
      assert.match(answer, new RegExp(`^HTTP/1.1 400 [^]*request body too large: at most ${bound} bytes`));
      await assertAnswered(t);
    });
  }
});

describe('registries', () => {
  const REGISTRY = `
    const { createServer } = require('node:http');
    const config = 'sha256:' + 'c'.repeat(64);
    const manifest = JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config: { mediaType: 'x', digest: config, size: 1000 }, layers: [] });
    const flood = (response) => {
      const piece = Buffer.alloc(65536, 0x20);
      const push = () => { while (!response.destroyed && response.write(piece)); if (!response.destroyed) response.once('drain', push); };
      push();
    };
    createServer((request, response) => {
      if (request.url === '/v2/') return response.end('{}');
      if (request.url.includes('/config/manifests/')) return response.setHeader('content-type', 'application/vnd.oci.image.manifest.v1+json').end(manifest);
      if (request.url.includes('/error/')) response.statusCode = 404;
      flood(response);
    }).listen(5000, '127.0.0.1', () => console.log('ready'));
  `;

  test('a manifest, a configuration and a refusal without end', async (t) => {
    const registry = engine.host.spawn(process.execPath, ['-e', REGISTRY], { stdio: ['ignore', 'pipe', 'inherit'] });
    await new Promise((resolve) => registry.stdout!.once('data', resolve));
    t.after(() => registry.kill('SIGKILL'));
    const pull = async (name: string) =>
      (await call('POST', `/images/create?fromImage=127.0.0.1:5000/x/${name}&tag=latest`)).text;
    assert.match(
      await pull('manifest'),
      /the answer of 127\.0\.0\.1:5000 to \/v2\/x\/manifest\/manifests\/latest is longer than 4194304 bytes/,
    );
    assert.match(await pull('config'), /is longer than 1000 bytes/);
    assert.match(await pull('error'), /is longer than 65536 bytes/);
    await assertAnswered(t);
  });

  test('an archive whose manifest is endless, and one whose header is', async (t) => {
    const tar = writeFile(
      `${engine.dir}/make.sh`,
      `cd ${engine.dir} && mkdir -p big && truncate -s 100M big/manifest.json && tar -C big -cf manifest.tar manifest.json`,
    );
    engine.shell(`sh ${tar}`);
    assert.match(
      engine.docker('load', '-i', `${engine.dir}/manifest.tar`).err,
      /is 104857600 bytes long: of a manifest or an image configuration at most 4194304 are taken/,
    );
    const header = Buffer.alloc(512);
    header.write('x', 0);
    header.write('0000644\0', 100);
    header.write('77777777777\0', 124);
    header.write('        x', 148);
    header.write('ustar\x0000', 257);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    const answer = await new Promise<string>((resolve) => {
      const socket = open(
        `POST /v1.51/images/load HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n200\r\n`,
        false,
      );
      let text = '';
      socket.on('data', (part: Buffer) => (text += part.toString())).once('close', () => resolve(text));
      socket.write(header);
      socket.write('\r\n');
      const chunk = Buffer.from(`10000\r\n${'x'.repeat(65_536)}\r\n`);
      let sent = 0;
      const push = (): void => {
        while (!socket.destroyed && sent++ < 3000 && !/field too long/.test(text) && socket.write(chunk));
        if (sent >= 3000 || /field too long/.test(text)) socket.destroy();
        else socket.once('drain', push);
      };
      push();
    });
    assert.match(answer, /archive\/tar: header field too long/);
    await assertAnswered(t);
  });
});
