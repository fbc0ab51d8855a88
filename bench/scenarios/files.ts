/** Programs in a running container, and files in and out of it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
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

export const files: Scenario = {
  rows: ['cp-in', 'cp-out', 'cp-in-big', 'cp-out-big', 'export', 'save', 'load'],
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
    await engine.sandbox.run('sh', ['-c', 'rm -rf "$0"/*', at('out')]);
    return {
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
