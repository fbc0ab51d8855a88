/**
 * Images that are built, by the classic API; and by buildah, which is no engine, in a store of its own in the sandbox
 * of Causeway. What must not be cached has a label before it that no build had.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine } from '../engines.ts';
import type { Scenario } from '../scenario.ts';

const SMALL_FILES = 5000;
const TAG = 'bench-built';
/** Where buildah finds the image under the name that the others know it by. */
const BASE = 'FROM localhost/busybox\n';

let lastTurn = 0;

interface Context {
  readonly dir: string;
  readonly archive: string;
}

const contextOf = (engine: Engine): Context => ({
  dir: join(engine.sandbox.dir, 'build'),
  archive: join(engine.sandbox.dir, 'build.tar'),
});

/** A Dockerfile in an empty context, and with `files` what a project may have. */
async function makeContext(engine: Engine, files = 0): Promise<void> {
  const { dir } = contextOf(engine);
  mkdirSync(join(dir, 'files'), { recursive: true });
  for (let index = 0; index < files; index++)
    writeFileSync(join(dir, 'files', `file-${index}`), `line ${index}\n`.repeat(20));
  if (isMeasuredAlone(engine)) await buildahHas(engine);
}

async function write(engine: Engine, dockerfile: string): Promise<void> {
  const { dir, archive } = contextOf(engine);
  writeFileSync(join(dir, 'Dockerfile'), `FROM busybox\n${dockerfile}`);
  writeFileSync(join(dir, 'Dockerfile.buildah'), `${BASE}${dockerfile.replaceAll('FROM busybox\n', BASE)}`);
  await must(engine, 'tar', '-C', dir, '--exclude', 'Dockerfile.buildah', '-cf', archive, '.');
}

async function must(engine: Engine, program: string, ...args: string[]): Promise<void> {
  const ran = await engine.sandbox.run(program, args);
  if (ran.code !== 0) throw new Error(`${program} ${args.at(-1) ?? ''}: ${ran.both.trim().slice(-500)}`);
}

const isMeasuredAlone = ({ name }: Engine): boolean => name === 'causeway';

interface Measured {
  /** Of the row, without what it begins with. */
  readonly name: string;
  /** What is different from the one before. */
  readonly change?: () => Promise<void>;
}

/**
 * One after the other on the engine, and then on buildah: a daemon that has nothing to do for some seconds gives its
 * memory back, and what comes next would be measured with that.
 */
async function inTurn(engine: Engine, builds: readonly Measured[]): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  const all = async (prefix: string, build: () => Promise<number>): Promise<void> => {
    for (const { name, change } of builds) {
      await change?.();
      found[`${prefix}-${name}`] = (await build()) * unitOf(name);
    }
  };
  await all('build', () => engine.build(TAG, contextOf(engine).archive));
  if (isMeasuredAlone(engine)) await all('buildah', () => buildahBuilds(engine));
  return found;
}

const unitOf = (name: string): number => (name === 'run-cached' || name === 'labels-cached' ? 1000 : 1);

const storeOf = (engine: Engine): string[] => [
  '--root',
  join(engine.sandbox.dir, 'buildah'),
  '--runroot',
  '/run/buildah',
  '--storage-driver',
  'overlay',
];

async function buildahHas(engine: Engine): Promise<void> {
  const { dir } = engine.sandbox;
  writeFileSync(join(dir, 'Base'), 'FROM scratch\nADD busybox.tar /\nCMD ["sh"]\n');
  await must(
    engine,
    'buildah',
    ...storeOf(engine),
    'bud',
    '-q',
    '-t',
    'localhost/busybox',
    '-f',
    join(dir, 'Base'),
    dir,
  );
}

async function buildahBuilds(engine: Engine): Promise<number> {
  const { dir } = contextOf(engine);
  const started = performance.now();
  const options = ['--layers', '--pull=never', '-t', TAG, '-f', join(dir, 'Dockerfile.buildah')];
  await must(engine, 'buildah', ...storeOf(engine), 'bud', ...options, dir);
  return (performance.now() - started) / 1000;
}

const fresh = (): string => `LABEL turn=${++lastTurn}\n`;

async function finish(engine: Engine): Promise<void> {
  await engine.docker('rmi', '-f', TAG);
  await engine.sandbox.shell(`rm -rf "${contextOf(engine).dir}"`);
}

const USUAL = { runs: 5, quickRuns: 2, warmUp: true, finish } as const;

const TEN_RUNS = Array.from({ length: 10 }, (_, i) => `RUN echo ${i} >/root/step-${i}\n`).join('');

export const runSteps: Scenario = {
  ...USUAL,
  rows: ['build-run', 'buildah-run', 'build-run-cached', 'buildah-run-cached'],
  prepare: (engine) => makeContext(engine),
  async measure(engine) {
    await write(engine, fresh() + TEN_RUNS);
    return await inTurn(engine, [{ name: 'run' }, { name: 'run-cached' }]);
  },
};

export const labels: Scenario = {
  ...USUAL,
  rows: ['build-labels', 'build-labels-cached'],
  prepare: (engine) => makeContext(engine),
  async measure(engine) {
    await write(engine, fresh() + Array.from({ length: 99 }, (_, i) => `LABEL label-${i}=${i}\n`).join(''));
    const { archive } = contextOf(engine);
    const cold = await engine.build(TAG, archive);
    return { 'build-labels': cold, 'build-labels-cached': (await engine.build(TAG, archive)) * 1000 };
  },
};

export const copies: Scenario = {
  ...USUAL,
  rows: [
    'build-copy',
    'buildah-copy',
    'build-copy-unchanged',
    'buildah-copy-unchanged',
    'build-copy-one',
    'buildah-copy-one',
  ],
  runs: 3,
  quickRuns: 1,
  warmUp: false,
  prepare: (engine) => makeContext(engine, SMALL_FILES),
  async measure(engine) {
    const dockerfile = `${fresh()}COPY files /opt/files\nCMD ["true"]\n`;
    await write(engine, dockerfile);
    let changes = 0;
    const change = async (): Promise<void> => {
      writeFileSync(join(contextOf(engine).dir, 'files/file-2500'), `changed in turn ${lastTurn}.${changes++}\n`);
      await write(engine, dockerfile);
    };
    return await inTurn(engine, [{ name: 'copy' }, { name: 'copy-unchanged' }, { name: 'copy-one', change }]);
  },
};

export const stages: Scenario = {
  ...USUAL,
  rows: ['build-stages', 'buildah-stages'],
  prepare: (engine) => makeContext(engine, 100),
  async measure(engine) {
    const first = [
      `${fresh()}WORKDIR /src`,
      'COPY files .',
      'RUN cat file-* >/out',
      'RUN wc -l /out >/count',
      'FROM busybox',
      'RUN mkdir -p /opt/app',
      'COPY --from=0 /out /count /opt/app/',
      'ENV MODE=run',
      'CMD ["cat", "/opt/app/count"]',
    ];
    await write(engine, `${first.join('\n')}\n`);
    return await inTurn(engine, [{ name: 'stages' }]);
  },
};
