/**
 * A daemon whose directories cannot be written to, at each of its first writes: it says which directory, why and how to
 * go on, exits 1 and leaves no process, socket, pid file, mount, link or rule. What it has on a disk without a byte it
 * serves.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { check, Host, run } from '../harness/host.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { FULL } from './results.ts';

const NEEDS_ROOT = process.getuid?.() !== 0 && 'needs root';
let host: Host;
let dir: string;
let disk: string;

function mountDisk(options: string): void {
  check(run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk]));
}

function leave(bytes: number): void {
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(join(disk, 'filler'), Buffer.alloc(bavail * bsize - bytes, 7));
}

const network = (): string =>
  host.ok('ip', '-br', 'link').split('\n').sort().join('\n') + host.ok('nft', 'list', 'ruleset');
const mounts = (): string[] =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .filter((line) => line.includes(dir));

/** The sentence that the daemon gave up with. */
function sentence(roots: { data?: string; exec?: string }): string {
  const [data, exec, socket] = [
    roots.data ?? join(dir, 'data'),
    roots.exec ?? join(dir, 'exec'),
    join(dir, 'api.sock'),
  ];
  const before = { network: network(), mounts: mounts() };
  const ran = host.run(
    'timeout',
    '30',
    join(PROJECT, 'bin/causeway'),
    'daemon',
    '-H',
    `unix://${socket}`,
    '--data-root',
    data,
    '--exec-root',
    exec,
    '--pidfile',
    join(dir, 'pid'),
    '--default-bridge-name',
    'docker0',
  );
  assert.equal(ran.code, 1, ran.err);
  const said = ran.err
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('{'));
  assert.equal(said.length, 1, ran.err);
  assert.equal(run('pgrep', ['-f', dir]).out, '', `processes are left after: ${said[0]}`);
  for (const path of [
    socket,
    join(dir, 'pid'),
    join(exec, 'causeway.pid'),
    join(data, 'daemon.pid'),
    join(exec, 'dns.sock'),
  ])
    assert.ok(!existsSync(path), `${path} is left after: ${said[0]}`);
  assert.deepEqual({ network: network(), mounts: mounts() }, before, said[0]);
  return said[0]!;
}

describe('a daemon', { skip: NEEDS_ROOT }, () => {
  before(() => {
    host = Host.create();
  });
  after(() => host.destroy());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cwt-'));
    disk = join(dir, 'disk');
    mkdirSync(disk);
  });
  afterEach(() => {
    run('umount', [disk]);
    rmSync(dir, { recursive: true, force: true });
  });

  const full = (root: string, flag: string): RegExp =>
    new RegExp(
      `^causeway: failed to start daemon: ${root} cannot be written to \\(.*no space left on device\\): make room there and start the daemon again, or choose another directory with ${flag}$`,
    );

  for (const bytes of FULL ? [0, 4096, 65536, 98304, 262144] : [0, 98304]) {
    test(`with ${bytes} bytes for its data`, () => {
      mountDisk('size=4m');
      leave(bytes);
      assert.match(sentence({ data: join(disk, 'data') }), full(join(disk, 'data'), '--data-root'));
    });
  }

  // The files and directories that it makes, one after the other.
  for (const inodes of FULL ? [2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18] : [3, 6, 18]) {
    test(`with ${inodes} inodes for its data`, () => {
      mountDisk(`size=8m,nr_inodes=${inodes}`);
      assert.match(sentence({ data: join(disk, 'data') }), full(join(disk, 'data'), '--data-root'));
    });
  }

  for (const inodes of FULL ? [2, 3, 4, 5, 7] : [2, 5]) {
    test(`with ${inodes} inodes for what lives as long as the machine`, () => {
      mountDisk(`size=8m,nr_inodes=${inodes}`);
      assert.match(sentence({ exec: join(disk, 'exec') }), full(join(disk, 'exec'), '--exec-root'));
    });
  }

  test('with a read-only file system', () => {
    mountDisk('size=8m');
    mkdirSync(join(disk, 'made'));
    check(run('mount', ['-o', 'remount,ro', disk]));
    for (const name of ['made', 'new']) {
      const path = join(disk, name);
      assert.match(
        sentence({ data: path }),
        new RegExp(
          `^causeway: failed to start daemon: ${path} cannot be written to \\(.*read-only file system\\): mount it read-write and start the daemon again, or choose another directory with --data-root$`,
        ),
      );
      assert.match(sentence({ exec: path }), new RegExp(`${path} cannot be written to .*--exec-root$`));
    }
  });

  test('starts where there is room, and then with what it has on a disk without a byte', async () => {
    mountDisk('size=8m');
    const engine = await TestEngine.start({ host, flags: ['--data-root', join(disk, 'data')] });
    try {
      engine.ok('network', 'create', 'net');
      await engine.stop();
      leave(0);
      await engine.boot();
      assert.match(engine.ok('network', 'ls', '--format', '{{.Name}}'), /^net$/m);
      engine.ok('network', 'rm', 'net');
      await engine.stop();
      check(run('mount', ['-o', 'remount,ro', disk]));
      await assert.rejects(engine.boot(), /cannot be written to \(.*read-only file system\)/);
    } finally {
      run('mount', ['-o', 'remount,rw', disk]);
      await engine.destroy();
    }
  });
});
