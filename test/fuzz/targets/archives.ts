/**
 * Archives and what images are made of: tar headers, layers in both directions, manifests, configurations, import's
 * lines.
 */
import { applyChanges } from '../../../src/image/dockerfile-changes.ts';
import { EMPTY_IMAGE_CONFIG, formatImageConfig, parseImageConfig } from '../../../src/image/image-config.ts';
import { isIndex, parseManifest } from '../../../src/image/media-types.ts';
import { formatPlatform, HOST_PLATFORM, parsePlatform, rankPlatform } from '../../../src/model/platform.ts';
import {
  describeReference,
  formatReference,
  parseReference,
  withDefaultTag,
} from '../../../src/model/image-reference.ts';
import { parseChallenges } from '../../../src/image/registry/challenges.ts';
import { formatTarHeader, padding, TAR_BLOCK, type PaxRecords, type TarHeader } from '../../../src/base/tar-headers.ts';
import { TarReader, type TarVisitor } from '../../../src/image/tar-reader.ts';
import { LayerToOverlay, OverlayToLayer } from '../../../src/image/whiteouts.ts';
import assert from 'node:assert/strict';
import type { Target } from '../campaign.ts';
import { mutateBytes, mutateJson, mutateText } from '../mutate.ts';
import { hostileJson, hostileText, type Random } from '../random.ts';

const NAMES = [
  'a',
  'dir/',
  'dir/.wh.a',
  'dir/.wh..wh..opq',
  '.wh..',
  '.wh...',
  '../up',
  '/etc/passwd',
  './x/../y',
  'dir/sub/',
  'x'.repeat(150),
  'é',
  '',
];
const TYPES = [...'0123456789xgLKSNVMX', '\0', 'Z'];

function header(random: Random): { header: TarHeader; pax: PaxRecords; body: Buffer } {
  const body = random.bytes(random.length(1200));
  const pax: PaxRecords = new Map(
    random.once(3)
      ? [
          [
            random.pick([
              'path',
              'size',
              'uid',
              'mtime',
              'linkpath',
              'SCHILY.xattr.trusted.overlay.opaque',
              'SCHILY.xattr.user.x',
              'GNU.sparse.size',
              '__proto__',
            ]),
            hostileText(random).slice(0, 300),
          ],
        ]
      : [],
  );
  const plain = {
    mode: random.below(0o10000),
    uid: random.once(9) ? 2 ** 33 : random.below(70000),
    gid: 0,
    mtimeS: random.once(9) ? -5 : 1.7e9,
    userName: 'root',
    groupName: 'root',
    deviceMajor: random.below(2),
    deviceMinor: random.below(2),
  };
  return {
    header: {
      ...plain,
      name: random.pick(NAMES),
      type: random.pick(TYPES),
      linkName: random.pick(NAMES),
      sizeBytes: random.once(8) ? random.below(2 ** 31) : body.length,
    },
    pax,
    body,
  };
}

/** Well-formed entries with hostile contents, some of them broken afterwards. */
function archive(random: Random): Buffer {
  const parts = random
    .list(10, () => header(random))
    .flatMap(({ header: made, pax, body }) => [formatTarHeader(made, pax), body, padding(body.length)]);
  const whole = Buffer.concat([...parts, Buffer.alloc(random.once(3) ? 0 : 2 * TAR_BLOCK)]);
  return random.once(2) || whole.length === 0 ? whole : withChecksums(random, mutateBytes(random, [whole]));
}

/** Puts the checksums right again, or nothing behind the first changed header would ever be read. */
function withChecksums(random: Random, tar: Buffer): Buffer {
  if (random.once(3)) return tar;
  const fixed = Buffer.from(tar);
  for (let at = 0; at + TAR_BLOCK <= fixed.length; at += TAR_BLOCK) {
    if (!fixed.subarray(at + 257, at + 262).equals(Buffer.from('ustar'))) continue;
    fixed.fill(0x20, at + 148, at + 156);
    const sum = fixed.subarray(at, at + TAR_BLOCK).reduce((total, byte) => total + byte, 0);
    fixed.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
  }
  return fixed;
}

function readTar(name: string, visitor: () => TarVisitor): Target {
  return {
    name,
    make: archive,
    read(input) {
      const bytes = input as Buffer;
      let outBytes = 0;
      const reader = new TarReader(visitor(), (piece) => (outBytes += piece.length));
      for (let at = 0; at < bytes.length; at += 700) reader.consume(bytes.subarray(at, at + 700));
      reader.finish();
      // What comes out is in proportion to what went in.
      assert.ok(outBytes <= 4 * bytes.length + 8 * TAR_BLOCK, `${outBytes} bytes out of ${bytes.length}`);
    },
  };
}

const DIGEST = `sha256:${'a'.repeat(64)}`;
const descriptor = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: DIGEST,
  size: 100,
  platform: { os: 'linux', architecture: 'amd64', variant: '' },
  annotations: { x: 'y' },
};
const MANIFEST = {
  schemaVersion: 2,
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  config: descriptor,
  layers: [descriptor, descriptor],
};
const INDEX = { schemaVersion: 2, manifests: [descriptor, descriptor] };
const CONFIG = {
  created: '2024-01-01T00:00:00Z',
  author: 'x',
  architecture: 'amd64',
  os: 'linux',
  rootfs: { type: 'layers', diff_ids: [DIGEST] },
  history: [{ created: 'x', created_by: 'y', empty_layer: true }],
  config: {
    User: 'x:y',
    ExposedPorts: { '80/tcp': {} },
    Env: ['A=b'],
    Entrypoint: ['/x'],
    Cmd: ['y'],
    Volumes: { '/v': {} },
    WorkingDir: '/',
    Labels: { a: 'b' },
    StopSignal: 'SIGTERM',
    Healthcheck: { Test: ['CMD', 'x'], Interval: 1e9, Retries: 3 },
    Shell: ['/bin/sh'],
    OnBuild: ['RUN x'],
  },
};

const json = (name: string, samples: readonly unknown[], read: (text: string) => void): Target => ({
  name,
  make: (random) => ({ json: mutateJson(random, random.pick(samples), () => hostileJson(random, [DIGEST], 3)) }),
  read(input) {
    read(JSON.stringify((input as { json: unknown }).json) ?? '');
  },
});

const INSTRUCTIONS =
  'CMD ENTRYPOINT ENV LABEL EXPOSE USER WORKDIR VOLUME STOPSIGNAL HEALTHCHECK ONBUILD RUN SHELL FROM'.split(' ');
const CHANGES = [
  'CMD ["a", "b"]',
  'ENV A=b C="d e"',
  'ENV A b',
  'LABEL "x y"=z',
  'EXPOSE 80-90/udp 443',
  'USER a:b',
  'WORKDIR /x/${A:-y}',
  'VOLUME ["/a", "/b"]',
  'STOPSIGNAL 9',
  'HEALTHCHECK --interval=5s --retries=3 CMD x',
  'HEALTHCHECK NONE',
  'ONBUILD RUN x',
  'entrypoint x \\\n y',
];
const CHANGE_WORDS = [
  ...INSTRUCTIONS,
  '${A:-',
  '${A:+b}',
  '$',
  '"',
  "'",
  '\\',
  '--interval=',
  '1h2m',
  '0',
  '[',
  ']',
  '\\\n',
  '# x',
  '=',
  'A=',
  '1-65535',
  '${',
  '}',
  '[""]',
  '[[[[',
];

const REFERENCES = [
  'busybox',
  'busybox:latest',
  `docker.io/library/x@${DIGEST}`,
  'localhost:5000/a/b:c',
  '[::1]:80/x',
  'a.b/c_d__e-f.g',
  `${DIGEST}`,
  'index.docker.io/x',
];

export const archiveTargets: readonly Target[] = [
  readTar('tar, passed on', () => ({ visit: () => undefined })),
  readTar('tar, a layer unpacked', () => new LayerToOverlay()),
  readTar('tar, a layer written', () => new OverlayToLayer()),
  json('image manifest', [MANIFEST, INDEX], (text) => {
    const manifest = parseManifest(Buffer.from(text), 'x');
    for (const item of isIndex(manifest) ? manifest.manifests : [manifest.config, ...manifest.layers]) {
      assert.ok(typeof item.mediaType === 'string' && Number.isSafeInteger(item.size));
      if (item.platform) rankPlatform({ variant: '', ...item.platform }, HOST_PLATFORM);
    }
  }),
  json('image configuration', [CONFIG], (text) => {
    const parsed = parseImageConfig(text);
    assert.deepEqual(parseImageConfig(formatImageConfig(parsed)).config.cmd, parsed.config.cmd);
    applyChanges(parsed.config, ['ENV A=$A', 'LABEL a=b', 'EXPOSE 1']);
  }),
  {
    name: 'dockerfile lines',
    make: (random) => mutateText(random, CHANGES, CHANGE_WORDS),
    read(input) {
      const config = applyChanges({ ...EMPTY_IMAGE_CONFIG, env: ['A=b'] }, [input as string]);
      JSON.stringify(config);
      assert.ok(
        config.env.every((item) => typeof item === 'string') &&
          config.exposedPorts.every((port) => /^\d+\/(tcp|udp|sctp)$/.test(port)),
      );
      const known =
        config.env.length > 1 || JSON.stringify({ ...EMPTY_IMAGE_CONFIG, env: ['A=b'] }) !== JSON.stringify(config);
      // What was taken and changed nothing was no instruction at all, or said again what is so.
      const first = /^\s*(\S+)/.exec((input as string).replace(/\\[ \t]*\r?\n/g, ''))?.[1] ?? '';
      assert.ok(
        known || first === '' || first.startsWith('#') || INSTRUCTIONS.includes(first.toUpperCase()),
        `took ${JSON.stringify(first)} for an instruction`,
      );
    },
  },
  {
    name: 'image references',
    make: (random) => mutateText(random, REFERENCES, ['/', ':', '@', '..', '__', 'A', DIGEST, '-']),
    read(input) {
      const reference = withDefaultTag(parseReference(input as string));
      assert.deepEqual(parseReference(formatReference(reference)), reference);
      describeReference(input as string);
    },
  },
  {
    name: 'platforms',
    make: (random) => mutateText(random, ['linux/amd64', 'linux/arm/v7', 'arm64', 'windows'], ['/', 'linux', 'x86_64']),
    read(input) {
      const platform = parsePlatform(input as string);
      assert.deepEqual(parsePlatform(formatPlatform(platform)), platform);
    },
  },
  {
    name: 'registry challenges',
    make: (random) =>
      mutateText(
        random,
        [
          'Bearer realm="https://x/token",service="a",scope="b:c:pull"',
          'Basic realm="x"',
          'basic',
          'Negotiate, Basic realm=x',
        ],
        ['"', '\\"', ',', '=', 'Bearer ', 'realm'],
      ),
    read(input) {
      for (const { scheme, parameters } of parseChallenges(input as string))
        assert.ok(
          ['basic', 'bearer'].includes(scheme) && Object.values(parameters).every((value) => typeof value === 'string'),
        );
    },
  },
];
