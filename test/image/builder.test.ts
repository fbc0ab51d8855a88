/** What the doors of the builder rely on: contexts that have names, and news of every step. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { silentLog } from '../../src/base/log.ts';
import { cachedStepIds } from '../../src/build/step-cache.ts';
import { KeptContexts } from '../../src/build/session/kept-contexts.ts';
import { ImageStore } from '../../src/image/image-store.ts';
import type { NamedContext } from '../../src/build/build-request.ts';
import type { BuildNews } from '../../src/model/build-news.ts';
import { filesIn, openBuilder, type BuilderUnderTest } from './builder-fixture.ts';

/** What an image has at its root. */
async function filesOf({ images, rootfs }: BuilderUnderTest, id: string): Promise<Record<string, string>> {
  const name = `look-${id.slice(7, 19)}`;
  await rootfs.create(name, images.get(id));
  try {
    const root = rootfs.mount(name);
    const read = (file: string): string => readFileSync(join(root, file), 'utf8');
    const own = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isFile());
    return Object.fromEntries(
      own.filter(({ name: one }) => one !== '.dockerenv').map((one) => [one.name, read(one.name)]),
    );
  } finally {
    await rootfs.remove(name);
  }
}

/** All of its files, with the directories that they are in. */
async function pathsOf({ images, rootfs }: BuilderUnderTest, id: string): Promise<string[]> {
  const name = `look-${id.slice(7, 19)}`;
  await rootfs.create(name, images.get(id));
  try {
    const found = execFileSync('find', [rootfs.mount(name), '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' });
    return found
      .split('\n')
      .filter((path) => /^[abc]|^to|^star|^all/.test(path))
      .toSorted();
  } finally {
    await rootfs.remove(name);
  }
}

test('a named context stands in for an image and for a stage, and is opened once and only if needed', async (t) => {
  const under = await openBuilder(t);
  const { build, directory } = under;
  const opened: string[] = [];
  const context = (name: string, files: Record<string, string>) => {
    const path = filesIn(directory, name, files);
    return [name, { kind: 'directory', open: async () => (opened.push(name), path) }] as const;
  };
  const base = await build('FROM scratch\nCOPY f /from-image\nLABEL kept=yes', {
    context: filesIn(directory, 'main', { f: 'main' }),
    tags: ['base:1'],
  });
  const contexts = new Map<string, NamedContext>([
    context('files', { f: 'named', 'd/g': 'below' }),
    context('replaced', { instead: 'of the stage' }),
    context('unused', {}),
    ['other:2', { kind: 'image', reference: 'base:1' }] as const,
  ]);
  const file =
    'FROM does.not/exist AS replaced\nCOPY not-there /\nFROM unused AS never\nFROM files AS first\nCOPY d/g /d-g\n' +
    'FROM other:2\nCOPY --from=files f d/g /\nCOPY --from=first /d-g /\nCOPY --from=replaced instead /\nCOPY --from=0 instead /again\n';
  const main = filesIn(directory, 'context', { 'd/g': 'of the context' });
  const { id } = await build(file, { contexts, context: main });
  assert.deepEqual(await filesOf(under, id), {
    'from-image': 'main',
    f: 'named',
    g: 'below',
    'd-g': 'of the context',
    instead: 'of the stage',
    again: 'of the stage',
  });
  assert.deepEqual(opened.toSorted(), ['files', 'replaced']);
  assert.equal(under.images.get(id).config.labels['kept'], 'yes', 'an image brings its configuration');
  assert.equal((await build(file, { contexts, context: main })).id, id, 'all of it is cached');
  writeFileSync(join(directory, 'files', 'f'), 'changed');
  const changed = await build(file, {
    contexts: new Map([...contexts, context('files', { f: 'changed', 'd/g': 'below' })]),
    context: main,
  });
  assert.equal((await filesOf(under, changed.id))['f'], 'changed');
  assert.equal(base.id, under.images.get('base:1').id, 'it is left as it was');
});

test('a named context is for one platform before it is for all, and latest needs no tag', async (t) => {
  const under = await openBuilder(t);
  const open = (name: string) => ({
    kind: 'directory' as const,
    open: async () => filesIn(under.directory, name, { [name]: '' }),
  });
  const contexts = new Map<string, NamedContext>([
    ['a::linux/riscv64', open('riscv')],
    ['a', open('any')],
    ['b:latest', open('never')],
    ['b', open('plain')],
  ]);
  const riscv = { os: 'linux', architecture: 'riscv64', variant: '' };
  const names = async (file: string, platform?: typeof riscv): Promise<string[]> =>
    Object.keys(await filesOf(under, (await under.build(file, { contexts, platform })).id));
  assert.deepEqual(await names('FROM a'), ['any']);
  assert.deepEqual(await names('FROM a', riscv), ['riscv']);
  assert.deepEqual(await names('FROM docker.io/library/b:latest'), ['plain']);
});

test('a named context is fetched: an archive is unpacked, anything else is a file', async (t) => {
  const under = await openBuilder(t);
  const tree = filesIn(under.directory, 'tree', { inside: 'of the archive' });
  const tar = execFileSync('tar', ['-C', tree, '-cz', '.']);
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url!);
    response.end(request.url === '/x.tar.gz' ? tar : 'FROM nothing');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const remote = (path: string) => ({ kind: 'remote' as const, address: `http://127.0.0.1:${port}${path}` });
  const { id } = await under.build('FROM archive\nCOPY --from=file text /\nCOPY --from=archive inside /twice', {
    contexts: new Map([
      ['archive', remote('/x.tar.gz')],
      ['file', remote('/text')],
    ]),
  });
  assert.deepEqual(await filesOf(under, id), {
    inside: 'of the archive',
    text: 'FROM nothing',
    twice: 'of the archive',
  });
  assert.deepEqual(asked.toSorted(), ['/text', '/x.tar.gz']);
});

test('what is built for another use is in no list, and stays for as long as it is used', async (t) => {
  const { build, images, builder } = await openBuilder(t);
  let layers = 0;
  const { id } = await build('FROM scratch\nLABEL a=b\nWORKDIR /w', {
    publish: false,
    use: async (image) => {
      await builder.prune({ all: true, unusedForMs: 0, keepBytes: 0, accept: () => true });
      layers = images.get(image.id).diffIds.length;
    },
  });
  assert.equal(layers, 1);
  assert.deepEqual(
    images.list().map((image) => image.id),
    [],
  );
  assert.equal(images.get(id).config.workingDir, '/w', 'it is cache');
});

const stepsOf = (news: readonly BuildNews[]) => news.flatMap((one) => (one.news === 'step' ? [one] : []));

test('each step is told of from its beginning to its end, with its place and the step before it', async (t) => {
  const { build, directory } = await openBuilder(t);
  const context = filesIn(directory, 'context', { f: '' });
  const file = 'ARG X\nFROM scratch AS one\nENV A=b\nCOPY f /f\nFROM one\nWORKDIR /w\nCOPY --from=one /f /g\n';
  const { news } = await build(file, { context });
  const steps = stepsOf(news);
  assert.deepEqual(
    steps.map(({ text, place, step, steps: count }) => [text, place?.stage, place?.step, place?.steps, step, count]),
    [
      ['ARG X', undefined, undefined, undefined, 1, 7],
      ['FROM scratch AS one', 'one', 1, 2, 2, 7],
      ['ENV A=b', 'one', 0, 2, 3, 7],
      ['COPY f /f', 'one', 2, 2, 4, 7],
      ['FROM one', 'stage-1', 1, 3, 5, 7],
      ['WORKDIR /w', 'stage-1', 2, 3, 6, 7],
      ['COPY --from=one /f /g', 'stage-1', 3, 3, 7, 7],
    ],
  );
  const ids = steps.map(({ id }) => id);
  assert.equal(new Set(ids).size, 7);
  assert.deepEqual(
    steps.map(({ after }) => ids.indexOf(after)),
    [-1, -1, 1, 2, 3, 4, 5],
  );
  const ended = news.flatMap((one) => (one.news === 'ended' ? [[one.id, one.outcome]] : []));
  assert.deepEqual(
    ended,
    ids.map((id) => [id, 'done']),
  );
  const again = await build(file, { context, ordered: false });
  assert.deepEqual(
    stepsOf(again.news).map(({ id }) => id),
    ids,
    'the same steps have the same ids',
  );
  const cached = again.news.flatMap((one) => (one.news === 'cached' ? [ids.indexOf(one.id)] : []));
  assert.deepEqual(cached.toSorted(), [2, 3, 5, 6]);
});

test('a step that fails has ended, with the reason', async (t) => {
  const { build, directory } = await openBuilder(t);
  const news: BuildNews[] = [];
  const context = filesIn(directory, 'context', { f: '' });
  await assert.rejects(
    build('FROM scratch\nCOPY missing /\n', { context }, (one) => void news.push(one)),
    /file not found in build context/,
  );
  const ends = news.flatMap((one) => (one.news === 'ended' ? [[one.outcome, one.message]] : []));
  assert.equal(ends.length, 2);
  assert.deepEqual(ends[0], ['done', '']);
  assert.equal(ends[1]![0], 'failed');
  assert.match(ends[1]![1]!, /file not found in build context/);
});

test('sources that are called otherwise are another step, whatever is in them', async (t) => {
  const under = await openBuilder(t);
  const context = filesIn(under.directory, 'context', { a: 'same', b: 'same' });
  await under.build('FROM scratch\nCOPY a /\n', { context });
  const { id } = await under.build('FROM scratch\nCOPY b /\n', { context });
  assert.deepEqual(Object.keys(await filesOf(under, id)), ['b']);
});

test('of --parents the directories before the pivot are left out', async (t) => {
  const under = await openBuilder(t);
  const context = filesIn(under.directory, 'context', { 'x/y/z/f': '', 'x/y/g': '', 'x/y2/z/f': '' });
  const { id } = await under.build(
    'FROM scratch\nCOPY --parents x/./y/g ./x/y/./z /to/\nCOPY --parents x/*/./z/f /star/\nCOPY --parents x/y/g /all/\n',
    { context },
  );
  assert.deepEqual(await pathsOf(under, id), ['all/x/y/g', 'star/z/f', 'to/y/g', 'to/z/f']);
});

test('a repository is added at its commit, with what git keeps where that is asked for', async (t) => {
  const under = await openBuilder(t);
  const work = filesIn(under.directory, 'work', { file: 'first', 'sub/inner': 'x' });
  const git = (...args: string[]): string =>
    execFileSync('git', ['-C', work, '-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { encoding: 'utf8' });
  git('init', '-q', '-b', 'main');
  git('add', '.');
  git('commit', '-qm', 'first');
  const commit = git('rev-parse', 'HEAD').trim();
  const bare = join(under.directory, 'repo.git');
  execFileSync('git', ['clone', '-q', '--bare', work, bare]);
  execFileSync('git', ['-C', bare, 'update-server-info']);
  const server = createServer((request, response) => {
    const path = join(under.directory, new URL(request.url ?? '/', 'http://x').pathname);
    if (!existsSync(path) || !statSync(path).isFile()) return void response.writeHead(404).end();
    response.end(readFileSync(path));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.after(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/repo.git`;
  const file = `FROM scratch\nADD ${address} /a/\nADD --keep-git-dir --checksum=${commit} ${address}#main /b/\nADD ${address}#main:sub /c/\n`;
  const { id } = await under.build(file);
  const paths = await pathsOf(under, id);
  assert.deepEqual(
    paths.filter((path) => !path.includes('/.git/')),
    ['a/file', 'a/sub/inner', 'b/file', 'b/sub/inner', 'c/inner'],
  );
  assert.deepEqual(paths.filter((path) => path.endsWith('/HEAD') && path.startsWith('a')).length, 0);
  assert.ok(paths.includes('b/.git/HEAD'));
  assert.equal(
    (await under.build(file)).id,
    id,
    'the same commit is the same step, whatever git has written beside it',
  );
  await assert.rejects(under.build(`FROM scratch\nADD --checksum=0123456 ${address} /a/\n`), /digest mismatch/);
});

test('a front end of others is not run, and that is told', async (t) => {
  const { build } = await openBuilder(t);
  const warnings = async (syntax: string): Promise<string[]> =>
    (await build(`# syntax=${syntax}\nFROM scratch\nLABEL a=b\n`)).news.flatMap((one) =>
      one.news === 'warning' ? [one.text] : [],
    );
  for (const own of [
    'docker/dockerfile:1',
    'docker.io/docker/dockerfile:1.7-labs',
    'docker/dockerfile-upstream:master',
  ])
    assert.deepEqual(await warnings(own), []);
  assert.deepEqual(await warnings('tonistiigi/x'), [
    'syntax=tonistiigi/x is not run: this builder reads the file itself',
  ]);
});

test('an image that is not there may be a stage that was meant', async (t) => {
  const { build } = await openBuilder(t);
  const file = 'FROM scratch AS build\nLABEL a=b\nFROM scratch\nCOPY --from=biuld a b\n';
  await assert.rejects(build(file), /pull access denied for biuld \(did you mean build\?\)$/);
});

test('steps count as cache and not as images, and stay that where the index is lost', async (t) => {
  const under = await openBuilder(t);
  const context = filesIn(under.directory, 'context', { a: 'x'.repeat(1000), b: 'y'.repeat(100) });
  const file = 'FROM scratch AS one\nCOPY a /\nFROM scratch\nCOPY b /\n';
  await under.build(file, { context, target: 'one', publish: false });
  assert.equal(under.images.layersSizeBytes(), 0);
  const { id } = await under.build(file, { context, tags: ['named:1'] });
  assert.equal(under.images.layersSizeBytes(), 100);
  under.builder.close();
  const steps = cachedStepIds(join(under.directory, 'build'), silentLog);
  under.images.close();
  const root = join(under.directory, 'store');
  for (const name of ['index.json', 'index.previous.json']) rmSync(join(root, name));
  const images = await ImageStore.open(root, { log: silentLog, stepIds: () => steps });
  t.after(() => images.close());
  assert.ok(images.byId(id));
  assert.deepEqual(images.list(), []);
});

test('a directory that is made for the context as a whole is one that everybody may enter', async (t) => {
  const under = await openBuilder(t);
  const made = under.builder.makeDirectory();
  t.after(() => made.remove().catch(() => {}));
  writeFileSync(join(made.path, 'f'), '');
  const { id } = await under.build('FROM scratch\nCOPY . /all/\n', { context: made.path });
  await under.rootfs.create('mode', under.images.get(id));
  assert.equal(statSync(join(under.rootfs.mount('mode'), 'all')).mode & 0o7777, 0o755);
  await under.rootfs.remove('mode');
});

test('many steps that change no file are few writes of the index, and all are in it when the build has ended', async (t) => {
  const under = await openBuilder(t);
  const labels = Array.from({ length: 60 }, (_, i) => `LABEL l${i}=${i}\n`).join('');
  await under.build('FROM scratch\nLABEL base=one\n', { tags: ['base:1'] });
  const writes = t.mock.method(fs, 'fdatasyncSync');
  syncBuiltinESMExports();
  t.after(() => {
    writes.mock.restore();
    syncBuiltinESMExports();
  });
  const { id } = await under.build(`FROM base:1\n${labels}`, { tags: ['labelled:1'] });
  assert.ok(writes.mock.callCount() <= 4, `${writes.mock.callCount()} writes`);
  const stored = () =>
    JSON.parse(readFileSync(join(under.directory, 'store', 'index.json'), 'utf8')) as { images: object };
  assert.ok(Object.hasOwn(stored().images, id));
  assert.equal(Object.keys(stored().images).length, 61);
  // One that fails has what it came to as cache, too.
  await assert.rejects(
    under.build(`FROM base:1\nLABEL other=one\n${labels}COPY missing /\n`, { context: under.directory }),
  );
  assert.equal(Object.keys(stored().images).length, 61 + 61);
  // Where nothing is new nothing is written; when it was named is known all the same.
  const before = writes.mock.callCount();
  const { lastTaggedAt } = under.images.byId(id)!;
  await setTimeout(5);
  const again = await under.build(`FROM base:1\n${labels}`, { tags: ['labelled:1'] });
  assert.equal(again.id, id);
  assert.ok(under.images.byId(id)!.lastTaggedAt > lastTaggedAt);
  assert.equal(writes.mock.callCount(), before);
  await under.build(`FROM base:1\n${labels}`, { tags: ['labelled:2'] });
  assert.ok(
    Object.hasOwn(
      JSON.parse(readFileSync(join(under.directory, 'store', 'index.json'), 'utf8')).references,
      'docker.io/library/labelled:2',
    ),
  );
});

test('a thousand steps are built, and more are refused', { timeout: 120_000 }, async (t) => {
  const under = await openBuilder(t);
  const labels = (count: number): string => Array.from({ length: count }, (_, i) => `LABEL l=${i}\n`).join('');
  const { id } = await under.build(`FROM scratch\n${labels(999)}`);
  const { history, parent } = under.images.byId(id)!;
  assert.equal(history.length, 999);
  // The entries are the same ones in memory as those of the step before.
  assert.equal(under.images.byId(parent)!.history[5], history[5]);
  await assert.rejects(under.build(`FROM scratch\n${labels(1001)}`), /1000 instructions/);
});

test('what is beyond the bounds goes after a build, what was not used for longest first, and nothing that images have', async (t) => {
  const bounds = { reservedBytes: 0, maxUsedBytes: 2500, minFreeBytes: 0 };
  const rule = { ...bounds, all: false, unusedForMs: 0, accept: () => true };
  const under = await openBuilder(t, { isEnabled: true, rules: [rule], defaults: bounds });
  const steps = async (): Promise<string[]> =>
    (await under.builder.records()).map(({ description }) => description.split(' ')[1]!).sort();
  const gone = async (...left: string[]): Promise<void> => {
    while (String(await steps()) !== String(left)) await setTimeout(20);
  };
  const context = filesIn(under.directory, 'context', Object.fromEntries([...'abcd'].map((f) => [f, f.repeat(1000)])));
  await under.build('FROM scratch\nCOPY a /\n', { context, tags: ['has-a:1'] });
  await under.build('FROM scratch\nCOPY b /\n', { context, publish: false });
  await under.build('FROM scratch\nCOPY c /\n', { context, publish: false });
  assert.deepEqual(await steps(), ['a', 'b', 'c'], 'what an image has takes no more room');
  // The one that is used again is newer than the one after it.
  await under.build('FROM scratch\nCOPY b /\n', { context, publish: false });
  await under.build('FROM scratch\nCOPY d /\n', { context, publish: false });
  await gone('a', 'b', 'd');
  // A directory of a client counts, too.
  const contexts = new KeptContexts(join(under.directory, 'contexts'));
  const kept = await contexts.take('of a client', async (path) => writeFileSync(join(path, 'f'), 'x'.repeat(1000)));
  await kept.release();
  await under.build('FROM scratch\nCOPY d /\n', { context, publish: false });
  await gone('a', 'd', 'of');
  await under.builder.prune({ all: true, unusedForMs: 0, keepBytes: 0, accept: ({ kind }) => kind === 'source.local' });
  assert.deepEqual(await steps(), ['a', 'd']);
  assert.deepEqual(await contexts.all(), []);
});

test('instructions that a base image adds by ONBUILD count as those of the file', async (t) => {
  const { images, build } = await openBuilder(t);
  const trigger = Array.from({ length: 600 }, () => 'LABEL a=b').join('\n');
  const config = JSON.stringify({
    os: 'linux',
    config: { OnBuild: [trigger, trigger] },
    rootfs: { type: 'layers', diff_ids: [] },
  });
  const { catalog } = images;
  await catalog.pinned((pins) => catalog.register({ config, layers: [] }, ['docker.io/library/many:latest'], pins));
  let begun = 0;
  const count = ({ news }: BuildNews): void => {
    if (news === 'state') begun++;
  };
  await assert.rejects(build('FROM many', {}, count), { kind: 'invalid', message: /^more than \d+ instructions/ });
  assert.ok(begun <= 1, 'none of them is done');
});

test('a build that fails says why, if its steps cannot be written either', async (t) => {
  const under = await openBuilder(t);
  const failing = t.mock.method(fs, 'fsyncSync', () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  });
  syncBuiltinESMExports();
  const build = (file: string) => under.build(file, { context: under.directory, tags: ['never:1'] });
  try {
    await assert.rejects(build('FROM scratch\nLABEL a=b\nCOPY missing /\n'), /COPY failed/);
    await assert.rejects(build('FROM scratch\nLABEL a=b\n'), /input\/output error/);
  } finally {
    failing.mock.restore();
    syncBuiltinESMExports();
  }
  assert.deepEqual(under.images.list(), []);
  const { id } = await build('FROM scratch\nLABEL a=b\n');
  assert.equal(under.images.list().length, 1);
  assert.deepEqual(readdirSync(join(under.directory, 'build', 'work')), []);
  assert.ok(under.images.byId(id));
});
