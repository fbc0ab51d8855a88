/** Archives sent to a real engine: copied into a container, loaded, imported. */
import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Input } from '../campaign.ts';
import { mutateBytes } from '../mutate.ts';
import { hostileText, type Random } from '../random.ts';
import { formatTarHeader, padding } from '../../../src/base/tar-headers.ts';
import { PURE_TARGETS } from '../targets/all.ts';
import type { LiveTarget } from './live-target.ts';
import { faultOfAnswer, type Answered } from './routes.ts';
import type { World } from './world.ts';

const archives = PURE_TARGETS.find(({ name }) => name === 'tar, passed on')!;
const manifests = PURE_TARGETS.find(({ name }) => name === 'image manifest')!;
const configurations = PURE_TARGETS.find(({ name }) => name === 'image configuration')!;

const PLAIN = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeS: 1.7e9,
  userName: '',
  groupName: '',
  deviceMajor: 0,
  deviceMinor: 0,
  linkName: '',
  type: '0',
};

function entry(name: string, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  return Buffer.concat([formatTarHeader({ ...PLAIN, name, sizeBytes: body.length }), body, padding(body.length)]);
}

/** docker-save's form or an OCI layout, in which any part may be what it should not. */
function layout(random: Random): Buffer {
  const layer = archives.make(random) as Buffer;
  const config = JSON.stringify((configurations.make(random) as { json: unknown }).json) ?? '';
  const hex = 'a'.repeat(64);
  const name = random.once(3) ? hostileText(random).slice(0, 80) : `fuzzed:${random.below(9)}`;
  const manifest = random.once(4)
    ? (JSON.stringify((manifests.make(random) as { json: unknown }).json) ?? '')
    : JSON.stringify([{ Config: 'config.json', RepoTags: [name], Layers: ['layer.tar'] }]);
  const files = random.once(2)
    ? [
        entry('config.json', config),
        entry('layer.tar', random.once(3) ? gzipSync(layer) : layer),
        entry('manifest.json', manifest),
      ]
    : [
        entry('oci-layout', '{"imageLayoutVersion":"1.0.0"}'),
        entry('index.json', manifest),
        entry(`blobs/sha256/${hex}`, random.once(2) ? config : manifest),
      ];
  const whole = Buffer.concat([...files, Buffer.alloc(1024)]);
  return random.once(3) ? mutateBytes(random, [whole]) : whole;
}

interface Upload {
  readonly method: string;
  readonly path: string;
  readonly base64: string;
}

function upload(random: Random, world: World): Upload {
  const container = random.pick(world.names.containers);
  const to = random.pick(['/', '/v', '/tmp', '/etc/passwd', '/none', '/proc', '/dev', '/v/../v']);
  const kind = random.below(4);
  if (kind === 0) return { method: 'POST', path: '/images/load', base64: layout(random).toString('base64') };
  const tar = archives.make(random) as Buffer;
  const content = random.once(5) ? gzipSync(tar) : random.once(9) ? random.bytes(random.length(4000)) : tar;
  if (kind === 1)
    return {
      method: 'POST',
      path: `/images/create?fromSrc=-&repo=fuzzed&tag=${random.below(5)}`,
      base64: content.toString('base64'),
    };
  return {
    method: 'PUT',
    path: `/containers/${container}/archive?path=${encodeURIComponent(to)}`,
    base64: content.toString('base64'),
  };
}

export const uploadTarget: LiveTarget = {
  name: 'engine: archives and image layouts',
  parallel: 3,
  make: (random, world) => ({ json: upload(random, world) }),
  async send(input: Input, world) {
    const { method, path, base64 } = (input as { json: Upload }).json;
    const body = Buffer.from(base64, 'base64');
    const answer = await new Promise<Answered | 'silent'>((resolve) => {
      const outgoing = request({
        socketPath: world.engine.socket,
        method,
        path,
        headers: { 'Content-Type': 'application/x-tar', 'Content-Length': body.length },
        timeout: 120_000,
        agent: false,
      });
      outgoing.on('timeout', () => (outgoing.destroy(), resolve('silent')));
      outgoing.on('error', () => resolve({ status: 0, text: '' }));
      outgoing.on('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      outgoing.end(body);
    });
    if (answer === 'silent') return 'no answer within 120 s';
    const given = `${path}${body.toString('latin1')}${body.toString()}`;
    const failure = /"errorDetail":\{"message":"((?:[^"\\]|\\.)*)"/.exec(answer.text)?.[1];
    return faultOfAnswer(failure === undefined ? answer : { status: 500, text: failure }, given);
  },
};
