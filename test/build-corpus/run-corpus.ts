/**
 * The Dockerfiles of the corpus, built by the engine and by buildah: what of the images differs. `node --import tsx
 * test/build-corpus/run-corpus.ts` prints it for all of them.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TestEngine } from '../harness/test-engine.ts';
import { makeCorpusContext } from './corpus-context.ts';
import { readImages, type ImageContents } from './image-contents.ts';

const FILES = join(import.meta.dirname, 'files');
const AT_ONCE = 3;
const run = promisify(execFile);

export const CORPUS: readonly string[] = readdirSync(FILES)
  .map((name) => name.replace(/\.Dockerfile$/, ''))
  .toSorted();

export const hasBuildah = (): boolean => {
  try {
    execFileSync('sh', ['-c', 'command -v buildah && command -v podman'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

export interface Compared {
  readonly name: string;
  /** 'FILE: OURS | BUILDAH', 'Config.Env: ...'. */
  readonly differences: readonly string[];
}

export async function compareCorpus(engine: TestEngine, names: readonly string[]): Promise<Compared[]> {
  const work = join(engine.dir, 'corpus');
  const context = join(work, 'context');
  makeCorpusContext(context);
  const storage = ['--root', join(work, 'storage'), '--runroot', join(work, 'run'), '--storage-driver', 'overlay'];
  try {
    engine.ok('save', '-o', join(work, 'busybox.tar'), 'busybox');
    await inHost(engine, ['buildah', ...storage, 'pull', '-q', `docker-archive:${join(work, 'busybox.tar')}`]);
    const failures = new Map<string, string>();
    const todo = [...names];
    const lane = async (): Promise<void> => {
      for (let name = todo.shift(); name !== undefined; name = todo.shift())
        try {
          await buildBoth(engine, storage, name, context);
        } catch (error) {
          failures.set(name, String((error as { stderr?: string }).stderr ?? error).slice(-2000));
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    const built = names.filter((name) => !failures.has(name));
    if (built.length === 0) throw new Error([...failures.values()].join('\n'));
    const ours = await saved(join(work, 'ours'), (out) =>
      inHost(engine, ['docker', '-H', engine.url, 'save', '-o', out, ...built.map((name) => `corpus-${name}:1`)]),
    );
    const theirs = await saved(join(work, 'theirs'), (out) =>
      inHost(engine, [
        'podman',
        ...storage,
        'save',
        '-q',
        '-m',
        '--format',
        'docker-archive',
        '-o',
        out,
        ...built.map((name) => `localhost/corpus-${name}:1`),
      ]),
    );
    return names.map((name) => ({
      name,
      differences: failures.has(name)
        ? [`failed: ${failures.get(name)!}`]
        : differencesOf(ours.get(`corpus-${name}:1`)!, theirs.get(`localhost/corpus-${name}:1`)!),
    }));
  } finally {
    await inHost(engine, ['podman', ...storage, 'rmi', '-af']).catch(() => {});
    await inHost(engine, ['umount', join(work, 'storage', 'overlay')]).catch(() => {});
    rmSync(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

const inHost = (engine: TestEngine, [program, ...args]: readonly string[]) =>
  run('nsenter', [`--net=${engine.host.netns}`, program!, ...args], {
    env: { ...process.env, DOCKER_BUILDKIT: '0', DOCKER_HOST: engine.url },
    maxBuffer: 64 * 1024 * 1024,
  });

/** What a first line says: '# flags: --target x'. */
function flagsOf(file: string): string[] {
  const [, flags = ''] = /^# flags: (.*)$/m.exec(readFileSync(file, 'utf8')) ?? [];
  return flags.split(' ').filter((flag) => flag !== '');
}

async function buildBoth(engine: TestEngine, storage: readonly string[], name: string, context: string): Promise<void> {
  const file = join(FILES, `${name}.Dockerfile`);
  const common = [...flagsOf(file), '-f', file, '-t', `corpus-${name}:1`, context];
  const both = await Promise.allSettled([
    inHost(engine, ['docker', 'build', '-q', ...common]),
    inHost(engine, [
      'buildah',
      ...storage,
      'bud',
      '-q',
      '--layers=false',
      '--format',
      'docker',
      '--isolation',
      'chroot',
      '--pull=false',
      '--network',
      'host',
      ...common,
    ]),
  ]);
  // Neither may go on when what it works on is removed.
  for (const one of both) if (one.status === 'rejected') throw one.reason;
}

async function saved(
  directory: string,
  save: (out: string) => Promise<unknown>,
): Promise<ReadonlyMap<string, ImageContents>> {
  mkdirSync(directory, { recursive: true });
  const archive = `${directory}.tar`;
  await save(archive);
  await run('tar', ['-C', directory, '-xf', archive]);
  return await readImages(directory);
}

/** Buildah labels what it builds. */
const OWN_LABEL = /,?"io\.buildah\.version":"[^"]*"(?=[,}])/;

/** What differs wherever it can, and why. */
const EVERYWHERE: readonly { readonly line: RegExp; readonly why: string }[] = [
  {
    line: /^\/etc\/(hosts|hostname|resolv\.conf): none \| file 755 0:0 e3b0c44298fc1c14$|^\/run: none \| directory 755 0:0$/,
    why: 'buildah leaves what it mounts things on in the layer of a RUN',
  },
];

const CONFIG_FIELDS =
  'Env Cmd Entrypoint User WorkingDir ExposedPorts Volumes Labels StopSignal Healthcheck OnBuild Shell'.split(' ');

function differencesOf(ours: ImageContents, theirs: ImageContents): string[] {
  const found: string[] = [];
  for (const path of new Set([...ours.files.keys(), ...theirs.files.keys()])) {
    const [a, b] = [ours.files.get(path), theirs.files.get(path)];
    if (a !== b) found.push(`${path}: ${a ?? 'none'} | ${b ?? 'none'}`);
  }
  const [a, b] = [ours, theirs].map(({ config }) => config['config'] as Readonly<Record<string, unknown>>);
  for (const field of CONFIG_FIELDS) {
    const [one, other] = [
      plain(a![field]),
      plain(b![field])
        .replace(OWN_LABEL, '')
        .replace(/^\{,?\}$/, 'none')
        .replace('{,', '{'),
    ];
    if (one !== other) found.push(`Config.${field}: ${one} | ${other}`);
  }
  for (const field of ['architecture', 'os', 'author']) {
    const [one, other] = [plain(ours.config[field]), plain(theirs.config[field])];
    if (one !== other) found.push(`${field}: ${one} | ${other}`);
  }
  return found.filter((line) => !EVERYWHERE.some(({ line: known }) => known.test(line))).toSorted();
}

/** Nothing, an empty list and an empty object say the same; the order of keys says nothing. */
function plain(value: unknown): string {
  if (value === undefined || value === null || value === '') return 'none';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : JSON.stringify(value);
  if (typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).toSorted(([x], [y]) => (x < y ? -1 : 1));
  return entries.length === 0 ? 'none' : JSON.stringify(Object.fromEntries(entries));
}

if (process.argv[1] === import.meta.filename) {
  const engine = await TestEngine.start();
  try {
    engine.importFixtures();
    const wanted = process.argv.slice(2);
    const all = await compareCorpus(engine, wanted.length > 0 ? wanted : CORPUS);
    for (const { name, differences } of all) console.log([name, ...differences].join('\n    '));
    console.log(`${all.length} Dockerfiles, ${all.filter(({ differences }) => differences.length === 0).length} equal`);
  } finally {
    await engine.destroy();
  }
}
