/** Archives that are large, slow or made to hurt go into containers while everybody else is answered. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { request, type ClientRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { formatTarHeader, type TarHeader } from '../../src/base/tar-headers.ts';
import { check, run } from '../harness/host.ts';
import { digestOf } from '../../src/image/blob-store.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

/** On a quiet machine it is some milliseconds. */
const ANSWERS_WITHIN_MS = 5_000;
let engine: TestEngine;
/** Mounted before the daemon starts, whose namespace need not see what is mounted later. */
let directory: string;

before(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cwt-large-'));
  for (const name of ['memory', 'disk']) mkdirSync(join(directory, name));
  // Into memory go many files: what a disk does with them is not what this is about. The disk can be stopped.
  check(run('mount', ['-t', 'tmpfs', '-o', 'nr_inodes=200k', 'tmpfs', join(directory, 'memory')]));
  writeFileSync(join(directory, 'image'), '');
  truncateSync(join(directory, 'image'), 64 * 1024 * 1024);
  check(run('mkfs.ext4', ['-q', join(directory, 'image')]));
  check(run('mount', ['-o', 'loop', join(directory, 'image'), join(directory, 'disk')]));
  engine = await TestEngine.start();
  engine.importFixtures();
});

after(async () => {
  await engine.destroy();
  for (const name of ['memory', 'disk']) run('umount', ['-l', join(directory, name)]);
  rmSync(directory, { recursive: true, force: true });
});

function header(name: string, rest: Partial<TarHeader> = {}): Buffer {
  const plain = {
    mode: 0o755,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    mtimeS: 1,
    type: '0',
    linkName: '',
    userName: '',
    groupName: '',
    deviceMajor: 0,
    deviceMinor: 0,
  };
  return formatTarHeader({ ...plain, name, ...rest });
}

function put(container: string, path: string): { body: ClientRequest; status: Promise<string> } {
  const body = request({
    socketPath: engine.socket,
    method: 'PUT',
    path: `/containers/${container}/archive?path=${path}&noOverwriteDirNonDir=1`,
  });
  const status = new Promise<string>((resolve) => {
    body.on('error', (error) => resolve(error.message)).on('close', () => resolve('closed'));
    body.on('response', (response) => {
      let text = '';
      response
        .on('data', (chunk: Buffer) => (text += chunk.toString()))
        .on('end', () => resolve(`${response.statusCode} ${text}`));
    });
  });
  return { body, status };
}

async function send(body: ClientRequest, chunks: Iterable<Buffer>): Promise<void> {
  const gone = new Promise((resolve) => body.once('close', resolve));
  for (const chunk of chunks) {
    if (body.destroyed) return;
    if (!body.write(chunk)) await Promise.race([once(body, 'drain'), gone]);
  }
  body.end();
}

async function answerTimeMs(): Promise<number> {
  const from = performance.now();
  assert.ok(
    await new Promise((resolve) => {
      const ping = request({ socketPath: engine.socket, path: '/_ping' }, (response) =>
        response.resume().on('end', () => resolve(response.statusCode === 200)),
      );
      ping
        .on('error', () => resolve(false))
        .setTimeout(60_000, () => ping.destroy())
        .end();
    }),
    'it answers',
  );
  return performance.now() - from;
}

/** Asks all the time while `work` goes on; each answer has to come in time. */
async function answersDuring<T>(t: TestContext, what: string, work: Promise<T>): Promise<T> {
  const times: number[] = [];
  let going = true;
  const end = work.finally(() => (going = false));
  end.catch(() => {});
  do {
    times.push(await answerTimeMs());
    await sleep(20);
  } while (going);
  const sorted = times.sort((a, b) => a - b);
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!);
  t.diagnostic(`${what}: ${times.length} answers, median ${at(0.5)} ms, 99 % ${at(0.99)} ms, slowest ${at(1)} ms`);
  assert.ok(sorted.at(-1)! < ANSWERS_WITHIN_MS, `${what}: an answer took ${at(1)} ms`);
  return end;
}

test('the API answers while 100,000 small entries are copied in', async (t) => {
  const volume = join(directory, 'memory');
  engine.ok('create', '--name', 'many', '-v', `${volume}:/v`, 'busybox', 'true');
  function* entries() {
    for (let d = 0; d < 100; d++) {
      const files = [header(`many/${d}/`, { type: '5' })];
      for (let f = 0; f < 1000; f++) files.push(header(`many/${d}/${f}`));
      yield Buffer.concat(files);
    }
    yield Buffer.alloc(1024);
  }
  const { body, status } = put('many', '/v');
  await answersDuring(t, '100,000 entries', Promise.all([send(body, entries()), status]));
  assert.equal(await status, '200 ');
  assert.equal(check(run('sh', ['-c', `find ${volume}/many | wc -l`])).out.trim(), '100101');
  engine.ok('rm', 'many');
});

test('the API answers while a file of 1 GB is copied in', async (t) => {
  engine.ok('create', '--name', 'big', 'busybox', 'true');
  const file = join(engine.dir, 'gigabyte');
  writeFileSync(file, '');
  truncateSync(file, 1_000_000_000);
  const client = engine.host.spawn('docker', ['cp', file, 'big:/tmp/'], {
    env: { ...process.env, DOCKER_HOST: engine.url },
    stdio: 'ignore',
  });
  const [code] = (await answersDuring(t, '1 GB', once(client, 'exit'))) as [number];
  assert.equal(code, 0);
  assert.match(engine.ok('diff', 'big'), /A \/tmp\/gigabyte/);
  engine.ok('rm', 'big');
});

test('the API answers while the disk that is copied to has stalled, and the copy goes on when the disk does', async (t) => {
  const disk = join(directory, 'disk');
  engine.ok('create', '--name', 'stalled', '-v', `${disk}:/v`, 'busybox', 'true');
  const thaw = () => run('fsfreeze', ['--unfreeze', disk]);
  t.after(thaw);
  check(run('fsfreeze', ['--freeze', disk]));
  const { body, status } = put('stalled', '/v');
  let settled = false;
  void status.then(() => (settled = true));
  await send(body, [header('file', { sizeBytes: 4 }), Buffer.from('text'.padEnd(512, '\0')), Buffer.alloc(1024)]);
  await answersDuring(t, 'stalled disk', sleep(1500));
  assert.equal(settled, false, `it waits for the disk, and did not answer ${settled ? await status : 'anything'}`);
  check(thaw());
  assert.equal(await status, '200 ');
  assert.equal(check(run('cat', [join(disk, 'file')])).out, 'text');
  engine.ok('rm', '-f', 'stalled');
});

test('a slow archive delays no other request and is dropped with its client', async (t) => {
  // A stopped container is one copy's at a time.
  engine.ok('run', '-d', '--name', 'slow', 'busybox', 'sleep', '1000');
  const slow = Array.from({ length: 12 }, () => put('slow', '/tmp'));
  for (const [i, { body }] of slow.entries()) body.write(header(`slow${i}`, { sizeBytes: 1_000_000 }));
  const other = put('slow', '/tmp');
  await answersDuring(
    t,
    'trickling',
    Promise.all([send(other.body, [header('quick'), Buffer.alloc(1024)]), other.status]),
  );
  assert.equal(await other.status, '200 ');
  for (const { body } of slow) body.destroy();
  await Promise.all(slow.map(({ status }) => status));
  // Nothing of them keeps the file system: the container can go.
  engine.ok('rm', '-f', 'slow');
});

test('a load or an import whose client leaves while it is unpacked ends there, and nothing stays', async () => {
  const store = (name: string) => readdirSync(join(engine.dataRoot, 'image', name));
  const blobs = store('blobs/sha256').length;
  // One file, made 300,000 times.
  const layer = Buffer.concat([Buffer.alloc(300_000 * 512, header('f')), Buffer.alloc(1024)]);
  const config = JSON.stringify({
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
  });
  const manifest = JSON.stringify([{ Config: 'c.json', Layers: ['l.tar'], RepoTags: ['left:latest'] }]);
  const file = (name: string, content: Buffer) =>
    Buffer.concat([
      header(name, { sizeBytes: content.length }),
      content,
      Buffer.alloc((512 - (content.length % 512)) % 512),
    ]);
  const archive = (form: Buffer) =>
    Buffer.concat([
      file('c.json', Buffer.from(config)),
      file('l.tar', form),
      file('manifest.json', Buffer.from(manifest)),
      Buffer.alloc(1024),
    ]);
  for (const [path, body] of [
    ['/images/load', archive(layer)],
    ['/images/load', archive(gzipSync(layer, { level: 1 }))],
    ['/images/create?fromSrc=-&repo=left', gzipSync(layer, { level: 1 })],
  ] as const) {
    const call = request({
      socketPath: engine.socket,
      method: 'POST',
      path,
      headers: { 'Content-Length': body.length },
    });
    call.on('error', () => {});
    call.end(body);
    await until(
      `${path} is being unpacked`,
      () => store('unpack').some((name) => readdirSync(join(engine.dataRoot, 'image/unpack', name)).includes('f')),
      60_000,
    );
    call.destroy();
    await until(
      `nothing of ${path} is left`,
      () => store('unpack').length === 0 && store('ingest').length === 0 && store('blobs/sha256').length === blobs,
      60_000,
    );
    assert.equal(engine.ok('images', '-q', 'left'), '');
  }
});
