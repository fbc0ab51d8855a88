/**
 * The demo's images: one root filesystem made from Debian's packages, under four names. They are given to the engine as
 * an archive of the kind that `docker save` writes, made while it is read: one layer, four configurations.
 */
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { join } from 'node:path';
import { spawn, type ChildProcess } from 'node:child_process';
import type { Writable } from 'node:stream';
import { pack } from 'tar-stream';
import { collect, plainEnvironment } from './sandbox.ts';

export const PROJECT = join(import.meta.dirname, '..');

export interface DemoImages {
  /** Of the root filesystem. */
  readonly tarPath: string;
  readonly layerDigest: string;
  readonly postgresVersion: string;
}

/** Builds them where the cache has them not. `started` is told of the child, to be ended with us. */
export async function prepareImages(cacheDir: string, started: (child: ChildProcess) => void): Promise<DemoImages> {
  const build = spawn('sh', [join(PROJECT, 'demo/images/build.sh'), cacheDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: plainEnvironment(),
  });
  started(build);
  const built = await collect(build, { timeoutMs: 15 * 60_000 });
  if (built.code !== 0)
    throw new Error(`the demo's images could not be built (exit ${built.code}): above is what it says`);
  const tarPath = built.out.trim();
  const [listing, layerDigest] = await Promise.all([
    collect(spawn('tar', ['-tf', tarPath], { stdio: ['ignore', 'pipe', 'inherit'] })),
    sha256(tarPath),
  ]);
  const postgresVersion = /^\.\/usr\/lib\/postgresql\/(\d+)\/$/m.exec(listing.out)?.[1];
  if (postgresVersion === undefined) throw new Error(`${tarPath} holds no PostgreSQL`);
  return { tarPath, layerDigest, postgresVersion };
}

/** The names, with what makes them differ. */
function configurations(images: DemoImages): Readonly<Record<string, object>> {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  return {
    'training/postgres:latest': {
      Env: [path, `PG_VERSION=${images.postgresVersion}`],
      ExposedPorts: { '5432/tcp': {} },
      Cmd: ['start-postgres'],
      StopSignal: 'SIGINT',
    },
    'training/webapp:latest': {
      Env: [path],
      ExposedPorts: { '5000/tcp': {} },
      WorkingDir: '/opt/webapp',
      Cmd: ['python3', 'app.py'],
      StopSignal: 'SIGINT',
    },
    'nginx:latest': {
      Env: [path],
      ExposedPorts: { '80/tcp': {} },
      Cmd: ['nginx', '-g', 'daemon off;'],
      StopSignal: 'SIGQUIT',
    },
    'centos:v1': { Env: [path], Cmd: ['idle'] },
  };
}

/** Writes the archive, for `load`, to `target`. */
export async function writeImageArchive(images: DemoImages, target: Writable): Promise<void> {
  const layer = images.layerDigest;
  const archive = pack();
  archive.pipe(target);
  const manifest: object[] = [];
  for (const [name, config] of Object.entries(configurations(images))) {
    const text = JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created: statSync(images.tarPath).mtime.toISOString(),
      config,
      rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
      history: [{ created_by: `demo/images/build.sh (${name})` }],
    });
    const file = `${createHash('sha256').update(text).digest('hex')}.json`;
    archive.entry({ name: file }, text);
    manifest.push({ Config: file, RepoTags: [name], Layers: [`${layer}/layer.tar`] });
  }
  archive.entry({ name: 'manifest.json' }, JSON.stringify(manifest));
  const source = createReadStream(images.tarPath, { highWaterMark: 1 << 20 });
  await new Promise<void>((resolve, reject) => {
    target.once('finish', resolve).once('error', reject).once('close', resolve);
    const entry = archive.entry({ name: `${layer}/layer.tar`, size: statSync(images.tarPath).size }, (error) =>
      error ? reject(error) : archive.finalize(),
    );
    source.once('error', reject).pipe(entry);
  }).finally(() => source.destroy());
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
