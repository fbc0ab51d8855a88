/** An engine with doors, its bystanders, a registry, and the material that operations need. */
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { check, run } from '../../harness/host.ts';
import { TestEngine, until } from '../../harness/test-engine.ts';
import { ownCgroupParent, removeCgroupParent } from '../traces.ts';
import { Bystanders } from './bystanders.ts';
import { Caller } from './caller.ts';
import type { World } from './operation.ts';

export interface Stage extends World {
  readonly parent: string;
  readonly bystanders: Bystanders;
  strike(): Promise<void>;
}

export async function setStage(): Promise<Stage> {
  const parent = ownCgroupParent();
  const engine = await TestEngine.start({ hooked: true, flags: ['--cgroup-parent', parent] });
  const closers: (() => Promise<void>)[] = [];
  const strike = async (): Promise<void> => {
    for (const close of closers.reverse()) await close();
    await engine.destroy();
    removeCgroupParent(parent);
  };
  try {
    engine.importFixtures();
    const registryImage = await startRegistry(engine, closers);
    const [tar, archive] = [tarOf(engine), archiveOf(engine)];
    // What is made once: for each image, with the first volume, and with the first network that has IPv6.
    for (const image of ['busybox', 'nginx']) engine.ok('run', '--rm', image, 'true');
    engine.ok('volume', 'rm', engine.ok('volume', 'create'));
    engine.ok('network', 'rm', engine.ok('network', 'create', '--ipv6', '--subnet', 'fd99::/64', 'first'));
    const bystanders = await Bystanders.start(engine);
    closers.push(() => bystanders.stop());
    return { engine, api: new Caller(engine.socket), parent, bystanders, tar, archive, registryImage, strike };
  } catch (error) {
    await strike();
    throw error;
  }
}

function tarOf(engine: TestEngine): Buffer {
  const dir = join(engine.dir, 'tree');
  mkdirSync(dir);
  writeFileSync(join(dir, 'file'), 'content');
  check(run('tar', ['-C', dir, '-cf', join(engine.dir, 'tree.tar'), 'file']));
  return readFileSync(join(engine.dir, 'tree.tar'));
}

/** Two layers, of which the engine has neither afterwards. */
function grown(engine: TestEngine, name: string): void {
  engine.ok(
    'run',
    '--name',
    'grows',
    'busybox',
    'sh',
    '-c',
    `head -c 300000 /dev/urandom > /noise; echo ${name} > /name`,
  );
  engine.ok('commit', 'grows', name);
  engine.ok('rm', 'grows');
}

function archiveOf(engine: TestEngine): Buffer {
  grown(engine, 'saved');
  engine.ok('save', '-o', join(engine.dir, 'saved.tar'), 'saved');
  engine.ok('rmi', 'saved');
  return readFileSync(join(engine.dir, 'saved.tar'));
}

async function startRegistry(engine: TestEngine, closers: (() => Promise<void>)[]): Promise<string> {
  const config = join(engine.dir, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${join(engine.dir, 'registry')}\nhttp:\n  addr: 127.0.0.1:5000\n`,
  );
  const registry = engine.host.spawn('docker-registry', ['serve', config], { stdio: 'ignore' });
  closers.push(async () => {
    registry.kill('SIGKILL');
    if (registry.exitCode === null && registry.signalCode === null) await once(registry, 'exit');
  });
  await until('the registry serves', () => engine.host.run('curl', '-sf', 'http://127.0.0.1:5000/v2/').code === 0);
  const image = '127.0.0.1:5000/pulled:1';
  grown(engine, image);
  engine.ok('push', image);
  engine.ok('rmi', image);
  return image;
}
