/** A real engine with things in it, and one container that nobody may touch. */
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sleep, TestEngine } from '../../harness/test-engine.ts';
import { ownCgroupParent, removeCgroupParent } from '../../fault/traces.ts';
import type { SchemaWords } from '../from-schema.ts';
import { WORDS } from '../targets/requests.ts';

export interface World {
  readonly engine: TestEngine;
  readonly cgroupParent: string;
  /** Names and ids of what exists, without the bystander. */
  readonly names: Readonly<Record<'containers' | 'networks' | 'images' | 'volumes' | 'execs', readonly string[]>>;
  readonly words: SchemaWords;
  readonly bystander: { readonly id: string; readonly startedAt: string };
}

/** A prefix of an id names a container: the bystander's begins with nothing that a fuzzer says. */
const UNSAID = /^[3567]/;

export async function makeWorld(): Promise<World> {
  const cgroupParent = ownCgroupParent();
  const engine = await TestEngine.start({ flags: ['--cgroup-parent', cgroupParent] });
  try {
    engine.importFixtures();
    engine.ok('network', 'create', '--subnet', '10.77.0.0/24', 'quiet');
    return { engine, cgroupParent, ...populate(engine) };
  } catch (error) {
    await engine.destroy();
    removeCgroupParent(cgroupParent);
    throw error;
  }
}

function populate(engine: TestEngine): Pick<World, 'names' | 'words' | 'bystander'> {
  const bystander = startBystander(engine);
  engine.ok('network', 'create', '--subnet', '10.78.0.0/24', 'net');
  const busy = engine.ok(
    'run',
    '-di',
    '--init',
    '--name',
    'busy',
    '--network',
    'net',
    '-v',
    'vol:/v',
    '-p',
    '8081:80',
    'busybox',
    'sh',
    '-c',
    'echo out; echo err >&2; exec sleep 1000000',
  );
  const idle = engine.ok('create', '--name', 'idle', '-it', 'busybox', 'sh');
  const ended = engine.ok('run', '-d', '--name', 'ended', 'busybox', 'false');
  const net = engine.ok('network', 'inspect', '-f', '{{.Id}}', 'net');
  const image = engine.ok('image', 'inspect', '-f', '{{.Id}}', 'busybox');
  const names = {
    containers: ['busy', 'idle', 'ended', busy, idle, ended, busy.slice(0, 12)],
    networks: ['net', 'bridge', 'host', 'none', net, net.slice(0, 12)],
    images: ['busybox', 'busybox:latest', 'nginx', image, image.slice(7, 19)],
    volumes: ['vol'],
    execs: [] as string[],
  };
  const inside = (word: string): string => (/^\/x(\/|:|$)/.test(word) ? join(engine.dir, word) : word);
  const byField = Object.fromEntries(Object.entries(WORDS.byField).map(([field, list]) => [field, list.map(inside)]));
  const words: SchemaWords = {
    words: [...WORDS.words.map(inside), ...names.containers, ...names.networks, 'vol'],
    byField: {
      ...byField,
      Container: names.containers,
      EndpointsConfig: names.networks,
      NetworkMode: [...names.networks, 'container:busy', 'default'],
      Links: ['busy:b'],
      VolumesFrom: ['busy', 'idle:ro'],
      Source: ['vol', join(engine.dir, 'x'), '/dev/null'],
    },
  };
  return { names, words, bystander };
}

function startBystander(engine: TestEngine): World['bystander'] {
  for (;;) {
    const id = engine.ok(
      'run',
      '-d',
      '--name',
      'bystander',
      '--network',
      'quiet',
      '--restart',
      'always',
      '-p',
      '8080:80',
      'nginx',
    );
    if (UNSAID.test(id)) return { id, startedAt: engine.ok('inspect', '-f', '{{.State.StartedAt}}', id) };
    engine.ok('rm', '-f', id);
  }
}

export async function destroyWorld({ engine, cgroupParent }: World): Promise<void> {
  await engine.destroy();
  removeCgroupParent(cgroupParent);
}

/** What is wrong with the world now; '' when nothing is. */
export async function complaints({ engine, bystander }: World, pid: number): Promise<string> {
  if (engine.pid !== pid) return 'the daemon is another one';
  for (let left = 30; !(await engine.answers()); left--) {
    if (left === 0) return `the daemon does not answer:\n${engine.log.slice(-3000)}`;
    await sleep(500);
  }
  const state = engine.docker(
    'inspect',
    '-f',
    '{{.State.Running}} {{.State.StartedAt}} {{.RestartCount}}',
    bystander.id,
  );
  if (state.out.trim() !== `true ${bystander.startedAt} 0`) return `the bystander: ${state.out}${state.err}`;
  const page = engine.host.run('curl', '-s', '--max-time', '20', 'http://127.0.0.1:8080/');
  if (!page.out.includes('Welcome')) return `the bystander's port: ${page.err} ${page.out}`;
  return complaintsOfLog(engine.log);
}

/** A line at which somebody was surprised. */
function complaintsOfLog(log: string): string {
  const line = log
    .split('\n')
    .find(
      (text) =>
        /unhandled|uncaught|TypeError|RangeError|ReferenceError|is not a function|Cannot read prop|"level":60/.test(
          text,
        ) && !/"level":(20|30)/.test(text),
    );
  return line === undefined ? '' : `the daemon's log: ${line.slice(0, 1500)}`;
}

/** Open descriptors of the daemon, by what they are; inodes and numbers are no content. */
export function descriptors(pid: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    let target: string;
    try {
      target = readlinkSync(`/proc/${pid}/fd/${fd}`)
        .replace(/\d{4,}/g, 'N')
        .replace(/[0-9a-f]{12,64}/g, 'ID');
    } catch {
      continue;
    }
    counts.set(target, (counts.get(target) ?? 0) + 1);
  }
  return counts;
}
