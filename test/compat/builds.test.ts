/** `docker build` by the classic API: what it prints, what comes of it, and what is done again when something changes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, linkSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TestEngine } from '../harness/test-engine.ts';
import { writeTree } from '../harness/write-tree.ts';

process.env['DOCKER_BUILDKIT'] = '0';
let engine: TestEngine;
let directory: string;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  directory = mkdtempSync(join(tmpdir(), 'builds-'));
});
after(() => {
  rmSync(directory, { recursive: true, force: true });
  return engine?.destroy();
});

let contexts = 0;

/** A context with these files; a name that ends in '/' is a directory. */
function contextOf(files: Readonly<Record<string, string>>): string {
  return writeTree(join(directory, `context-${contexts++}`), files);
}

const build = (context: string, ...flags: string[]) => engine.docker('build', ...flags, context);
const built = (context: string, ...flags: string[]): string => engine.ok('build', ...flags, context);
const inImage = (image: string, script: string): string =>
  engine.ok('run', '--rm', '-u', '0', '--entrypoint', '/bin/sh', image, '-c', script);

/** Without ids and what the client says of itself. */
const lines = (output: string): string[] =>
  output
    .split('\n')
    .map((line) => line.replace(/[0-9a-f]{12}/g, 'ID').trimEnd())
    .filter((line) => line !== '' && !line.startsWith('Sending build context'));

test('a build prints what the classic builder prints', { timeout: 120_000 }, () => {
  const context = contextOf({
    Dockerfile: 'ARG V=latest\nFROM busybox:$V\nENV A=b\nRUN echo said $A\nCOPY file /file\nCMD ["cat", "/file"]\n',
    file: 'content\n',
  });
  assert.deepEqual(lines(built(context, '-t', 'printed', '--label', 'l=$x')), [
    'Step 1/7 : ARG V=latest',
    'Step 2/7 : FROM busybox:$V',
    ' ---> ID',
    'Step 3/7 : ENV A=b',
    ' ---> ID',
    'Step 4/7 : RUN echo said $A',
    ' ---> Running in ID',
    'said b',
    ' ---> Removed intermediate container ID',
    ' ---> ID',
    'Step 5/7 : COPY file /file',
    ' ---> ID',
    'Step 6/7 : CMD ["cat", "/file"]',
    ' ---> ID',
    'Step 7/7 : LABEL l=$x',
    ' ---> ID',
    'Successfully built ID',
    'Successfully tagged printed:latest',
  ]);
  assert.equal(engine.ok('run', '--rm', 'printed'), 'content');
  assert.equal(engine.ok('inspect', '-f', '{{index .Config.Labels "l"}}', 'printed'), '$x');
  const history = engine.ok('history', '--no-trunc', '--format', '{{.CreatedBy}}', 'printed').split('\n');
  assert.deepEqual(
    history.slice(0, 5).map((line) => line.replace(/[0-9a-f]{64}/, 'DIGEST').trimEnd()),
    [
      '/bin/sh -c #(nop)  LABEL l=$x',
      '/bin/sh -c #(nop)  CMD ["cat" "/file"]',
      '/bin/sh -c #(nop) COPY file:DIGEST in /file',
      '/bin/sh -c echo said $A',
      '/bin/sh -c #(nop)  ENV A=b',
    ],
  );
});

test('a Dockerfile may be elsewhere, or come on stdin', { timeout: 120_000 }, () => {
  const context = contextOf({ file: 'content\n' });
  const elsewhere = join(contextOf({ 'other.Dockerfile': 'FROM scratch\nCOPY file /\n' }), 'other.Dockerfile');
  built(context, '-q', '-f', elsewhere);
  const { code, err } = engine.shell(`docker build -q -f - ${context} < ${elsewhere}`);
  assert.equal(code, 0, err);
});

test('what is copied has its modes, links and owners, as Docker has it', { timeout: 120_000 }, () => {
  const context = contextOf({
    Dockerfile:
      'FROM busybox AS one\nRUN mkdir -p /own/dir && echo x > /own/dir/f && chown -R 7:8 /own\n' +
      'FROM busybox\nRUN mkdir /there && chmod 700 /there && ln -s /there /link && echo old > /there/f\n' +
      'COPY tree /there\nCOPY tree/ /link/below/\nCOPY --chown=3:4 --chmod=640 tree/f /new/place/\n' +
      'COPY --from=one /own /own\nCOPY tree/[h]* tree/f /many/\nCOPY <<A <<"B" /texts/\nhome $HOME\nA\n$HOME\nB\n',
    'tree/f': 'new',
    'tree/d/g': '1',
  });
  const tree = join(context, 'tree');
  chmodSync(join(tree, 'd'), 0o750);
  symlinkSync('../../../../etc/passwd', join(tree, 's'));
  linkSync(join(tree, 'f'), join(tree, 'h'));
  built(context, '-t', 'copied', '--build-arg', 'HOME=unused');
  const shown = inImage(
    'copied',
    'cd / && for f in /there /there/f /there/d /there/h /link/below/d/g /new /new/place/f /own/dir /own/dir/f; do stat -c "%n %a %u:%g" $f; done; stat -c %h /there/h; readlink /there/s; cat /there/f; ls /many; cat /texts/A /texts/B',
  );
  assert.deepEqual(shown.split('\n'), [
    '/there 700 0:0',
    '/there/f 644 0:0',
    '/there/d 750 0:0',
    '/there/h 644 0:0',
    '/link/below/d/g 644 0:0',
    '/new 755 3:4',
    '/new/place/f 640 3:4',
    '/own/dir 755 7:8',
    '/own/dir/f 644 7:8',
    '2',
    '../../../../etc/passwd',
    'newf',
    'h',
    'home ',
    '$HOME',
  ]);
});

const CACHE: readonly {
  readonly what: string;
  readonly change: (context: string) => void;
  readonly flags?: readonly string[];
  /** How many of the five steps are taken from the cache. */
  readonly kept: number;
}[] = [
  { what: 'nothing', change: () => {}, kept: 5 },
  {
    what: 'the time of a file',
    change: (context) => utimesSync(join(context, 'tree/f'), new Date(1e12), new Date(1e12)),
    kept: 5,
  },
  { what: 'a file that is not copied', change: (context) => writeFileSync(join(context, 'other'), 'x'), kept: 5 },
  { what: 'the mode of a file', change: (context) => chmodSync(join(context, 'tree/f'), 0o600), kept: 3 },
  { what: 'the content of a file', change: (context) => writeFileSync(join(context, 'tree/f'), 'y'), kept: 3 },
  { what: 'the name of a file', change: (context) => writeFileSync(join(context, 'tree/new'), ''), kept: 3 },
  { what: 'an argument that is asked for', change: () => {}, flags: ['--build-arg', 'A=2'], kept: 2 },
  { what: 'a proxy', change: () => {}, flags: ['--build-arg', 'http_proxy=http://x'], kept: 5 },
  { what: 'that no cache is wanted', change: () => {}, flags: ['--no-cache'], kept: 0 },
];

for (const { what, change, flags = [], kept } of CACHE)
  test(`after a change of ${what}, ${kept} of 5 steps are as they were`, { timeout: 120_000 }, () => {
    const context = contextOf({
      Dockerfile: 'FROM busybox\nENV X=1\nARG A=1\nRUN echo $A > /a\nCOPY tree /tree\nRUN cat /tree/f\n',
      'tree/f': 'x',
    });
    built(context);
    change(context);
    assert.equal(built(context, ...flags).split(' ---> Using cache').length - 1, kept);
  });

test(
  'only what the target needs is built, and a stage that two others need is built once',
  { timeout: 120_000 },
  () => {
    const context = contextOf({
      Dockerfile:
        'FROM busybox AS shared\nRUN echo in shared\nFROM busybox AS unused\nRUN false\n' +
        'FROM shared AS left\nRUN echo in left > /l\nFROM shared AS right\nRUN echo in right > /r\n' +
        'FROM busybox AS end\nCOPY --from=left /l /\nCOPY --from=3 /r /\nFROM busybox\nRUN false\n',
    });
    const output = built(context, '--target', 'end', '-t', 'ended');
    assert.equal(output.split('\nin shared').length - 1, 1);
    assert.doesNotMatch(output, /RUN false/);
    assert.equal(inImage('ended', 'cat /l /r'), 'in left\nin right');
    assert.match(build(context, '--target', 'nothing').err, /target stage "nothing" could not be found/);
  },
);

test('a step that fails ends the build with its code, and its container stays', { timeout: 60_000 }, () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo before && exit 7\nRUN echo after\n' });
  const { code, out, err } = build(context, '-t', 'failed');
  assert.equal(code, 7);
  assert.match(out, /before/);
  assert.doesNotMatch(out, /after|Successfully/);
  assert.match(err, /The command '\/bin\/sh -c echo before && exit 7' returned a non-zero code: 7/);
  assert.notEqual(engine.docker('inspect', 'failed').code, 0);
  build(context, '--force-rm');
  assert.equal(engine.ok('ps', '-aq').split('\n').filter(Boolean).length, 1);
  engine.ok('container', 'prune', '-f');
});

for (const [what, dockerfile, words] of [
  ['an unknown instruction', 'FROM busybox\nFOO x', /dockerfile parse error on line 2: unknown instruction: FOO/],
  [
    'a missing file',
    'FROM busybox\nCOPY missing /x',
    /COPY failed: file not found in build context or excluded by \.dockerignore: stat missing/,
  ],
  ['a way out of the context', 'FROM busybox\nCOPY ../../../etc/passwd /x', /file not found in build context/],
  [
    'two files on one',
    'FROM busybox\nCOPY Dockerfile Dockerfile /x',
    /the destination must be a directory and end with a \//,
  ],
  ['a step with every right', 'FROM busybox\nRUN --security=insecure true', /security.insecure is not allowed/],
] as const)
  test(`${what} is refused in Docker's words`, { timeout: 60_000 }, () => {
    const { code, err } = build(contextOf({ Dockerfile: dockerfile }));
    assert.notEqual(code, 0);
    assert.match(err, words);
  });

test('no link of the context or of an image leads out of it', { timeout: 120_000 }, () => {
  const secret = join(directory, 'secret');
  writeFileSync(secret, 'secret');
  const context = contextOf({
    Dockerfile:
      `FROM busybox AS links\nRUN ln -s / /up && ln -s /../../..${directory} /out\n` +
      'FROM links\nCOPY file /up/../../placed\nCOPY file /out/placed\nCOPY --from=links /up/bin/busybox /b\n',
    file: 'content',
  });
  symlinkSync(secret, join(context, 'way-out'));
  built(context, '-t', 'linked');
  assert.equal(inImage('linked', `cat /placed ${directory}/placed; ls -l /b | wc -l`), 'contentcontent1');
  assert.deepEqual(
    readdirSync(directory).filter((name) => name === 'placed'),
    [],
  );
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY way-out /x\n');
  assert.match(build(context).err, /file does not exist/);
});

test('mounts are there for one step, and caches for the next build', { timeout: 120_000 }, () => {
  const context = contextOf({
    Dockerfile:
      'FROM busybox AS one\nRUN echo one > /one\nFROM busybox\n' +
      'RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/tmpfs --mount=target=/context,rw ' +
      '--mount=from=one,source=/one,target=/one --mount=type=secret,id=absent ' +
      'cat /one /context/file; echo y > /context/new; echo x >> /cache/n; wc -l < /cache/n; df /tmpfs | tail -1\n',
    file: 'content\n',
  });
  const first = built(context);
  assert.match(first, /one\ncontent\n1\ntmpfs/);
  assert.match(built(context, '--no-cache', '-t', 'mounted'), /one\ncontent\n2\ntmpfs/);
  // Not even the places that they were put on.
  assert.equal(inImage('mounted', 'ls -d /one /context /cache /tmpfs /run/secrets 2>/dev/null | wc -l'), '0');
});

test('directories that mounts are put on are in the image as Docker makes them', { timeout: 120_000 }, () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nVOLUME /data/of/it\nRUN true\n' });
  built(context, '-t', 'with-volume');
  const modes = (image: string, ...paths: string[]): string => {
    const id = engine.ok('create', image, 'true');
    const { out } = engine.shell(`docker export ${id} | tar -tv`);
    engine.ok('rm', '-v', id);
    const lines = out.split('\n').filter((line) => paths.some((path) => line.endsWith(` ${path}/`)));
    return lines.map((line) => line.replace(/^(\S+).* (\S+)$/, '$1 $2')).join('\n');
  };
  assert.equal(
    modes('with-volume', 'data', 'data/of', 'data/of/it'),
    'drwxr-xr-x data/\ndrwxr-xr-x data/of/\ndrwxr-xr-x data/of/it/',
  );
  const id = engine.ok('create', '-v', '/own/one', '-v', '/own/one/below', '--tmpfs', '/t', 'busybox', 'true');
  engine.ok('start', '-a', id);
  engine.ok('commit', id, 'committed');
  engine.ok('rm', '-v', id);
  assert.equal(
    modes('committed', 'own', 'own/one', 'own/one/below', 't'),
    'drwxr-xr-x own/\ndrwxr-xr-x own/one/\ndrwxr-xr-x t/',
  );
});

test('a trigger of a base image runs in the build on it, and no more', { timeout: 120_000 }, () => {
  const context = contextOf({
    Dockerfile: 'FROM busybox\nONBUILD COPY file /file\nONBUILD RUN cat /file\n',
    file: 'content\n',
  });
  built(context, '-t', 'triggering');
  writeFileSync(join(context, 'Dockerfile'), 'FROM triggering\n');
  assert.match(built(context, '-t', 'triggered'), /# Executing 2 build triggers\n[^]*content\n/);
  assert.equal(engine.ok('inspect', '-f', '{{json .Config.OnBuild}}', 'triggered'), 'null');
});

test('steps run on the network and with the limits that were asked for', { timeout: 120_000 }, () => {
  const context = contextOf({
    Dockerfile:
      'FROM busybox\nRUN cat /etc/hosts; ip -o link | wc -l; ulimit -n; df -k /dev/shm | tail -1; id -u\n' +
      'RUN --network=none ip -o link | wc -l\n',
  });
  engine.ok('network', 'create', 'of-builds');
  const output = built(
    context,
    '--network',
    'of-builds',
    '--add-host',
    'added:10.1.2.3',
    '--ulimit',
    'nofile=123',
    '--shm-size',
    '8m',
  );
  assert.match(output, /10\.1\.2\.3\s+added/);
  assert.match(output, /\n2\n123\nshm\s+8192 [^]*\n1\n/);
  engine.ok('network', 'rm', 'of-builds');
});

test('a client that goes ends the build, and leaves nothing but cache', { timeout: 120_000 }, async () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo made > /m\nRUN echo begun; sleep 1000\n' });
  const client = spawn('docker', ['build', '-t', 'gone', context], {
    env: { ...process.env, DOCKER_HOST: engine.url },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  for await (const chunk of client.stdout) {
    output += String(chunk);
    if (/^begun$/m.test(output)) break;
  }
  const ended = once(client, 'close');
  client.kill('SIGKILL');
  await ended;
  // The container goes when it is seen that the client has: `wait` ends with it.
  const [id] = engine.ok('ps', '-q').split('\n').filter(Boolean);
  if (id) engine.docker('wait', id);
  engine.ok('system', 'df');
  assert.notEqual(engine.docker('inspect', 'gone').code, 0);
  assert.match(build(contextOf({ Dockerfile: 'FROM busybox\nRUN echo made > /m\n' })).out, /Using cache/);
});

test('a daemon that is killed in the middle of a build leaves nothing but cache', { timeout: 180_000 }, async () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo made > /m2\nRUN echo begun; sleep 1000\n' });
  const client = spawn('docker', ['build', '-t', 'killed', context], {
    env: { ...process.env, DOCKER_HOST: engine.url },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  for await (const chunk of client.stdout) {
    output += String(chunk);
    if (/^begun$/m.test(output)) break;
  }
  await engine.stop('SIGKILL');
  client.kill('SIGKILL');
  await engine.boot();
  assert.equal(engine.ok('ps', '-aq'), '');
  assert.notEqual(engine.docker('inspect', 'killed').code, 0);
  for (const name of ['work', 'mounts']) assert.deepEqual(readdirSync(join(engine.dataRoot, 'build', name)), []);
  assert.match(build(contextOf({ Dockerfile: 'FROM busybox\nRUN echo made > /m2\n' })).out, /Using cache/);
});

test('the cache is told of, and pruned but for what images have', { timeout: 120_000 }, () => {
  const context = contextOf({ Dockerfile: 'FROM busybox\nRUN echo kept > /k\nRUN echo more > /n\n' });
  built(context, '-t', 'kept');
  const shown = engine.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}');
  assert.match(shown, /^Build Cache [1-9]/m);
  engine.ok('builder', 'prune', '-f');
  assert.equal(inImage('kept', 'cat /k /n'), 'kept\nmore');
  assert.match(built(context), /Using cache/);
  engine.ok('rmi', 'kept');
  engine.ok('builder', 'prune', '-af');
  assert.match(engine.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}'), /^Build Cache 0$/m);
  assert.doesNotMatch(built(context), /Using cache/);
});

test('images of steps are found by their ids and are in no list', { timeout: 60_000 }, () => {
  engine.ok('builder', 'prune', '-af');
  engine.ok('image', 'prune', '-f');
  const before = engine.ok('images', '-aq').split('\n').length;
  const output = built(contextOf({ Dockerfile: 'FROM busybox\nRUN echo one > /o\nENV A=b\n' }), '-t', 'listed');
  assert.equal(engine.ok('images', '-aq').split('\n').length, before + 1);
  const [, step = ''] = / ---> Removed intermediate container \w+\n ---> (\w{12})/.exec(output) ?? [];
  assert.equal(inImage(step, 'cat /o'), 'one');
});
