/**
 * Records what dockerd 28.5 gives its containers, into docker-28.5/confinement.json: what our side is compared with.
 * Needs a dockerd of that release, containerd and runc; says so and does nothing where there is none.
 *
 *   node --import tsx test/security/record.ts [DIRECTORY WITH dockerd AND containerd, e.g. /usr/bin]...
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import type { OciSpec } from '../../src/oci/oci-spec.ts';
import { Host } from '../harness/host.ts';
import { importProbes } from './probe/collect.ts';
import { collectCalls, collectFacts, pack } from './probe/variants.ts';

const path = [...process.argv.slice(2), process.env['PATH'] ?? ''].join(':');
const version =
  spawnSync('dockerd', ['--version'], { encoding: 'utf8', env: { ...process.env, PATH: path } }).stdout ?? '';
if (!/ 28\.5\./.test(version)) {
  console.log(`skipped: no dockerd 28.5 here (${version.trim() || 'none at all'})`);
  process.exit(0);
}

const directory = mkdtempSync('/tmp/causeway-oracle-');
const host = Host.create();
const socket = `unix://${join(directory, 'api.sock')}`;
const args = [
  '--config-file',
  '/dev/null',
  '--data-root',
  join(directory, 'data'),
  '--exec-root',
  join(directory, 'exec'),
  '--pidfile',
  join(directory, 'pid'),
  '-H',
  socket,
];
const daemon = host.spawn('dockerd', args, { stdio: 'ignore', env: { ...process.env, PATH: path } });
const docker = (...words: string[]) =>
  spawnSync('docker', words, { encoding: 'utf8', env: { ...process.env, DOCKER_HOST: socket } });
try {
  for (let tries = 0; docker('version').status !== 0; tries += 1) {
    if (tries > 100) throw new Error('dockerd does not answer');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  importProbes(socket);
  const facts = pack(collectFacts(socket));
  const calls = collectCalls(socket);
  const specs = {
    'docker run': specOf(),
    '--cap-add SYS_ADMIN': specOf('--cap-add', 'SYS_ADMIN'),
    '--cap-add ALL': specOf('--cap-add', 'ALL'),
    '--cap-drop ALL': specOf('--cap-drop', 'ALL'),
  };
  const recorded = {
    dockerd: version.trim(),
    runc: docker('info', '-f', '{{.RuncCommit.ID}}').stdout.trim(),
    kernel: release(),
    facts,
    calls,
    specs,
  };
  writeFileSync(
    fileURLToPath(new URL('docker-28.5/confinement.json', import.meta.url)),
    `${JSON.stringify(recorded, null, 1)}\n`,
  );
} finally {
  const ended = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  await ended;
  host.destroy();
  rmSync(directory, { recursive: true, force: true });
}

/** What dockerd told runc: the filter's profile, resolved, and the paths. */
function specOf(...options: string[]): object {
  const id = docker('run', '-d', ...options, 'confinement', 'sleep', '1000').stdout.trim();
  try {
    const bundles = join(directory, 'exec/containerd/daemon/io.containerd.runtime.v2.task/moby');
    const bundle = readdirSync(bundles).find((name) => name === id)!;
    const { linux } = JSON.parse(readFileSync(join(bundles, bundle, 'config.json'), 'utf8')) as OciSpec;
    return {
      seccomp: linux.seccomp,
      maskedPaths: linux.maskedPaths,
      readonlyPaths: linux.readonlyPaths,
      sysctl: linux.sysctl,
      devices: linux.resources.devices,
    };
  } finally {
    docker('rm', '-f', id);
  }
}
