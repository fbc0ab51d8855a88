/**
 * What a container's tree could do to the host while the engine copies, mounts and reads in it. Each of these was root
 * on the host once, here or elsewhere.
 */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';

const CANARY = 'the-hosts-own-content';
let engine: TestEngine;
let canary: string; // a directory of the host that nobody may reach

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  canary = join(engine.dir, 'canary');
});

// Anew for each, so that one hole is told as one.
beforeEach(() => {
  rmSync(canary, { recursive: true, force: true });
  mkdirSync(canary);
  writeFileSync(join(canary, 'secret'), CANARY);
});

after(async () => {
  await engine.destroy();
});

/** The canary is as it was: nothing has come, gone or changed. */
function assertCanary(): void {
  assert.deepEqual(readdirSync(canary), ['secret']);
  assert.equal(readFileSync(join(canary, 'secret'), 'utf8'), CANARY);
}

/** An image of what a shell script makes in an empty directory that has busybox. */
function image(name: string, script: string): void {
  check(
    engine.shell(
      `d=$(mktemp -d) && cd $d && mkdir -p bin etc tmp && cp $(command -v busybox) bin/ && ln -s busybox bin/sh && ${script} && tar -c . | docker import - ${name} >/dev/null; r=$?; rm -rf $d; exit $r`,
    ),
  );
}

/** The real client; what hangs is ended, with the container's own reason to hang named in the assertion. */
function within20s(...args: string[]) {
  return engine.host.run('timeout', '20', 'env', `DOCKER_HOST=${engine.url}`, 'docker', ...args);
}

test('cp reads no loader configuration of the image: a FIFO at /etc/ld.so.preload does not block it', () => {
  image('preload', 'mkfifo etc/ld.so.preload etc/ld.so.cache etc/nsswitch.conf && mkdir data && echo inside > data/f');
  engine.ok('create', '--name', 'preload', 'preload', 'sh');
  writeFileSync(join(engine.dir, 'in'), 'put');
  const put = within20s('cp', join(engine.dir, 'in'), 'preload:/data/in');
  assert.equal(put.code, 0, `${put.code === 124 ? 'a program of the host opened it: ' : ''}${put.err}`);
  const got = within20s('cp', 'preload:/data', join(engine.dir, 'out'));
  assert.equal(got.code, 0, got.err);
  assert.equal(readFileSync(join(engine.dir, 'out/in'), 'utf8'), 'put');
  assert.equal(readFileSync(join(engine.dir, 'out/f'), 'utf8'), 'inside\n');
  assert.equal(within20s('export', '-o', join(engine.dir, 'export.tar'), 'preload').code, 0);
  engine.ok('rm', 'preload');
});

test('cp through a volume whose mount point is a link to /usr/sbin runs nothing of the volume', () => {
  for (const target of ['/usr/sbin', '/usr/bin', '/bin', '/usr']) {
    const name = `linked${target.replaceAll('/', '-')}`;
    image(name, `mkdir -p var/lib usr/sbin usr/bin && ln -s ${target} var/lib/db`);
    engine.ok('create', '--name', name, '-v', `${name}:/var/lib/db`, name, 'sh');
    const volume = engine.ok('volume', 'inspect', '-f', '{{.Mountpoint}}', name);
    const mark = join(canary, 'ran');
    for (const program of ['chroot', 'mount', 'sh', 'tar', 'unshare', 'cp', 'setpriv']) {
      for (const directory of ['', 'bin/', 'sbin/']) {
        mkdirSync(join(volume, directory), { recursive: true });
        writeFileSync(join(volume, directory, program), `#!/bin/busybox sh\necho $0 >> ${mark}\n`);
        chmodSync(join(volume, directory, program), 0o755);
      }
    }
    const put = within20s('cp', join(engine.dir, 'in'), `${name}:/var/lib/db/file`);
    assert.equal(
      existsSync(mark) ? readFileSync(mark, 'utf8') : '',
      '',
      `${target}: programs of the volume ran on the host`,
    );
    assert.equal(put.code, 0, `${target}: ${put.err}`);
    assert.equal(readFileSync(join(volume, 'file'), 'utf8'), 'put', 'it is in the volume');
    // The runtime mounts it where the link leads, and so does cp.
    const seen = within20s('cp', `${name}:${target}/file`, '-');
    assert.match(seen.out, /put/, `${target}: ${seen.err}`);
    assertCanary();
    engine.ok('rm', '-v', name);
  }
});

test('a symbolic link in place of /proc or any directory does not reach the host', () => {
  engine.ok('create', '--name', 'relinked', 'busybox', 'true');
  const tree = join(engine.dir, 'relink');
  for (const place of ['proc', 'root', 'etc']) {
    mkdirSync(tree, { recursive: true });
    check(run('sh', ['-c', `cd ${tree} && rm -rf * && ln -s ${canary} ${place}`]));
    // As a client may ask that does not mind files in the place of directories.
    const put = engine.shell(
      `tar -C ${tree} -c ${place} | curl -s --max-time 20 --unix-socket ${engine.socket} -T - 'http://x/containers/relinked/archive?path=/'`,
    );
    assert.equal(`${put.code}${put.out}`, '0');
    assert.equal(engine.shell(`docker cp relinked:/${place} - | tar -t`).out, `${place}\n`, 'the link is there');
    for (const path of [`/${place}/secret`, `/${place}/`, `/${place}`]) {
      const got = engine.shell(`timeout 20 docker cp -L relinked:${path} - | cat`);
      assert.doesNotMatch(got.out, new RegExp(CANARY), path);
    }
    engine.shell(`timeout 20 docker cp ${join(engine.dir, 'in')} relinked:/${place}/secret`);
    engine.shell(`timeout 20 docker cp ${join(engine.dir, 'in')} relinked:/${place}/new`);
    assertCanary();
  }
  engine.ok('rm', 'relinked');
});

/** A container that swaps `name` in its volume between a directory and a link as fast as it can. */
function swapper(volume: string, name: string, target: string): void {
  const loop = `cd /v && while :; do ln -sfn ${target} link && rm -rf ${name} && mv link ${name}; rm -f ${name}; mkdir -p ${name} && echo mine > ${name}/secret; done`;
  engine.ok('run', '-d', '--name', 'swapper', '-v', `${volume}:/v`, 'busybox', 'sh', '-c', loop);
}

const mounted = (volume: string, subpath: string) => [
  '--mount',
  `type=volume,source=${volume},target=/x,volume-subpath=${subpath}`,
];

test("a subpath of a volume is inside of the volume: links out are refused when a container starts, in Docker's words", () => {
  engine.ok(
    'run',
    '--rm',
    '-v',
    'sub:/v',
    'busybox',
    'sh',
    '-c',
    `mkdir -p /v/real/deep && echo mine > /v/real/deep/f && ln -s ${canary} /v/out && ln -s ../../../../../../../../..${canary} /v/up && ln -s real /v/in && mkdir /v/nested && ln -s ${canary} /v/nested/out && ln -s /proc/self/root /v/magic`,
  );
  const run = (subpath: string, client: 'docker' | 'causeway' = 'causeway') =>
    engine[client](
      'run',
      '--rm',
      ...mounted('sub', subpath),
      'busybox',
      'sh',
      '-c',
      'cat /x/secret /x/f; echo evil > /x/secret; ls /x',
    );
  for (const subpath of ['out', 'up', 'nested/out', 'out/../out', 'magic', 'magic/tmp']) {
    const ran = run(subpath);
    assert.doesNotMatch(ran.out, new RegExp(CANARY), subpath);
    assert.notEqual(ran.code, 0, `${subpath}: ${ran.out}`);
    assert.match(
      ran.err,
      /path concatenation escapes the base directory|must be a relative path within the volume/,
      subpath,
    );
    assertCanary();
  }
  assert.match(run('real/deep').out, /^mine/m);
  assert.match(run('in/deep').out, /^mine/m, 'a link that stays inside is followed');
  assert.match(run('nosuch/path').err, /cannot access path (.*\/nosuch\/path): lstat \1: no such file or directory/);
  // Found anew at each start, and nothing of it is left behind.
  engine.ok('run', '--rm', '-v', 'sub:/v', 'busybox', 'rm', '-rf', '/v/real/deep/secret');
  const name = ['--name', 'again'];
  assert.equal(engine.causeway('create', ...name, ...mounted('sub', 'real/deep'), 'busybox', 'cat', '/x/f').code, 0);
  assert.equal(engine.ok('start', '-a', 'again'), 'mine');
  engine.ok('run', '--rm', '-v', 'sub:/v', 'busybox', 'sh', '-c', `mv /v/real /v/was && ln -s ${canary} /v/real`);
  assert.notEqual(engine.docker('start', '-a', 'again').code, 0);
  assert.equal(engine.docker('cp', 'again:/x/secret', '-').out, '');
  engine.ok('rm', 'again');
  assert.deepEqual(
    existsSync(join(engine.execRoot, 'subpaths')) ? readdirSync(join(engine.execRoot, 'subpaths')) : [],
    [],
  );
  assert.equal(
    engine.ok('run', '--rm', '-v', 'sub:/v', 'busybox', 'cat', '/v/was/deep/f'),
    'mine',
    'and nothing of the volume is gone',
  );
  assertCanary();
});

test('a subpath that is swapped for a link while containers start never is a directory of the host', () => {
  swapper('race', 'sub', canary);
  try {
    const until = Date.now() + 4000;
    for (let round = 0; round < 60 && Date.now() < until; round++) {
      const ran = engine.causeway(
        'run',
        '--rm',
        ...mounted('race', 'sub'),
        'busybox',
        'sh',
        '-c',
        'cat /x/secret; echo evil > /x/new',
      );
      assert.doesNotMatch(ran.out, new RegExp(CANARY));
      assertCanary();
    }
  } finally {
    engine.ok('rm', '-f', 'swapper');
  }
});

test('what the image has goes into a new volume while another container swaps links in that volume', () => {
  image(
    'full',
    'mkdir -p v/sub/deep && for i in 1 2 3 4 5 6 7 8 9; do echo $i > v/sub/new$i; echo $i > v/sub/deep/new$i; done',
  );
  for (let round = 0; round < 4; round++) {
    engine.ok('volume', 'create', 'filled');
    swapper('filled', 'sub', canary);
    engine.docker('create', '--name', 'filler', '-v', 'filled:/v', 'full', 'sh');
    engine.ok('rm', '-f', 'swapper');
    engine.docker('rm', 'filler');
    engine.docker('volume', 'rm', 'filled');
    assertCanary();
  }
});

test('cp both ways while a running container swaps the directories on the way for links to the host', () => {
  swapper('cpv', 'sub', canary);
  try {
    writeFileSync(join(engine.dir, 'secret'), 'put');
    const until = Date.now() + 4000;
    for (let round = 0; round < 100 && Date.now() < until; round++) {
      engine.docker('cp', join(engine.dir, 'secret'), 'swapper:/v/sub/secret');
      engine.docker('cp', join(engine.dir, 'secret'), 'swapper:/v/sub/new');
      const out =
        engine.docker('cp', 'swapper:/v/sub/secret', '-').out +
        engine.docker('cp', '-L', 'swapper:/v/sub', '-').out +
        engine.docker('cp', 'swapper:/v', '-').out;
      assert.doesNotMatch(out, new RegExp(CANARY));
      assertCanary();
    }
  } finally {
    engine.ok('rm', '-f', 'swapper');
  }
});
