/** pull and push against Debian's docker-registry, with skopeo as the other client. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { ImageStore } from '../../src/image/image-store.ts';
import { digestOf } from '../../src/image/blob-store.ts';
import {
  BUSYBOX_TREE,
  importTree,
  listing,
  openStore,
  shell,
  startRegistry,
  temporaryDirectory,
} from './image-fixture.ts';
import type { ProgressMessage, RegistryAuth } from '../../src/model/registry.ts';

const skopeo = (...args: string[]) =>
  execFileSync('skopeo', ['--insecure-policy', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const quiet = () => {};
const login = (username: string, password: string): RegistryAuth => ({
  username,
  password,
  identityToken: '',
  registryToken: '',
  serverAddress: '',
});

async function sender(directory: string, name: string): Promise<ImageStore> {
  const { images, rootfs } = await openStore(join(directory, 'sender'));
  await importTree(images, directory, 'busybox', BUSYBOX_TREE, ['CMD ["sh"]']);
  const base = images.get('busybox');
  await rootfs.create('c1', base);
  shell('head -c 3000000 /dev/urandom > random', rootfs.mount('c1'));
  await images.commitLayer({
    base,
    upperDir: rootfs.upperDir('c1'),
    config: base.config,
    changes: [],
    ref: name,
    author: '',
    comment: '',
    createdBy: '',
  });
  await rootfs.remove('c1');
  return images;
}

function collector() {
  const messages: ProgressMessage[] = [];
  const lines = () => {
    const text = messages.map(({ id, status }) => (id === undefined ? (status ?? '') : `${id}: ${status}`));
    return [...new Set(text)].filter((line) => line !== '');
  };
  return { messages, lines, report: (message: ProgressMessage) => void messages.push(message) };
}

test('push, pull elsewhere, push again: words and digests', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const name = `${address}/x/two:v1`;
  const images = await sender(directory, name);
  const image = images.get(name);
  const short = image.diffIds.map((diffId) => diffId.slice(7, 19));
  const first = collector();
  await images.push(name, null, first.report);
  const digest = images.get(name).repoDigests[0]!.split('@')[1]!;
  const size = Number(/size: (\d+)/.exec(first.lines().at(-1)!)![1]);
  assert.equal(first.lines()[0], `The push refers to repository [${address}/x/two]`);
  assert.deepEqual(first.lines().slice(1, 3), [`${short[1]}: Preparing`, `${short[0]}: Preparing`]);
  for (const id of short) {
    assert.ok(first.lines().includes(`${id}: Pushed`));
    const shown = first.messages.filter((message) => message.id === id && message.status === 'Compressing');
    const { current, total } = shown.at(-1)?.progressDetail ?? {};
    assert.ok(total! > 0 && current === total, 'compressing shows how far it is, to its end');
  }
  assert.equal(first.lines().at(-1), `v1: digest: ${digest} size: ${size}`);
  assert.deepEqual(first.messages.at(-1), { progressDetail: {}, aux: { Tag: 'v1', Digest: digest, Size: size } });
  assert.equal(skopeo('inspect', '--tls-verify=false', '--format', '{{.Digest}}', `docker://${name}`).trim(), digest);
  assert.equal(
    digestOf(execFileSync('skopeo', ['inspect', '--tls-verify=false', '--config', '--raw', `docker://${name}`])),
    image.id,
  );

  const second = collector();
  await images.push(name, null, second.report);
  for (const id of short) assert.ok(second.lines().includes(`${id}: Layer already exists`));
  images.tag(name, `${address}/other:v2`);
  const third = collector();
  await images.push(`${address}/other:v2`, null, third.report);
  for (const id of short) assert.ok(third.lines().includes(`${id}: Mounted from x/two`), third.lines().join('\n'));

  const receiver = await openStore(join(directory, 'receiver'));
  const pulled = collector();
  await receiver.images.pull(name, null, '', pulled.report);
  const copy = receiver.images.get(name);
  assert.equal(copy.id, image.id);
  assert.deepEqual(copy.repoDigests, [`${address}/x/two@${digest}`]);
  assert.equal(copy.sizeBytes, image.sizeBytes);
  const lines = pulled.lines();
  assert.equal(lines[0], 'v1: Pulling from x/two');
  for (const layer of copy.layers) {
    const id = layer.slice(7, 19);
    const states = lines.filter((line) => line.startsWith(id)).map((line) => line.slice(14));
    assert.deepEqual(states, [
      'Pulling fs layer',
      'Downloading',
      'Verifying Checksum',
      'Download complete',
      'Extracting',
      'Pull complete',
    ]);
  }
  assert.deepEqual(lines.slice(-2), [`Digest: ${digest}`, `Status: Downloaded newer image for ${name}`]);
  const again = collector();
  await receiver.images.pull(name, null, '', again.report);
  assert.deepEqual(again.lines(), [
    'v1: Pulling from x/two',
    ...copy.layers.map((layer) => `${layer.slice(7, 19)}: Already exists`),
    `Digest: ${digest}`,
    `Status: Image is up to date for ${name}`,
  ]);
  const byDigest = collector();
  await receiver.images.pull(`${address}/other@${digest}`, null, '', byDigest.report);
  assert.equal(byDigest.lines()[0], `${digest}: Pulling from other`);
  assert.equal(receiver.images.get(`${address}/other@${digest}`).id, image.id);
  // Pushed on, an image keeps its digest.
  receiver.images.tag(name, `${address}/onward:v1`);
  await receiver.images.push(`${address}/onward`, null, quiet);
  assert.ok(receiver.images.get(name).repoDigests.includes(`${address}/onward@${digest}`));
  await receiver.rootfs.create('c', copy);
  assert.equal(shell('wc -c < random', receiver.rootfs.mount('c')).trim(), '3000000');
  await receiver.rootfs.remove('c');
});

test('what skopeo pushes is pulled: OCI manifests, zstd, lists of platforms', async (t) => {
  const directory = temporaryDirectory(t);
  const { address, storage } = await startRegistry(t, directory);
  const images = await sender(directory, 'two:v1');
  shell('mkdir w', directory);
  await import('node:fs/promises').then(async (fs) =>
    fs.writeFile(join(directory, 'w/out.tar'), await images.save(['two:v1'])),
  );
  const source = `docker-archive:${directory}/w/out.tar`;
  // In this order: skopeo remembers which compressed form it has sent, and does not send another.
  skopeo('copy', '--dest-tls-verify=false', '--format', 'v2s2', source, `docker://${address}/list:amd64`);
  skopeo(
    'copy',
    '--dest-tls-verify=false',
    '--format',
    'oci',
    '--dest-compress-format',
    'zstd',
    source,
    `docker://${address}/zstd:v1`,
  );
  const receiver = await openStore(join(directory, 'receiver'));
  await receiver.images.pull(`${address}/zstd:v1`, null, '', quiet);
  assert.deepEqual(receiver.images.get(`${address}/zstd:v1`).diffIds, images.get('two:v1').diffIds);

  const raw = Buffer.from(skopeo('inspect', '--tls-verify=false', '--raw', `docker://${address}/list:amd64`));
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const entry = (os: string, architecture: string) => ({
    mediaType: type,
    digest: digestOf(raw),
    size: raw.length,
    platform: { os, architecture },
  });
  const list = async (tag: string, manifests: object[]) => {
    const mediaType = 'application/vnd.docker.distribution.manifest.list.v2+json';
    const response = await fetch(`http://${address}/v2/list/manifests/${tag}`, {
      method: 'PUT',
      headers: { 'content-type': mediaType },
      body: JSON.stringify({ schemaVersion: 2, mediaType, manifests }),
    });
    assert.equal(response.status, 201, await response.text());
  };
  await list('all', [
    entry('windows', 'amd64'),
    entry('linux', 's390x'),
    entry('linux', process.arch === 'x64' ? 'amd64' : 'arm64'),
  ]);
  await list('none', [entry('linux', 's390x')]);
  await receiver.images.pull(`${address}/list:all`, null, '', quiet);
  assert.deepEqual(receiver.images.get(`${address}/list:all`).diffIds, images.get('two:v1').diffIds);
  await assert.rejects(receiver.images.pull(`${address}/list:none`, null, 'linux/arm64/v8', quiet), {
    kind: 'notFound',
    message: 'no matching manifest for linux/arm64/v8 in the manifest list entries',
  });
  await receiver.images.pull(`${address}/list:none`, null, 'linux/s390x', quiet);

  // Asked about without being pulled.
  const { images: asking } = await openStore(join(directory, 'asking'));
  const nothing = listing(join(directory, 'asking'));
  const whole = await asking.distribution(`${address}/list:all`, null);
  assert.equal(whole.descriptor.mediaType, 'application/vnd.docker.distribution.manifest.list.v2+json');
  assert.deepEqual(whole.platforms.map(({ os, architecture }) => `${os}/${architecture}`).slice(0, 2), [
    'windows/amd64',
    'linux/s390x',
  ]);
  const single = await asking.distribution(`${address}/list:amd64`, null);
  assert.deepEqual(single.descriptor, { mediaType: type, digest: digestOf(raw), size: raw.length });
  assert.deepEqual(
    single.platforms.map(({ architecture }) => architecture),
    [images.get('two:v1').architecture],
  );
  assert.deepEqual((await asking.distribution(`${address}/list@${digestOf(raw)}`, null)).descriptor, single.descriptor);
  await assert.rejects(asking.distribution(`${address}/list`, null), {
    kind: 'notFound',
    message: 'manifest unknown: manifest unknown',
  });
  assert.deepEqual(listing(join(directory, 'asking')), nothing);

  // A blob that is not what its digest says.
  const layer = images.get('two:v1');
  shell(
    `for f in $(find ${storage} -name data -size +1000k); do printf XX | dd of=$f bs=1 seek=500000 conv=notrunc 2>/dev/null; done`,
    directory,
  );
  const other = await openStore(join(directory, 'other'));
  const before = listing(join(directory, 'other'));
  await assert.rejects(other.images.pull(`${address}/list:amd64`, null, '', quiet), {
    message: /^filesystem layer verification failed for digest sha256:/,
  });
  assert.deepEqual(listing(join(directory, 'other')), before, 'nothing stays of it');
  assert.ok(layer);
});

test('basic auth: with, without and with the wrong password', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory, { username: 'me', password: 'se:cret' });
  const name = `${address}/private:latest`;
  const images = await sender(directory, name);
  await assert.rejects(images.push(name, null, quiet), { kind: 'unauthorized', message: /no basic auth credentials$/ });
  await assert.rejects(images.push(name, login('me', 'wrong'), quiet), {
    kind: 'unauthorized',
    message: 'unauthorized: authentication required',
  });
  await images.push(name, login('me', 'se:cret'), quiet);
  const receiver = await openStore(join(directory, 'receiver'));
  await assert.rejects(receiver.images.pull(name, null, '', quiet), {
    kind: 'unauthorized',
    message: `Head "http://${address}/v2/private/manifests/latest": no basic auth credentials`,
  });
  await assert.rejects(receiver.images.pull(name, login('you', 'x'), '', quiet), {
    message: /unauthorized: authentication required/,
  });
  await receiver.images.pull(name, login('me', 'se:cret'), '', quiet);
  assert.equal(receiver.images.get(name).id, images.get(name).id);
  assert.deepEqual(await images.checkLogin({ username: 'me', password: 'se:cret', serverAddress: address }), {
    status: 'Login Succeeded',
    identityToken: '',
  });
  await assert.rejects(images.checkLogin({ username: 'me', password: 'no', serverAddress: address }), {
    kind: 'unauthorized',
    message: `login attempt to http://${address}/v2/ failed with status: 401 Unauthorized`,
  });
  const shown = async (serverAddress: string, message: string) =>
    assert.rejects(images.checkLogin({ username: 'me', password: 'no', serverAddress }), { message });
  await shown(
    `http://me:other@${address}/x`,
    `Get "https://me:xxxxx@${address}/v2/": http: server gave HTTP response to HTTPS client`,
  );
  await shown(
    'http://me:other@127.0.0.1:1/x',
    'Get "https://me:xxxxx@127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  );
  await shown('http://me:other@ho st/x', 'invalid registry address: it is no host with or without a port');
});

test('all tags of a repository', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/many:v1`);
  images.tag(`${address}/many:v1`, `${address}/many:v2`);
  images.tag('busybox', `${address}/many:v3`);
  await images.push(`${address}/many`, null, quiet);
  const receiver = await openStore(join(directory, 'receiver'));
  const seen = collector();
  const ids = await receiver.images.pull(`${address}/many`, null, '', seen.report);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(
    receiver.images
      .list()
      .flatMap((image) => image.repoTags)
      .sort(),
    ['v1', 'v2', 'v3'].map((tag) => `${address}/many:${tag}`),
  );
  assert.deepEqual(
    seen.lines().filter((line) => line.includes('Pulling from')),
    ['v1', 'v2', 'v3'].map((tag) => `${tag}: Pulling from many`),
  );
  assert.equal(seen.lines().at(-1), `Status: Downloaded newer image for ${address}/many`);
  await assert.rejects(receiver.images.pull(`${address}/nosuch`, null, '', quiet), {
    kind: 'notFound',
    message: /^repository .*\/nosuch not found: name unknown: /,
  });
});

test('what is not there', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/x:v1`);
  const none = (name: string) => images.pull(name, null, '', quiet);
  await assert.rejects(none(`${address}/nosuch:latest`), {
    kind: 'notFound',
    message: `manifest for ${address}/nosuch:latest not found: manifest unknown: manifest unknown`,
  });
  await assert.rejects(none('127.0.0.1:1/x:y'), {
    kind: 'system',
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
  await assert.rejects(none('registry.invalid/x:y'), {
    kind: 'system',
    message: /^Get "https:\/\/registry.invalid\/v2\/": dial tcp: lookup registry.invalid: /,
  });
  await assert.rejects(none('Bad'), { kind: 'invalid' });
  await assert.rejects(images.push(`${address}/y:v1`, null, quiet), {
    kind: 'notFound',
    message: `An image does not exist locally with the tag: ${address}/y`,
  });
  await assert.rejects(images.push(`${address}/x:v2`, null, quiet), {
    kind: 'notFound',
    message: `tag does not exist: ${address}/x:v2`,
  });
});

/** A proxy in front of a registry that lets a test meddle. */
async function meddler(
  t: TestContext,
  target: string,
  meddle: (request: IncomingMessage, response: ServerResponse, pass: () => void) => void,
): Promise<string> {
  const [host, port] = target.split(':');
  const server = createServer((request, response) => {
    const pass = () => {
      const out = httpRequest(
        { host, port, method: request.method, path: request.url, headers: request.headers },
        (incoming) => {
          response.writeHead(incoming.statusCode!, incoming.headers);
          incoming.pipe(response);
        },
      );
      out.on('error', () => response.destroy()); // the client went away
      request.pipe(out);
    };
    meddle(request, response, pass);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

test('a transfer that breaks off goes on where it stopped', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/x:v1`);
  await images.push(`${address}/x:v1`, null, quiet);
  const ranges: string[] = [];
  let cut = 0;
  const proxy = await meddler(t, address, (request, response, pass) => {
    if (!request.url!.includes('/blobs/')) return pass();
    if (request.headers.range) ranges.push(request.headers.range);
    if (cut++ % 2 === 0) {
      // Half of what was promised, then the line is dead.
      const out = httpRequest(`http://${address}${request.url}`, { headers: request.headers }, (incoming) => {
        response.writeHead(incoming.statusCode!, incoming.headers);
        let sent = 0;
        incoming.on('data', (chunk: Buffer) => {
          if (sent < 200_000) response.write(chunk);
          else response.destroy();
          sent += chunk.length;
        });
        incoming.on('end', () => response.end());
      });
      out.end();
      return;
    }
    pass();
  });
  const receiver = await openStore(join(directory, 'receiver'));
  const seen = collector();
  await receiver.images.pull(`${proxy}/x:v1`, null, '', seen.report);
  assert.equal(receiver.images.get(`${proxy}/x:v1`).id, images.get(`${address}/x:v1`).id);
  assert.ok(ranges.length > 0 && ranges.every((range) => /^bytes=\d{4,}-$/.test(range)), ranges.join());
  assert.ok(seen.lines().some((line) => line.endsWith('Retrying in 1 second')));
});

test('a pull that is called off leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/x:v1`);
  await images.push(`${address}/x:v1`, null, quiet);
  const stalled = await meddler(t, address, (request, response, pass) => {
    if (!request.url!.includes('/blobs/') || request.url!.includes(images.get(`${address}/x:v1`).id)) return pass();
    response.writeHead(200, { 'content-length': '100000000' });
    response.write(Buffer.alloc(50_000));
  });
  const receiver = await openStore(join(directory, 'receiver'));
  const before = listing(join(directory, 'receiver'));
  const controller = new AbortController();
  setTimeout(() => controller.abort(), 300);
  await assert.rejects(receiver.images.pull(`${stalled}/x:v1`, null, '', quiet, controller.signal), {
    message: 'context canceled',
  });
  assert.deepEqual(listing(join(directory, 'receiver')), before);
});

test('a full disk while pulling is said and leaves nothing', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/x:v1`);
  await images.push(`${address}/x:v1`, null, quiet);
  for (const [size, message] of [
    ['7m', /^failed to register layer: write \/[\w/]+: no space left on device$/],
    ['700k', /^write .*: no space left on device$/],
  ] as const) {
    shell(`mkdir small-${size}; mount -t tmpfs -o size=${size} small small-${size}`, directory);
    const root = join(directory, `small-${size}/store`);
    const small = await openStore(root);
    const before = listing(root);
    await assert.rejects(small.images.pull(`${address}/x:v1`, null, '', quiet), { kind: 'system', message });
    assert.deepEqual(listing(root), before);
  }
});

test('a token server is asked, with the scope and the account', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await sender(directory, `${address}/x:v1`);
  await images.push(`${address}/x:v1`, null, quiet);
  const asked: string[] = [];
  const guarded: string = await meddler(t, address, (request, response, pass) => {
    if (request.url!.startsWith('/token')) {
      asked.push(`${request.headers.authorization ?? '-'} ${request.url}`);
      if (request.headers.authorization === `Basic ${Buffer.from('me:wrong').toString('base64')}`) {
        response.writeHead(401).end(JSON.stringify({ details: 'incorrect username or password' }));
        return;
      }
      response.end(JSON.stringify({ token: 'abc' }));
      return;
    }
    const isSecret = request.url!.includes('/secret/');
    if (request.headers.authorization === 'Bearer abc' && !isSecret) return pass();
    const error = isSecret && request.headers.authorization ? ',error="insufficient_scope"' : '';
    const challenge = `Bearer realm="http://${request.headers.host}/token",service="the, registry",scope="repository:x:pull"${error}`;
    response
      .writeHead(401, { 'www-authenticate': challenge })
      .end(JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] }));
  });
  const receiver = await openStore(join(directory, 'receiver'));
  await receiver.images.pull(`${guarded}/x:v1`, null, '', quiet);
  await receiver.images.pull(`${guarded}/x:v1`, login('me', 'right'), '', quiet);
  assert.deepEqual(asked, [
    '- /token?service=the%2C+registry&scope=repository%3Ax%3Apull',
    `Basic ${Buffer.from('me:right').toString('base64')} /token?service=the%2C+registry&scope=repository%3Ax%3Apull&account=me`,
  ]);
  await assert.rejects(receiver.images.pull(`${guarded}/x:v1`, login('me', 'wrong'), '', quiet), {
    message: /incorrect username or password/,
  });
  await assert.rejects(receiver.images.pull(`${guarded}/secret:v1`, null, '', quiet), {
    kind: 'notFound',
    message: `pull access denied for ${guarded}/secret, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  });
});
