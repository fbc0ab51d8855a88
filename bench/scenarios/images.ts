/** Images from a registry on this machine, and in and out of archives. What is in them: a large program, small files. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import type { Engine } from '../engines.ts';
import type { Scenario } from '../scenario.ts';
import { saying } from './traffic.ts';

const REGISTRY = join(import.meta.dirname, '../registry.mjs');
const SMALL_FILES = 2000;

/** The program is Node itself: about 100 MB, of which gzip leaves some 40. */
const LAYER = (name: string): string => `
mkdir -p "$0"/tree/opt/${name}
cp ${process.execPath} "$0"/tree/opt/${name}/program
tar -C "$0"/tree --numeric-owner --owner 0 --group 0 -cf "$0"/layer.tar .
gzip -1 -c "$0"/layer.tar >"$0"/layer.gz
rm -rf "$0"/tree`;

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

interface Layer {
  readonly diffId: string;
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
}

async function makeLayer(engine: Engine, dir: string, name: string, smallFiles: number): Promise<Layer> {
  const small = join(dir, 'tree/opt', name, 'small');
  mkdirSync(small, { recursive: true });
  for (let index = 0; index < smallFiles; index++)
    writeFileSync(join(small, `file-${index}`), `line ${index} of ${name}\n`.repeat(40));
  const made = await engine.sandbox.run('sh', ['-ec', LAYER(name), dir]);
  if (made.code !== 0) throw new Error(`a layer could not be made: ${made.both}`);
  const diffId = await digestOf(join(dir, 'layer.tar'));
  const digest = await digestOf(join(dir, 'layer.gz'));
  renameSync(join(dir, 'layer.gz'), join(dir, digest));
  const mediaType = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
  return { diffId, descriptor: { mediaType, digest, size: statSync(join(dir, digest)).size } };
}

/** An image of as many layers, in a directory that the registry serves. */
async function makeImage(engine: Engine, dir: string, layerCount: number): Promise<void> {
  mkdirSync(dir);
  const layers: Layer[] = [];
  for (let index = 0; index < layerCount; index++)
    layers.push(await makeLayer(engine, dir, `layer-${index}`, Math.ceil(SMALL_FILES / layerCount)));
  const config = JSON.stringify({
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    config: { Cmd: ['/opt/layer-0/program'] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const digest = `sha256:${createHash('sha256').update(config).digest('hex')}`;
  writeFileSync(join(dir, digest), config);
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest, size: config.length },
    layers: layers.map(({ descriptor }) => descriptor),
  };
  writeFileSync(join(dir, 'manifest.json'), JSON.stringify(manifest));
}

/** Seconds of its layer from one program to the other. */
async function unpackAlone(engine: Engine, dir: string): Promise<number> {
  const manifest = JSON.parse(readFileSync(join(dir, 'manifest.json'), 'utf8')) as { layers: Layer['descriptor'][] };
  const script = 'mkdir "$0"/floor && gzip -dc "$0"/"$1" | tar -x -C "$0"/floor';
  const started = performance.now();
  const ran = await engine.sandbox.run('sh', ['-c', script, dir, manifest.layers[0]!.digest]);
  const seconds = (performance.now() - started) / 1000;
  if (ran.code !== 0) throw new Error(`unpacking: ${ran.both}`);
  await engine.sandbox.run('rm', ['-rf', join(dir, 'floor')]);
  return seconds;
}

const registries = new Map<Engine, ChildProcess>();

function imagesOf(
  megabytes: number,
  layers: number,
  port: number,
  turns: Pick<Scenario, 'runs' | 'quickRuns'>,
): Scenario {
  const image = `127.0.0.1:${port}/bench-image:latest`;
  return {
    rows: [`pull-${megabytes}`, `save-${megabytes}`, `load-${megabytes}`, ...(layers === 1 ? ['floor-unpack-40'] : [])],
    ...turns,
    warmUp: false,
    async prepare(engine) {
      const dir = join(engine.sandbox.dir, `registry-${megabytes}`);
      await makeImage(engine, dir, layers);
      const args = [REGISTRY, String(port), dir, 'bench-image'];
      const registry = engine.sandbox.spawn(process.execPath, args, ['ignore', 'pipe', 'ignore']);
      registries.set(engine, registry);
      await saying(registry, 'listening');
    },
    async measure(engine) {
      const archive = join(engine.sandbox.dir, 'saved.tar');
      const pull = await engine.timed('pull', image);
      const save = await engine.timed('save', '-o', archive, image);
      await engine.ok('rmi', image);
      const load = await engine.timed('load', '-i', archive);
      await engine.ok('rmi', image);
      const floor: Record<string, number> = {};
      if (layers === 1 && engine.name === 'causeway')
        floor['floor-unpack-40'] = await unpackAlone(engine, join(engine.sandbox.dir, `registry-${megabytes}`));
      return { ...floor, [`pull-${megabytes}`]: pull, [`save-${megabytes}`]: save, [`load-${megabytes}`]: load };
    },
    async finish(engine) {
      const registry = registries.get(engine);
      if (registry) engine.sandbox.signal(registry, 'SIGKILL');
      registries.delete(engine);
      await engine.docker('rmi', image);
      await engine.sandbox.shell(
        `rm -rf "$0"/registry-${megabytes} "$0"/saved.tar`.replaceAll('$0', engine.sandbox.dir),
      );
    },
  };
}

export const images = imagesOf(40, 1, 5040, { runs: 5, quickRuns: 1 });
export const largeImages = imagesOf(400, 9, 5400, { runs: 3, quickRuns: 0 });
