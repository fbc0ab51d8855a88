/** Builds that come to no good end: the reason is told, all that was made for them goes, and the next one is built. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

process.env['DOCKER_BUILDKIT'] = '0';
const disk = mkdtempSync(join(tmpdir(), 'causeway-build-disk-'));
const dataRoot = join(disk, 'data');
const contexts = mkdtempSync(join(tmpdir(), 'causeway-contexts-'));
let engine: TestEngine;

before(async () => {
  check(run('mount', ['-t', 'tmpfs', '-o', 'size=96m', 'tmpfs', disk]));
  engine = await TestEngine.start({ flags: ['--data-root', dataRoot] });
  engine.importFixtures();
  engine.ok('run', '--rm', 'busybox', 'true'); // what is made once for all containers of an image
});

after(async () => {
  await engine?.destroy();
  run('umount', [disk]);
  for (const directory of [disk, contexts]) rmSync(directory, { recursive: true, force: true });
});

const freeBytes = (): number => statfsSync(disk).bavail * statfsSync(disk).bsize;
let count = 0;

function contextOf(dockerfile: string, fill: (directory: string) => void = () => {}): string {
  const directory = join(contexts, `c${count++}`);
  mkdirSync(directory);
  writeFileSync(join(directory, 'Dockerfile'), dockerfile);
  fill(directory);
  return directory;
}

/** As before, once what was made is deleted. */
async function assertNothingLeft(before: number): Promise<void> {
  engine.ok('builder', 'prune', '-af');
  await until('the disk is as free as before', () => Math.abs(before - freeBytes()) < 1 << 20);
  assert.equal(engine.ok('ps', '-aq'), '');
  for (const name of ['work', 'mounts']) assert.deepEqual(readdirSync(join(dataRoot, 'build', name)), []);
}

test(
  'a step and a copy that fill the disk fail with the reason, and give all of it back',
  { timeout: 180_000 },
  async () => {
    engine.ok('builder', 'prune', '-af');
    const before = freeBytes();
    const step = engine.docker(
      'build',
      '--force-rm',
      contextOf('FROM busybox\nRUN dd if=/dev/urandom of=/noise bs=1M count=200\n'),
    );
    assert.notEqual(step.code, 0);
    assert.match(step.out + step.err, /No space left on device/);
    await assertNothingLeft(before);
    // The context fits, and the layer beside it does not.
    const noise = (directory: string) =>
      execFileSync('dd', ['if=/dev/urandom', `of=${directory}/noise`, 'bs=1M', 'count=40'], { stdio: 'ignore' });
    const copy = engine.docker('build', contextOf('FROM busybox\nCOPY noise /\n', noise));
    assert.notEqual(copy.code, 0);
    assert.match(copy.out + copy.err, /no space left on device/i);
    await assertNothingLeft(before);
    engine.ok('build', '-q', contextOf('FROM busybox\nRUN echo there is room > /again\n'));
  },
);

test(
  'a context that unpacks to more than there is room for is refused, and gives all of it back',
  { timeout: 180_000 },
  async () => {
    engine.ok('builder', 'prune', '-af');
    const before = freeBytes();
    const bomb = contextOf('FROM scratch\nCOPY zeros /\n', (directory) =>
      execFileSync('sh', [
        '-c',
        `truncate -s 1G ${directory}/zeros && tar -C ${directory} -cz --mtime=@0 . -f ${directory}.tgz && rm ${directory}/zeros`,
      ]),
    );
    const { code, out, err } = engine.shell(`docker build - < ${bomb}.tgz`);
    assert.notEqual(code, 0);
    assert.match(out + err, /no space left on device/i);
    await assertNothingLeft(before);
  },
);

/** The most that the daemon has had in memory, in bytes; counted anew from here. */
function peakBytes(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${engine.pid}/status`, 'utf8'))!;
  return Number(kilobytes) * 1024;
}

const countAnew = (): void => writeFileSync(`/proc/${engine.pid}/clear_refs`, '5');

test('a context is written as it comes, and not held in memory', { timeout: 180_000 }, () => {
  engine.ok('build', '-q', contextOf('FROM scratch\nLABEL warm=up\n'));
  countAnew();
  const before = peakBytes();
  // More than the daemon may hold, and less than the disk: 64 files of a megabyte.
  const context = contextOf('FROM scratch\nCOPY m1 /\n', (directory) => {
    for (let i = 0; i < 64; i++) writeFileSync(join(directory, `m${i}`), Buffer.alloc(1 << 20, i));
  });
  engine.ok('build', '-q', context);
  const more = peakBytes() - before;
  assert.ok(more < 48 << 20, `${more} bytes more for a context of 64 MB`);
});

test(
  'thousands of small files are copied, found again and changed without anything left open',
  { timeout: 180_000 },
  async () => {
    const context = contextOf('FROM scratch\nCOPY files /f\n', (directory) => {
      for (let d = 0; d < 50; d++) {
        mkdirSync(join(directory, 'files', `${d}`), { recursive: true });
        for (let i = 0; i < 100; i++) writeFileSync(join(directory, 'files', `${d}`, `${i}`), `${d}.${i}`);
      }
    });
    /** When the contexts of builds that are over have been deleted. */
    const openFiles = async (): Promise<number> => {
      await until(
        'nothing is left to be deleted',
        () => readdirSync(join(dataRoot, 'build', 'work-gone')).length === 0,
      );
      return readdirSync(`/proc/${engine.pid}/fd`).length;
    };
    const first = engine.ok('build', '-q', context);
    const before = await openFiles();
    assert.equal(engine.ok('build', '-q', context), first);
    writeFileSync(join(context, 'files', '7', '7'), 'changed');
    const changed = engine.ok('build', '-q', context);
    assert.notEqual(changed, first);
    assert.equal(await openFiles(), before);
    const id = engine.ok('create', changed, 'x');
    const { out } = engine.shell(
      `docker cp ${id}:/f - | tar -t | grep -c '[0-9]$'; docker cp ${id}:/f/7/7 - | tar -xO`,
    );
    engine.ok('rm', id);
    assert.equal(out.trim(), '5000\nchanged');
  },
);

const STEPS = [
  'FROM busybox AS one',
  'RUN echo a > /a',
  'COPY Dockerfile /d',
  'WORKDIR /w',
  'FROM busybox',
  'COPY --from=one /a /a',
  'ENV A=b',
];

test('a daemon that is killed at any step goes on where it was', { timeout: 300_000 }, async () => {
  const context = contextOf(`${STEPS.join('\n')}\n`);
  for (let step = 1; step <= STEPS.length; step += 2) {
    engine.ok('builder', 'prune', '-af');
    const client = spawn('docker', ['build', '-t', 'killed', context], {
      env: { ...process.env, DOCKER_HOST: engine.url },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(client, 'close');
    let output = '';
    for await (const chunk of client.stdout) {
      output += String(chunk);
      if (output.includes(`Step ${step}/`)) break;
    }
    await engine.stop('SIGKILL');
    client.kill('SIGKILL');
    await ended;
    await engine.boot();
    assert.equal(engine.ok('ps', '-aq'), '', `after step ${step}`);
    for (const name of ['work', 'mounts'])
      assert.deepEqual(readdirSync(join(dataRoot, 'build', name)), [], `after step ${step}`);
    engine.ok('build', '-t', 'killed', context);
    const id = engine.ok('create', 'killed', 'x');
    assert.equal(engine.shell(`docker cp ${id}:/a - | tar -xO`).out.trim(), 'a', `after step ${step}`);
    engine.ok('rm', id);
    engine.ok('rmi', 'killed');
  }
});
