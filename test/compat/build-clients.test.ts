/** Images built by the clients that people have: our own command line, Compose 1 and 2, docker-py, dockerode, Testcontainers. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { writeTree } from '../harness/write-tree.ts';

let engine: TestEngine;
let directory: string;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  directory = mkdtempSync(join(tmpdir(), 'build-clients-'));
  chmodSync(directory, 0o755);
});
after(() => {
  rmSync(directory, { recursive: true, force: true });
  return engine?.destroy();
});

let contexts = 0;

function contextOf(files: Readonly<Record<string, string>>): string {
  return writeTree(join(directory, `context-${contexts++}`), files);
}

const STAGES = {
  Dockerfile:
    'FROM busybox AS first\nARG WHO\nRUN echo $WHO >/who\nFROM first AS last\nCOPY file /file\nCMD ["cat", "/who", "/file"]\n',
  file: 'content\n',
};

const PATIENCE = { timeout: 600_000 };
const causeway = (...args: string[]) => engine.causeway(...args);

test('causeway build: the image, its id in a file, the cache, and what the daemon says of it', PATIENCE, () => {
  const context = contextOf({ ...STAGES, '.dockerignore': 'left-out\n', 'left-out/x': 'x' });
  const iid = join(directory, 'iid');
  const { out, err, code } = causeway('build', '-t', 'ours', '--build-arg', 'WHO=us', '--iidfile', iid, context);
  assert.deepEqual([code, err], [0, '']);
  assert.match(out, /^Sending build context to Causeway daemon +[\d.]+kB\r\r\nStep 1\/\d : FROM busybox AS first\n/);
  assert.match(out, /Successfully tagged ours:latest\n$/);
  assert.equal(engine.ok('run', '--rm', 'ours'), 'us\ncontent');
  assert.equal(engine.ok('inspect', '-f', '{{.Id}}', 'ours'), readFileSync(iid, 'utf8'));
  const again = causeway('image', 'build', '-q', '--build-arg', 'WHO=us', context);
  assert.equal(again.out.trim(), readFileSync(iid, 'utf8'), 'nothing was built again');
  const failed = causeway('builder', 'build', '-q', '--target', 'nothing', context);
  assert.equal(failed.code, 1);
  assert.match(failed.err, /target stage "nothing" could not be found/);
  const exit = causeway('build', contextOf({ Dockerfile: 'FROM busybox\nRUN exit 7\n' }));
  assert.equal(exit.code, 7);
  assert.match(exit.err, /returned a non-zero code: 7/);
});

test('causeway build: a Dockerfile from elsewhere is no part of the context', PATIENCE, () => {
  const context = contextOf({ file: 'content\n' });
  const dockerfile = 'FROM busybox\nCOPY . /all\nRUN ls -A /all >/listed\nCMD ["cat", "/listed"]\n';
  const other = join(contextOf({ Dockerfile: dockerfile }), 'Dockerfile');
  check(causeway('build', '-t', 'outside', '-f', other, context));
  assert.equal(engine.ok('run', '--rm', 'outside'), 'file');
  check(engine.shell(`${join(PROJECT, 'causeway')} build -t stdin -f - ${context} <${other}`));
  assert.equal(engine.ok('run', '--rm', 'stdin'), 'file');
  writeFileSync(join(context, 'sub'), dockerfile);
  check(engine.shell(`tar -C ${context} -cf - . | ${join(PROJECT, 'causeway')} build -t archive -f sub -`));
  assert.equal(engine.ok('run', '--rm', 'archive'), 'file\nsub');
});

test(
  'causeway build --secret: a step sees it, and it is in no image, log, history or file of the builder',
  PATIENCE,
  () => {
    const value = 'Xa9-never-to-be-found';
    const word = 'Yb8-of-a-variable';
    const context = contextOf({
      Dockerfile:
        'FROM busybox\nRUN --mount=type=secret,id=file,mode=0440,uid=5 cat /run/secrets/file | tr a-z A-Z && stat -c %a:%u /run/secrets/file\n' +
        'RUN --mount=type=secret,id=word,env=WORD test -n "$WORD" && echo ${#WORD}\nRUN ls /run/secrets 2>&1 | wc -l; env | grep -c WORD; true\n',
    });
    const file = join(directory, 'secret');
    writeFileSync(file, value);
    const { code, out, err } = engine.host.run(
      'env',
      `CAUSEWAY_HOST=${engine.url}`,
      `WORD=${word}`,
      join(PROJECT, 'causeway'),
      'build',
      '-t',
      'secretive',
      '--secret',
      `id=file,src=${file}`,
      '--secret',
      'id=word,env=WORD',
      context,
    );
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`${value.toUpperCase()}440:5`));
    assert.match(out, new RegExp(`^${word.length}$`, 'm'));
    for (const shown of [
      out,
      engine.ok('history', '--no-trunc', 'secretive'),
      engine.ok('inspect', 'secretive'),
      engine.log,
    ])
      for (const secret of [value, word]) assert.ok(!shown.includes(secret), shown);
    const keptBy = (secret: string): string[] =>
      check(engine.shell(`grep -rlF ${secret} ${engine.dataRoot} ${engine.execRoot} || true`))
        .out.split('\n')
        .filter(Boolean);
    assert.deepEqual(keptBy(value), [], 'no file has it');
    assert.deepEqual(keptBy(word), [], 'nor the record of the container that had it in its environment');
    // Another value is no other step, as with BuildKit.
    writeFileSync(file, 'another');
    assert.match(
      check(causeway('build', '--secret', `id=file,src=${file}`, '--secret', `id=word,src=${file}`, context)).out,
      /Using cache/,
    );
  },
);

test('causeway builder prune removes what no image has', PATIENCE, () => {
  check(causeway('build', contextOf({ Dockerfile: 'FROM busybox\nRUN echo prune >/p\n' })));
  const { out } = check(causeway('builder', 'prune', '-af'));
  assert.match(out, /^Deleted build cache objects:\n(?:.+\n)+\nTotal reclaimed space: .+B\n$/);
  assert.equal(check(causeway('builder', 'prune', '-af')).out, 'Total reclaimed space: 0B\n');
});

test('docker-py: paths, files, contexts of its own, limits, errors', PATIENCE, () => {
  const script = join(PROJECT, 'test/compat/build-clients/docker-py.py');
  const ran = engine.host.run('/usr/bin/python3', script, engine.socket, contextOf({}));
  assert.deepEqual([ran.code, ran.out], [0, 'built\n'], ran.err);
});

test('dockerode and Testcontainers: buildImage, fromDockerfile', PATIENCE, () => {
  const ran = engine.host.run(
    'env',
    `HOME=${directory}`,
    `TMPDIR=${directory}`,
    `DOCKER_HOST=${engine.url}`,
    'TESTCONTAINERS_RYUK_DISABLED=true',
    process.execPath,
    join(PROJECT, 'test/compat/build-clients/node.mjs'),
    engine.socket,
    contextOf(STAGES),
  );
  assert.deepEqual([ran.code, ran.out], [0, 'built\n'], ran.err);
});

/** Docker's own clients without buildx; up to 20.10 they have a client of BuildKit built in. */
const OLD_DOCKER = '/usr/bin/docker';
const withoutBuildx = (program: string, ...words: string[]) =>
  engine.host.run(
    'env',
    `DOCKER_HOST=${engine.url}`,
    `DOCKER_CONFIG=${directory}`,
    'BUILDKIT_PROGRESS=plain',
    program,
    ...words,
  );

test('docker 28 without buildx builds by the classic builder, and says so', PATIENCE, () => {
  const ran = check(withoutBuildx('docker', 'build', '-t', 'classic', '--build-arg', 'WHO=old', contextOf(STAGES)));
  assert.match(ran.err, /^DEPRECATED: The legacy builder is deprecated/);
  assert.match(ran.out, /^Step 1\/\d+ : FROM busybox AS first$/m);
  assert.equal(engine.ok('run', '--rm', 'classic'), 'old\ncontent');
});

test(
  'docker 20.10 without buildx builds by BuildKit: contexts of all kinds, secrets, results in a directory, failures',
  { ...PATIENCE, skip: !isOldDocker() && `${OLD_DOCKER} is not Docker 20.10` },
  () => {
    const old = (...words: string[]) => check(withoutBuildx(OLD_DOCKER, 'build', ...words));
    const context = contextOf({
      ...STAGES,
      secret: 'hidden',
      Secret: 'FROM busybox\nRUN --mount=type=secret,id=one wc -c </run/secrets/one >/size\nCMD ["cat", "/size"]\n',
    });
    const iid = join(directory, 'old-iid');
    const shown = old('-t', 'old', '--build-arg', 'WHO=old', '--iidfile', iid, context).err;
    assert.match(shown, /^#\d+ \[first 2\/2\] RUN echo \$WHO >\/who$/m);
    assert.match(shown, /^#\d+ naming to docker\.io\/library\/old/m);
    assert.equal(engine.ok('run', '--rm', 'old'), 'old\ncontent');
    assert.equal(engine.ok('inspect', '-f', '{{.Id}}', 'old'), readFileSync(iid, 'utf8'));
    assert.equal(old('-q', '--build-arg', 'WHO=old', context).out.trim(), readFileSync(iid, 'utf8'));
    old(
      '-t',
      'old-secret',
      '-f',
      join(context, 'Secret'),
      '--secret',
      `id=one,src=${join(context, 'secret')}`,
      context,
    );
    assert.equal(engine.ok('run', '--rm', 'old-secret'), '6');
    const out = join(directory, 'old-out');
    old('-o', out, '--build-arg', 'WHO=there', context);
    assert.equal(readFileSync(join(out, 'who'), 'utf8'), 'there\n');
    const piped = (script: string) =>
      check(
        engine.shell(
          `${script} | DOCKER_HOST=${engine.url} DOCKER_CONFIG=${directory} ${OLD_DOCKER} build -q -t old-piped - </dev/stdin`,
        ),
      );
    piped(`tar -C ${context} -cf - Dockerfile file`);
    assert.equal(engine.ok('run', '--rm', 'old-piped'), 'content');
    piped(`printf 'FROM busybox\\nCMD ["echo", "from stdin"]\\n'`);
    assert.equal(engine.ok('run', '--rm', 'old-piped'), 'from stdin');
    const failed = withoutBuildx(OLD_DOCKER, 'build', contextOf({ Dockerfile: 'FROM busybox\nRUN exit 7\n' }));
    assert.equal(failed.code, 1);
    assert.match(failed.err, /^process "\/bin\/sh -c exit 7" did not complete successfully: exit code: 7$/m);
  },
);

function isOldDocker(): boolean {
  return existsSync(OLD_DOCKER) && /version (19\.03|20\.10)\./.test(run(OLD_DOCKER, ['--version']).out);
}

const STACK = `
version: "3.8"
services:
  made:
    build: { context: ., args: { WHO: compose }, target: last, labels: { of: compose } }
    image: made-by-compose
  other:
    build: { context: ., dockerfile: sub/Other }
    depends_on: [made]
`;
const stackFiles = {
  ...STAGES,
  'docker-compose.yml': STACK,
  'sub/Other': 'FROM busybox\nCOPY sub/Other /o\nCMD ["sleep", "1000"]\n',
};

test('Compose 1: build, up and run of what it builds', PATIENCE, () => {
  const stack = contextOf(stackFiles);
  const compose = (words: string) =>
    check(
      engine.shell(
        `cd ${stack} && DOCKER_BUILDKIT=0 COMPOSE_DOCKER_CLI_BUILD=0 COMPOSE_HTTP_TIMEOUT=60 docker-compose -p first --ansi never ${words} </dev/null`,
      ),
    ).out;
  compose('build --no-cache made');
  assert.equal(engine.ok('run', '--rm', 'made-by-compose'), 'compose\ncontent');
  assert.equal(engine.ok('inspect', '-f', '{{.Config.Labels.of}}', 'made-by-compose'), 'compose');
  compose('up -d --build');
  assert.match(compose('exec -T other cat /o'), /^FROM busybox/);
  compose('down -t 0 --rmi all');
  assert.doesNotMatch(engine.ok('images'), /made-by-compose/);
});

test(
  'Compose 2 without buildx: build, up and run of what it builds',
  {
    ...PATIENCE,
    skip: missingClient('compose') || missingClient('docker'),
  },
  () => {
    const stack = contextOf({
      ...stackFiles,
      'config.json': JSON.stringify({ cliPluginsExtraDirs: [join(TEST_CLIENTS.compose, '..')] }),
    });
    const compose = (...words: string[]) =>
      check(
        engine.host.run(
          'env',
          `DOCKER_HOST=${engine.url}`,
          `DOCKER_CONFIG=${stack}`,
          'DOCKER_BUILDKIT=0',
          TEST_CLIENTS.docker,
          'compose',
          '--project-directory',
          stack,
          '-p',
          'second',
          '--ansi',
          'never',
          ...words,
        ),
      ).out;
    compose('build', '--no-cache', 'made');
    assert.equal(engine.ok('run', '--rm', 'made-by-compose'), 'compose\ncontent');
    compose('up', '-d', '--build');
    assert.match(compose('exec', '-T', 'other', 'cat', '/o'), /^FROM busybox/);
    compose('down', '-t', '0', '--rmi', 'all');
    assert.doesNotMatch(engine.ok('images'), /made-by-compose/);
  },
);
