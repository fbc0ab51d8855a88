/** `causeway build` with what is on the client's machine: contexts of which only changes are sent, agents, and places for what was built. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { check } from '../harness/host.ts';
import { PROJECT, TestEngine, until } from '../harness/test-engine.ts';
import { writeTree } from '../harness/write-tree.ts';

let engine: TestEngine;
let directory: string;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  directory = mkdtempSync(join(tmpdir(), 'build-session-'));
  chmodSync(directory, 0o755);
});
after(() => {
  rmSync(directory, { recursive: true, force: true });
  return engine?.destroy();
});

const PATIENCE = { timeout: 600_000 };
const CAUSEWAY = join(PROJECT, 'causeway');
let contexts = 0;

function contextOf(files: Readonly<Record<string, string>>): string {
  return writeTree(join(directory, `context-${contexts++}`), files);
}

/** Of the context, as the command line says it. */
function sentBytes(out: string): number {
  const [, number, unit] = /Sending build context to Causeway daemon +([\d.]+)(k?B|MB)/.exec(out) ?? assert.fail(out);
  return Number(number) * { B: 1, kB: 1e3, MB: 1e6 }[unit as 'B' | 'kB' | 'MB'];
}

function build(...args: string[]): string {
  return check(engine.causeway('build', ...args)).out;
}

/** What an image has below a directory: kinds, modes, owners, sizes, targets of links. */
const listed = (image: string, path: string): string =>
  engine.ok(
    'run',
    '--rm',
    image,
    'sh',
    '-c',
    `cd ${path} && find . -exec stat -c '%F %a %u:%g %s %h %N' {} + | sort -k 6`,
  );

const MANY = Object.fromEntries(Array.from({ length: 800 }, (_, i) => [`many/${i % 20}/${i}`, `${i} `.repeat(100)]));

test('of a context with many files a second build sends only what has changed', PATIENCE, () => {
  const context = contextOf({
    ...MANY,
    Dockerfile: 'FROM busybox\nCOPY . /all\n',
    '.dockerignore': 'left-out\n!left-out/kept\nDockerfile\n.dockerignore\n',
    'left-out/x': 'x',
    'left-out/kept': 'kept',
    'a name with ä': 'odd',
    script: '#!/bin/sh\n',
    empty: '',
  });
  chmodSync(join(context, 'script'), 0o4751);
  symlinkSync('script', join(context, 'link'));
  linkSync(join(context, 'script'), join(context, 'second'));
  spawnSync('mkfifo', [join(context, 'pipe')]);
  const first = sentBytes(build('-t', 'many', context));
  assert.ok(first > 100_000, `${first} bytes`);
  const before = listed('many', '/all');
  assert.match(before, /regular file 4751 0:0 10 2 \.\/script/);
  assert.match(before, /\.\/left-out\/kept/);
  assert.doesNotMatch(before, /left-out\/x|Dockerfile/);

  // What is sent as an archive makes the same image.
  const archive = check(
    engine.shell(
      `tar -C ${context} --owner=0 --group=0 --exclude=./left-out/x -cf - . | ${CAUSEWAY} build -q -t archive -`,
    ),
  );
  assert.notEqual(archive.out, '');
  assert.equal(listed('archive', '/all'), before);

  const unchanged = build('--no-cache', '-t', 'many', context);
  assert.equal(sentBytes(unchanged), 0);
  assert.equal(listed('many', '/all'), before);

  writeFileSync(join(context, 'many/3/3'), 'another');
  rmSync(join(context, 'many/4'), { recursive: true });
  writeFileSync(join(context, 'many/4'), 'a file now');
  rmSync(join(context, 'link'));
  symlinkSync('empty', join(context, 'link'));
  chmodSync(join(context, 'many/5/5'), 0o600);
  const size = statSync(join(context, 'many/5/5')).size;
  assert.equal(sentBytes(build('-t', 'many', context)), 'another'.length + 'a file now'.length + size);
  const after = listed('many', '/all');
  assert.match(after, /regular file 644 0:0 10 1 \.\/many\/4$/m);
  assert.match(after, /regular file 600 .*\.\/many\/5\/5$/m);
  assert.match(after, /\.\/link -> empty|'\.\/link' -> 'empty'/);
  assert.equal(engine.ok('run', '--rm', 'many', 'cat', '/all/many/3/3'), 'another');
});

test(
  'a context that no step needs is not sent, and what cannot be read of one that is needed is named',
  PATIENCE,
  () => {
    const context = contextOf({ ...MANY, Dockerfile: 'FROM busybox\nRUN true\n' });
    assert.doesNotMatch(build(context), /Sending build context/);
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY many /many\n');
    // Root may read all: what goes away while it is sent cannot be read either.
    symlinkSync('nowhere', join(context, 'loop'));
    check(engine.causeway('build', context));
    const missing = engine.causeway('build', '-f', join(context, 'many'), context);
    assert.equal(missing.code, 1);
    assert.match(missing.err, /is a directory/);
  },
);

test(
  '-o: the files that were built, in a directory, in an archive, on standard output; and the image in a file',
  PATIENCE,
  () => {
    const context = contextOf({
      Dockerfile:
        'FROM busybox AS b\nRUN mkdir /r && echo built >/r/file && chmod 750 /r\nFROM scratch\nCOPY --from=b /r /r\n',
    });
    const images = () => engine.ok('images', '-qa');
    const before = images();
    const out = join(directory, 'out/below');
    build('-o', out, context);
    assert.equal(readFileSync(join(out, 'r/file'), 'utf8'), 'built\n');
    assert.equal(statSync(join(out, 'r')).mode & 0o777, 0o750);
    const tar = join(directory, 'out.tar');
    build('--output', `type=tar,dest=${tar}`, context);
    assert.equal(spawnSync('tar', ['-tf', tar]).stdout.toString(), 'r\nr/file\n');
    const piped = engine.shell(`${CAUSEWAY} build -o - ${context} | tar -xOf - r/file`);
    assert.equal(piped.out, 'built\n');
    assert.match(piped.err, /Step 1\/\d/);
    const fromArchive = engine.shell(`tar -C ${context} -cf - . | ${CAUSEWAY} build -q -o - - | tar -tf -`);
    assert.equal(fromArchive.out, 'r\nr/file\n');
    assert.equal(images(), before, 'no image has come into the list');
    const saved = join(directory, 'saved.tar');
    build('-o', `type=docker,dest=${saved},name=saved:1`, context);
    engine.ok('rmi', 'saved:1');
    assert.match(engine.ok('load', '-i', saved), /saved:1/);
    const full = engine.causeway('build', '-o', 'type=tar,dest=/dev/full', context);
    assert.equal(full.code, 1);
    assert.match(full.err, /ENOSPC|no space left/i);
  },
);

test('--build-context: directories without what their .dockerignore leaves out, and images', PATIENCE, () => {
  const other = contextOf({ file: 'of the other', left: 'out', '.dockerignore': 'left' });
  const dockerfile = 'FROM base\nCOPY --from=other . /other\nCOPY --from=other file /file\nRUN ls -A /other >/list\n';
  const context = contextOf({ Dockerfile: dockerfile, file: 'of the context' });
  const named = ['--build-context', `other:latest=${other}`, '--build-context', 'base=docker-image://busybox'];
  build(...named, '-t', 'named', context);
  assert.equal(engine.ok('run', '--rm', 'named', 'cat', '/file', '/list'), 'of the other.dockerignore\nfile');
  const missing = engine.causeway('build', '--build-context', 'other=/nowhere', context);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /failed to get build context other: lstat \/nowhere: no such file or directory/);
});

test(
  '--ssh: a step speaks with the agent, and with no other socket',
  { ...PATIENCE, skip: existsSync('/usr/bin/ssh-agent') ? false : 'there is no ssh-agent here' },
  () => {
    const context = contextOf({
      Dockerfile:
        'FROM busybox\nCOPY . /\nRUN --mount=type=ssh,required=true ssh-add -L >/key\nRUN --mount=type=ssh,id=other test ! -S "$SSH_AUTH_SOCK"\n',
    });
    withLibraries('/usr/bin/ssh-add', context);
    const key = join(directory, 'key');
    check(engine.shell(`ssh-keygen -q -t ed25519 -N '' -C of-the-test -f ${key}`));
    const script = `ssh-add -q ${key} && ${CAUSEWAY} build --ssh default -t agent ${context}`;
    check(engine.shell(`ssh-agent sh -c '${script}'`));
    assert.equal(engine.ok('run', '--rm', 'agent', 'cat', '/key'), readFileSync(`${key}.pub`, 'utf8').trim());
    const without = engine.shell(`env -u SSH_AUTH_SOCK ${CAUSEWAY} build --ssh default ${context}`);
    assert.match(without.err, /make sure SSH_AUTH_SOCK is set/);
    const none = engine.causeway('build', '--no-cache', context);
    assert.notEqual(none.code, 0, 'a step that needs one fails without');
  },
);

test('^C in the middle of a build ends it on the daemon, and nothing of it stays', PATIENCE, async () => {
  const context = contextOf({ ...MANY, Dockerfile: 'FROM busybox\nCOPY . /all\nRUN echo begun; sleep 1000\n' });
  const iid = join(directory, 'cut-off');
  writeFileSync(iid, 'of an earlier build');
  const child = engine.host.spawn(CAUSEWAY, ['build', '--iidfile', iid, context], {
    env: { ...process.env, CAUSEWAY_HOST: engine.url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  let words = '';
  child.stdout!.on('data', (chunk: Buffer) => (words += chunk.toString()));
  await until('the step runs', () => /^begun$/m.test(words));
  child.kill('SIGINT');
  const [code, signal] = (await ended) as [number | null, string | null];
  assert.ok(signal === 'SIGINT' || code === 130, `${code} ${signal}`);
  assert.equal(existsSync(iid), false);
  await until('its container is gone', () => engine.ok('ps', '-aq') === '');
  const left = (): string => check(engine.shell(`ls ${join(engine.dataRoot, 'build/work')}`)).out;
  await until('its directories are gone', () => left() === '');
});

/** A program of this host, to run in an image without its libraries. */
function withLibraries(program: string, into: string): void {
  const libraries = spawnSync('ldd', [program]).stdout.toString().match(/\/\S+/g) ?? [];
  for (const path of [program, ...libraries]) {
    const target = path === program ? join(into, 'bin', basename(path)) : join(into, path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(path, target);
  }
}
