/** Contexts that are large, or of very many files: how long they take, and that they are not held in memory. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engines.ts';
import { peakOf } from '../memory.ts';
import type { Scenario } from '../scenario.ts';

const TAG = 'bench-large';

function largeBuild(row: string, fill: (directory: string, engine: Engine) => Promise<void>): Scenario {
  const directoryOf = (engine: Engine): string => join(engine.sandbox.dir, row);
  return {
    rows: [row, `memory-${row}`],
    runs: 1,
    quickRuns: 0,
    warmUp: false,
    async prepare(engine) {
      const directory = directoryOf(engine);
      mkdirSync(join(directory, 'files'), { recursive: true });
      writeFileSync(join(directory, 'Dockerfile'), 'FROM busybox\nCOPY files /files\n');
      await fill(join(directory, 'files'), engine);
      const packed = await engine.sandbox.run('tar', ['-C', directory, '-cf', `${directory}.tar`, '.']);
      if (packed.code !== 0) throw new Error(`tar: ${packed.both}`);
    },
    async measure(engine) {
      const { result, peakMb } = await peakOf(engine.sandbox.processes(), () =>
        engine.build(TAG, `${directoryOf(engine)}.tar`),
      );
      return { [row]: result, [`memory-${row}`]: peakMb };
    },
    async finish(engine) {
      await engine.docker('rmi', '-f', TAG);
      await engine.docker('builder', 'prune', '-af');
      await engine.sandbox.shell(`rm -rf "${directoryOf(engine)}" "${directoryOf(engine)}.tar"`);
    },
  };
}

/** 64 files that nothing compresses. */
export const gigabyteContext = largeBuild('build-gb', async (directory, engine) => {
  const script = 'for i in $(seq 64); do head -c 16M /dev/urandom >"$0"/$i; done';
  const made = await engine.sandbox.run('sh', ['-ec', script, directory]);
  if (made.code !== 0) throw new Error(`the context could not be made: ${made.both}`);
});

export const manyFiles = largeBuild('build-100k', async (directory) => {
  for (let outer = 0; outer < 100; outer++) {
    mkdirSync(join(directory, String(outer)));
    for (let index = 0; index < 1000; index++)
      writeFileSync(join(directory, String(outer), `f${index}`), `${outer}.${index}\n`);
  }
});
