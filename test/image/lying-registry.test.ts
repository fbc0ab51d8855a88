/**
 * Registries that lie, stall, send too much or send elsewhere: the pull says what is wrong in a sentence, and leaves
 * nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { silentLog } from '../../src/base/log.ts';
import { ImageStore } from '../../src/image/image-store.ts';
import { DEFAULT_REGISTRY_OPTIONS } from '../../src/image/registry/registry-options.ts';
import { redirectTarget } from '../../src/image/registry/transport.ts';
import { faultOfSentence } from '../fuzz/campaign.ts';
import { tarOf, temporaryDirectory } from './image-fixture.ts';

type Answer = (response: ServerResponse, request: IncomingMessage) => void;
const digestOf = (content: Buffer | string): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

/** What an honest registry answers; a liar's differ from them in one. */
function honest(layer: Buffer): Record<'ping' | 'manifest' | 'config' | 'layer' | 'tags', Answer> & {
  readonly configDigest: string;
  readonly layerDigest: string;
  readonly manifestJson: object;
  readonly layerBytes: Buffer;
} {
  const config = JSON.stringify({
    os: 'linux',
    architecture: 'amd64',
    rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    config: {},
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifestJson = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(config), size: config.length },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: digestOf(layer), size: layer.length }],
  };
  return {
    configDigest: digestOf(config),
    layerDigest: digestOf(layer),
    manifestJson,
    layerBytes: layer,
    ping: (response) => response.end('{}'),
    manifest: (response) => response.writeHead(200, { 'Content-Type': mediaType }).end(JSON.stringify(manifestJson)),
    config: (response) => response.end(config),
    layer: (response) => response.end(layer),
    tags: (response) => response.end('{"tags":["1"]}'),
  };
}

type Lies = (
  truth: ReturnType<typeof honest>,
) => Partial<Record<'ping' | 'manifest' | 'config' | 'layer' | 'tags' | 'other', Answer>>;

interface Pulled {
  readonly error: Error | undefined;
  /** Bytes that the registry got rid of. */
  readonly sentBytes: number;
}

async function pullFrom(t: TestContext, lies: Lies, tag = '1', allTags = false): Promise<Pulled> {
  const directory = temporaryDirectory(t);
  const truth = honest(tarOf('echo content > file', directory));
  const answers = { ...truth, ...lies(truth) };
  let sentBytes = 0;
  const server = createServer((request, response) => {
    response.on('error', () => {});
    const { socket } = request;
    const before = socket.bytesWritten;
    response.on('close', () => (sentBytes += socket.bytesWritten - before));
    const path = request.url ?? '';
    if (path === '/v2/') return answers.ping(response, request);
    if (path.includes('/manifests/')) return answers.manifest(response, request);
    if (path.endsWith(`/blobs/${truth.configDigest}`)) return answers.config(response, request);
    if (path.includes('/blobs/')) return answers.layer(response, request);
    if (path.includes('/tags/')) return answers.tags(response, request);
    if ('other' in answers) return (answers.other as Answer)(response, request);
    response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const store = join(directory, 'store');
  const registries = { ...DEFAULT_REGISTRY_OPTIONS, maxDownloadAttempts: 1 };
  const images = await ImageStore.open(store, { log: silentLog, registries });
  t.after(() => images.close());
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}/x${allTags ? '' : `:${tag}`}`;
  let error: Error | undefined;
  await images.pull(name, null, '', () => {}).catch((thrown: unknown) => (error = thrown as Error));
  if (error) {
    assert.deepEqual(images.list(), []);
    for (const kept of ['blobs/sha256', 'layers', 'ingest', 'unpack'])
      assert.deepEqual(readdirSync(join(store, kept)), [], `${kept} after: ${error.message}`);
    assert.equal(faultOfSentence(error.message), undefined);
  }
  return { error, sentBytes };
}

const endless = (response: ServerResponse): void => {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
};
const redirect =
  (location: string): Answer =>
  (response) =>
    response.writeHead(307, { Location: location }).end();
const manifest =
  (change: (json: { config: Record<string, unknown>; layers: Record<string, unknown>[] }) => unknown): Lies =>
  (truth) => ({
    manifest: (response) => {
      const json = structuredClone(truth.manifestJson) as Parameters<typeof change>[0];
      response
        .writeHead(200, { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' })
        .end(JSON.stringify(change(json) ?? json));
    },
  });

test('an honest one is believed', async (t) => {
  assert.equal((await pullFrom(t, () => ({}))).error, undefined);
});

test('a part that is another than was asked for is not put behind what there is', async (t) => {
  for (const [what, part] of [
    ['from the beginning', (layer: Buffer) => ({ range: `bytes 0-${layer.length - 1}/${layer.length}`, bytes: layer })],
    [
      'as asked, without saying so',
      (layer: Buffer, from: number) => ({ range: undefined, bytes: layer.subarray(from) }),
    ],
  ] as const) {
    let asked = 0;
    const { error } = await pullFrom(t, ({ layerBytes }) => ({
      layer: (response, request) => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
        if (asked++ === 0) {
          response.writeHead(200, { 'Content-Length': layerBytes.length });
          response.write(layerBytes.subarray(0, 1000), () => setImmediate(() => response.destroy()));
          return;
        }
        const { range, bytes } = part(layerBytes, from);
        response.writeHead(206, range === undefined ? {} : { 'Content-Range': range }).end(bytes);
      },
    }));
    assert.equal(error, undefined, what);
    assert.equal(asked, 2, what);
  }
});

describe('a registry', () => {
  const cases: readonly (readonly [what: string, lies: Lies, sentence: RegExp])[] = [
    [
      'whose configuration is another',
      () => ({ config: (response) => response.end('{"rootfs":{"diff_ids":[]}}') }),
      /image config verification failed for digest sha256:/,
    ],
    [
      'whose layer is another of the same length',
      ({ layer }) => ({
        layer: (response, request) => {
          const end = response.end.bind(response);
          response.end = ((content: Buffer) => end(Buffer.from(content).fill(1, 0, 1))) as typeof response.end;
          layer(response, request);
        },
      }),
      /filesystem layer verification failed for digest sha256:/,
    ],
    [
      'whose layer is longer than said',
      manifest((json) => {
        json.layers[0]!['size'] = 10;
      }),
      /filesystem layer verification failed for digest sha256:/,
    ],
    [
      'that breaks off each time',
      () => ({
        layer: (response) => {
          response.writeHead(200, { 'Content-Length': 5000 });
          response.write('x', () => response.destroy());
        },
      }),
      /^unexpected EOF$/,
    ],
    [
      'whose manifest breaks off',
      () => ({
        manifest: (response) => {
          response.writeHead(200, { 'Content-Length': 5000 });
          response.write('{', () => response.destroy());
        },
      }),
      /^unexpected EOF$/,
    ],
    ['whose layer never ends', () => ({ layer: endless }), /filesystem layer verification failed for digest sha256:/],
    ['whose configuration never ends', () => ({ config: endless }), /longer than \d+ bytes/],
    ['whose manifest never ends', () => ({ manifest: endless }), /longer than \d+ bytes/],
    [
      'whose manifest is no JSON',
      () => ({ manifest: (response) => response.end('<html>') }),
      /invalid manifest: no JSON/,
    ],
    [
      'whose manifest is a list of itself',
      manifest((json) => ({
        schemaVersion: 2,
        manifests: [
          { ...json.config, platform: { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch } },
        ],
      })),
      /invalid manifest list: an entry is a list itself|manifest verification failed/,
    ],
    [
      'whose sizes are no numbers',
      manifest((json) => {
        json.layers[0]!['size'] = -1;
      }),
      /a descriptor without a size/,
    ],
    [
      'whose digests are paths',
      manifest((json) => {
        json.layers[0]!['digest'] = 'sha256:../../../etc/passwd';
      }),
      /a descriptor without a sha256 digest/,
    ],
    [
      'whose platforms and annotations are anything',
      manifest((json) => ({
        schemaVersion: 2,
        manifests: [
          { ...json.config, platform: { os: 'linux', architecture: 'amd64', variant: 5 }, annotations: [1] },
          { ...json.config, platform: null },
        ],
      })),
      /manifest/,
    ],
    [
      'that has more layers than the configuration',
      manifest((json) => {
        json.layers.push(json.layers[0]!);
      }),
      /layers from manifest don't match image configuration/,
    ],
    ['that redirects in circles', () => ({ manifest: redirect('/v2/x/manifests/1') }), /stopped after 10 redirects/],
    [
      'that redirects to a file',
      () => ({ config: redirect('file:///etc/passwd') }),
      /redirects to "file:\/\/\/etc\/passwd"/,
    ],
    ['that redirects to a socket', () => ({ layer: redirect('unix:///var/run/docker.sock') }), /redirects to "unix:/],
    ['that redirects to nowhere', () => ({ manifest: redirect('http://[') }), /redirects to "http:\/\/\["/],
    [
      'whose token server is a file',
      () => ({
        manifest: (response) =>
          response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="file:///etc/passwd"' }).end(),
      }),
      /file:\/\/\/etc\/passwd/,
    ],
    [
      'whose token server is nothing',
      () => ({ manifest: (response) => response.writeHead(401, { 'WWW-Authenticate': 'Bearer realm="x"' }).end() }),
      /names no usable token server: "x"/,
    ],
    [
      'whose token server answers with a page',
      () => ({
        manifest: (response, request) =>
          response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end(),
        other: (response) => response.end('<html>'),
      }),
      /authorization server/,
    ],
    [
      'that is never content',
      () => ({
        manifest: (response, request) =>
          response.writeHead(401, { 'WWW-Authenticate': `Bearer realm="http://${request.headers.host}/token"` }).end(),
        other: (response) => response.end('{"token":"x"}'),
      }),
      /unauthorized|denied|401/i,
    ],
    ['whose error never ends', () => ({ manifest: (response) => endless(response.writeHead(500)) }), /./],
  ];
  for (const [what, lies, sentence] of cases) {
    test(what, async (t) => {
      const { error, sentBytes } = await pullFrom(t, lies);
      assert.match(error?.message ?? 'it was believed', sentence);
      assert.ok(sentBytes < 64 * 1024 * 1024, `took ${sentBytes} bytes before it had enough`);
    });
  }

  test('whose list of tags is none', async (t) => {
    const { error } = await pullFrom(t, () => ({ tags: (response) => response.end('[}') }), '', true);
    if (error) assert.match(error.message, /tags/);
  });
});

test('where a redirect may lead', () => {
  const from = (location: string, base = 'https://registry.example/v2/x') =>
    redirectTarget(location, new URL(base)).href;
  assert.equal(from('/elsewhere'), 'https://registry.example/elsewhere');
  assert.equal(from('https://cdn.example/blob?x=1'), 'https://cdn.example/blob?x=1');
  assert.equal(from('http://127.0.0.1:81/', 'http://localhost:80/'), 'http://127.0.0.1:81/');
  for (const inside of [
    'http://127.0.0.1/',
    'http://127.9.9.9:2375/',
    'http://localhost/',
    'http://localhost./',
    'http://[::1]/',
    'http://0/',
    'http://0x7f000001/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/latest/meta-data',
  ]) {
    assert.throws(() => from(inside), /redirects to .*, which is of this machine's own/, inside);
  }
  assert.throws(() => from('ftp://x/'), /redirects to "ftp:\/\/x\/", which is no web address/);
});
