/** What the daemon's settings about registries do to a pull: mirrors of Docker Hub, downloads at once, attempts. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { ImageStore } from '../../src/image/image-store.ts';
import { DEFAULT_REGISTRY_OPTIONS, type RegistryOptions } from '../../src/image/registry/registry-options.ts';
import { importTree, startRegistry, temporaryDirectory } from './image-fixture.ts';
import type { RegistryAuth } from '../../src/model/registry.ts';

const quiet = () => {};
const HUB_LOGIN: RegistryAuth = {
  username: 'me',
  password: 'secret',
  identityToken: '',
  registryToken: '',
  serverAddress: '',
};

interface Front {
  readonly address: string;
  readonly requests: IncomingMessage[];
}

/** Stands in front of a registry below /prefix/ and notes what is asked; `answer` may answer itself. */
async function frontOf(
  t: TestContext,
  target: string,
  answer: (request: IncomingMessage, response: ServerResponse, pass: () => void) => void = (
    _request,
    _response,
    pass,
  ) => pass(),
): Promise<Front> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response, () => {
      const path = request.url!.replace(/^\/prefix/, '');
      const onward = httpRequest(
        `http://${target}${path}`,
        { method: request.method!, headers: request.headers },
        (inner) => {
          response.writeHead(inner.statusCode!, inner.headers);
          inner.pipe(response);
        },
      );
      onward.on('error', () => response.destroy());
      request.pipe(onward);
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

/** No test asks the real Docker Hub: a proxy that refuses is in the way. */
async function withoutHub(t: TestContext): Promise<string[]> {
  const asked: string[] = [];
  const proxy = createServer((_request, response) => response.writeHead(502).end());
  proxy.on('connect', (request, socket) => {
    asked.push(request.url!);
    socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n');
  });
  proxy.listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  const before = process.env['HTTPS_PROXY'];
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  t.after(() => {
    if (before === undefined) delete process.env['HTTPS_PROXY'];
    else process.env['HTTPS_PROXY'] = before;
    proxy.closeAllConnections();
    proxy.close();
  });
  return asked;
}

async function receiver(directory: string, name: string, options: Partial<RegistryOptions>): Promise<ImageStore> {
  const registries = { ...DEFAULT_REGISTRY_OPTIONS, ...options };
  return ImageStore.open(join(directory, name), { log: silentLog, registries });
}

test('images of Docker Hub come from the first mirror that has them, without the credentials of the Hub', async (t) => {
  const directory = temporaryDirectory(t);
  const hub = await withoutHub(t);
  const { address } = await startRegistry(t, directory);
  const images = await ImageStore.open(join(directory, 'sender'), { log: silentLog });
  await importTree(images, directory, `${address}/library/tiny:1`, 'echo 1 > a');
  await images.push(`${address}/library/tiny:1`, null, quiet);
  const empty = await frontOf(t, address, (request, response, pass) =>
    request.url!.includes('/manifests/') ? void response.writeHead(404).end() : pass(),
  );
  const front = await frontOf(t, address);
  const mirrors = ['http://127.0.0.1:1/', `http://${empty.address}/`, `http://${front.address}/prefix/`];
  const pulling = await receiver(directory, 'receiver', { mirrors });
  await pulling.pull('tiny:1', HUB_LOGIN, '', quiet);
  assert.equal(pulling.get('tiny:1').id, images.get(`${address}/library/tiny:1`).id);
  assert.deepEqual(pulling.get('tiny:1').repoTags, ['tiny:1']);
  assert.ok(empty.requests.length > 0 && front.requests.length > 0);
  assert.ok(front.requests.every(({ url }) => url!.startsWith('/prefix/v2/')));
  assert.deepEqual(
    [...empty.requests, ...front.requests].filter(({ headers }) => headers.authorization !== undefined),
    [],
  );
  assert.deepEqual(hub, [], 'the Hub was not asked');

  // No mirror has it: the Hub is asked, and what it says is what the user reads.
  await assert.rejects(pulling.pull('tiny:2', null, '', quiet), /registry-1\.docker\.io.*503/);
  assert.deepEqual(hub, ['registry-1.docker.io:443']);
  // Images of other registries do not come from mirrors.
  const count = front.requests.length;
  await assert.rejects(pulling.pull('127.0.0.1:1/library/tiny:1', null, '', quiet));
  assert.equal(front.requests.length, count);
});

test('a setting that changes counts for the next pull', async (t) => {
  const directory = temporaryDirectory(t);
  await withoutHub(t);
  const { address } = await startRegistry(t, directory);
  const images = await ImageStore.open(join(directory, 'sender'), { log: silentLog });
  await importTree(images, directory, `${address}/library/tiny:1`, 'echo 1 > a');
  await images.push(`${address}/library/tiny:1`, null, quiet);
  const registries = { ...DEFAULT_REGISTRY_OPTIONS, mirrors: [] as string[] };
  const pulling = await ImageStore.open(join(directory, 'receiver'), { log: silentLog, registries });
  await assert.rejects(pulling.pull('tiny:1', null, '', quiet));
  registries.mirrors = [`http://${address}/`];
  await pulling.pull('tiny:1', null, '', quiet);
});

test('so many layers are downloaded at once as the setting says, and a broken one so often again', async (t) => {
  const directory = temporaryDirectory(t);
  const { address } = await startRegistry(t, directory);
  const images = await ImageStore.open(join(directory, 'sender'), { log: silentLog });
  await importTree(images, directory, `${address}/x:1`, 'echo 1 > a');
  for (const layer of ['b', 'c', 'd']) {
    const base = images.get(`${address}/x:1`);
    const upperDir = temporaryDirectory(t);
    writeFileSync(join(upperDir, layer), layer);
    await images.commitLayer({
      base,
      upperDir,
      config: base.config,
      changes: [],
      ref: `${address}/x:1`,
      author: '',
      comment: '',
      createdBy: '',
    });
  }
  await images.push(`${address}/x:1`, null, quiet);
  const { id } = images.get(`${address}/x:1`);
  const isLayer = ({ method, url }: IncomingMessage): boolean =>
    method === 'GET' && url!.includes('/blobs/') && !url!.endsWith(id);

  for (const most of [1, 4]) {
    const waiting: (() => void)[] = [];
    let under = 0;
    let highest = 0;
    const front = await frontOf(t, address, (request, response, pass) => {
      if (!isLayer(request)) return pass();
      highest = Math.max(highest, ++under);
      response.once('close', () => under--);
      // Answered when as many as may be are there.
      waiting.push(pass);
      if (waiting.length >= most) for (const one of waiting.splice(0)) one();
    });
    const pulling = await receiver(directory, `at-once-${most}`, { maxConcurrentDownloads: most });
    await pulling.pull(`${front.address}/x:1`, null, '', quiet);
    assert.equal(highest, most);
  }
  const broken = await frontOf(t, address, (request, response, pass) =>
    isLayer(request) ? void response.destroy() : pass(),
  );
  const impatient = await receiver(directory, 'broken', { maxDownloadAttempts: 1, maxConcurrentDownloads: 1 });
  await assert.rejects(impatient.pull(`${broken.address}/x:1`, null, '', quiet));
  const tried = broken.requests.filter(isLayer).map(({ url }) => url);
  assert.equal(tried.filter((url) => url === tried[0]).length, 2, 'one more attempt after the first');
});
