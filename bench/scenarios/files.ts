/** Programs in a running container, and files in and out of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engines.ts';
import type { Scenario } from '../scenario.ts';

const CONTAINER = 'bench-files';
const SMALL_FILES = 5000;
const BIG = { name: 'big', mb: 1024 };
const BIG_QUICK = { name: 'big-quick', mb: 100 };

export const programs: Scenario = {
  rows: ['exec'],
  runs: 15,
  quickRuns: 3,
  warmUp: true,
  prepare: async (engine) => void (await engine.ok('run', '-d', '--name', CONTAINER, 'busybox', 'sleep', '100000')),
  measure: async (engine) => ({ exec: await engine.timed('exec', CONTAINER, 'true') }),
  finish: (engine) => engine.remove(CONTAINER),
};

/** The same files from one program to the other: what is left of cp without an engine, a client and their connection. */
async function floors(engine: Engine, big: string): Promise<Record<string, number>> {
  const seconds = async (name: string): Promise<number> => {
    const started = performance.now();
    const ran = await engine.sandbox.run('sh', [
      '-c',
      'cd "$0" && tar -c "$1" | tar -x -C out',
      engine.sandbox.dir,
      name,
    ]);
    if (ran.code !== 0) throw new Error(`tar: ${ran.both}`);
    return (performance.now() - started) / 1000;
  };
  await engine.sandbox.run('sh', ['-c', 'rm -rf "$0"/*', join(engine.sandbox.dir, 'out')]);
  return { 'floor-cp': await seconds('small'), 'floor-cp-big': await seconds(big) };
}

export const files: Scenario = {
  rows: ['cp-in', 'cp-out', 'floor-cp', 'cp-in-big', 'cp-out-big', 'floor-cp-big', 'export', 'save', 'load'],
  runs: 5,
  quickRuns: 1,
  warmUp: true,
  async prepare(engine) {
    const dir = join(engine.sandbox.dir, 'small');
    mkdirSync(dir);
    for (let index = 0; index < SMALL_FILES; index++)
      writeFileSync(join(dir, `file-${index}`), `line ${index}\n`.repeat(20));
    const make = [BIG, BIG_QUICK].map(({ name, mb }) => `head -c ${mb}M /dev/zero >"$0"/${name}`);
    await engine.sandbox.run('sh', ['-c', ['mkdir "$0"/out', ...make].join('; '), engine.sandbox.dir]);
  },
  async measure(engine, settings) {
    const at = (name: string): string => join(engine.sandbox.dir, name);
    const big = (settings.quick ? BIG_QUICK : BIG).name;
    await engine.ok('run', '-d', '--name', CONTAINER, 'busybox', 'sleep', '100000');
    const cpIn = await engine.timed('cp', at('small'), `${CONTAINER}:/root/`);
    const exported = await engine.timed('export', '-o', at('out/export.tar'), CONTAINER);
    const cpOut = await engine.timed('cp', `${CONTAINER}:/root/small`, at('out/'));
    await engine.ok('commit', CONTAINER, 'bench-loaded');
    const save = await engine.timed('save', '-o', at('out/image.tar'), 'bench-loaded');
    const cpInBig = await engine.timed('cp', at(big), `${CONTAINER}:/root/`);
    const cpOutBig = await engine.timed('cp', `${CONTAINER}:/root/${big}`, at('out/'));
    await engine.remove(CONTAINER);
    await engine.ok('rmi', 'bench-loaded');
    const load = await engine.timed('load', '-i', at('out/image.tar'));
    await engine.ok('rmi', 'bench-loaded');
    const floor = engine.name === 'causeway' ? await floors(engine, big) : {};
    await engine.sandbox.run('sh', ['-c', 'rm -rf "$0"/*', at('out')]);
    return {
      ...floor,
      'cp-in': cpIn,
      'cp-out': cpOut,
      'cp-in-big': cpInBig,
      'cp-out-big': cpOutBig,
      export: exported,
      save,
      load,
    };
  },
  async finish(engine) {
    await engine.docker('rm', '-f', CONTAINER);
  },
};
