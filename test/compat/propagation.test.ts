/**
 * Binds that pass mounts, on a host that is a mount namespace of its own: its `/` is shared as systemd makes it, and what
 * is bound is mounted and shared while the daemon runs.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseMountinfo } from '../../src/kernel/mount.ts';
import { Host, type Ran } from '../harness/host.ts';
import { TestEngine, until } from '../harness/test-engine.ts';

let engine: TestEngine;
let host: Host;
let place: ChildProcess;

const inNamespace = (): string => `--mount=/proc/${place.pid}/ns/mnt`;
const tryOnHost = (...command: string[]): Ran => host.run('nsenter', inNamespace(), ...command);
function onHost(...command: string[]): string {
  const ran = tryOnHost(...command);
  assert.equal(ran.code, 0, `${command.join(' ')}: ${ran.err}`);
  return ran.out;
}
/** What is mounted at a directory and below it, on the host or for another process. */
const mountedIn = (directory: string, pid = place.pid!): string[] =>
  parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
    .map(({ target }) => target)
    .filter((target) => target === directory || target.startsWith(`${directory}/`))
    .sort();

before(async () => {
  host = Host.create();
  const script = 'mount --make-rshared / && exec sleep infinity';
  const machines = readlinkSync('/proc/self/ns/mnt');
  place = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], { stdio: 'ignore' });
  await until('there is a host', () => {
    if (readlinkSync(`/proc/${place.pid}/ns/mnt`) === machines) return false;
    const root = parseMountinfo(readFileSync(`/proc/${place.pid}/mountinfo`, 'utf8')).find(
      ({ target }) => target === '/',
    );
    return root?.propagation.some((field) => field.startsWith('shared:')) ?? false;
  });
  host.spawn = (file, args, options) =>
    spawn('nsenter', [`--net=${host.netns}`, inNamespace(), file, ...args], options ?? {});
  engine = await TestEngine.start({ host, hooked: true });
  engine.importFixtures();
});
after(async () => {
  await engine?.destroy();
  place?.kill('SIGKILL');
  host?.destroy();
});

/** A tmpfs on the host, shared anew after the daemon got it, with a file system at `sub` in it. */
function makeSource(name: string): string {
  const source = join(engine.dir, name);
  mkdirSync(source);
  onHost('mount', '-t', 'tmpfs', 'tmpfs', source);
  onHost('mount', '--make-private', source);
  onHost('mount', '--make-shared', source);
  onHost('mkdir', ...['a', 'b', 'sub'].map((one) => join(source, one)));
  onHost('mount', '-t', 'tmpfs', 'tmpfs', join(source, 'sub'));
  onHost('touch', join(source, 'sub/there'));
  return source;
}
const endSource = (source: string): string => onHost('umount', '--recursive', source);

function begin(name: string, bind: readonly string[], runtime = 'crun'): void {
  engine.ok('run', '-d', '--name', name, '--privileged', '--runtime', runtime, ...bind, 'busybox', 'sleep', '600');
}
const inside = (name: string, ...command: string[]): Ran => engine.docker('exec', name, ...command);
const sees = (name: string, path: string): boolean => inside(name, 'test', '-e', path).code === 0;
function mountInside(name: string, path: string): void {
  assert.equal(inside(name, 'mount', '-t', 'tmpfs', 'tmpfs', path).code, 0);
  assert.equal(inside(name, 'touch', `${path}/made`).code, 0);
}
function mountOnHost(path: string): void {
  onHost('mount', '-t', 'tmpfs', 'tmpfs', path);
  onHost('touch', join(path, 'made'));
}
/** Whether what each of the two mounts is seen by the other, and gone when it is unmounted. */
function passes(name: string, source: string): { toHost: boolean; toContainer: boolean } {
  mountInside(name, '/m/a');
  const toHost = tryOnHost('test', '-e', join(source, 'a/made')).code === 0;
  assert.equal(inside(name, 'umount', '/m/a').code, 0);
  assert.equal(tryOnHost('test', '-e', join(source, 'a/made')).code, 1, 'it is gone with the umount');
  mountOnHost(join(source, 'b'));
  const toContainer = sees(name, '/m/b/made');
  onHost('umount', join(source, 'b'));
  assert.equal(sees(name, '/m/b/made'), false, 'it is gone with the umount');
  return { toHost, toContainer };
}
const nothingStaysMounted = (): void =>
  assert.deepEqual(mountedIn(join(engine.execRoot, 'subpaths'), engine.pid), [], 'nothing of it is left');

for (const runtime of ['crun', 'runc']) {
  const promises = {
    rshared: { toHost: true, toContainer: true },
    shared: { toHost: true, toContainer: true },
    rslave: { toHost: false, toContainer: true },
    slave: { toHost: false, toContainer: true },
    rprivate: { toHost: false, toContainer: false },
    private: { toHost: false, toContainer: false },
  };
  test(`mounts pass between the host and a bind as its propagation says, with ${runtime}`, () => {
    for (const [propagation, expected] of Object.entries(promises)) {
      const source = makeSource(`${runtime}-${propagation}`);
      const before = mountedIn(source);
      const passing = expected.toContainer;
      // What the daemon's own mounts have not been told of is in a bind that passes mounts all the same.
      begin('one', ['-v', `${source}:/m:${propagation}`], runtime);
      if (passing) assert.equal(sees('one', '/m/sub/there'), true, propagation);
      assert.deepEqual(passes('one', source), expected, propagation);
      nothingStaysMounted();
      if (passing) {
        engine.ok('restart', '-t', '0', 'one');
        assert.deepEqual(passes('one', source), expected, `${propagation}, after a restart`);
      }
      engine.ok('rm', '-f', 'one');
      assert.deepEqual(mountedIn(source), before, `${propagation}: the host has what it had`);
      endSource(source);
    }
  });

  test(`a bind without what is mounted below it passes later mounts, with ${runtime}`, () => {
    const source = makeSource(`${runtime}-alone`);
    const before = mountedIn(source);
    for (const [propagation, toHost] of [
      ['rshared', true],
      ['rslave', false],
    ] as const) {
      const mount = `type=bind,src=${source},dst=/m,bind-recursive=disabled,bind-propagation=${propagation}`;
      begin('alone', ['--mount', mount], runtime);
      assert.equal(sees('alone', '/m/sub'), true);
      assert.equal(sees('alone', '/m/sub/there'), false, 'what was mounted there is left out');
      assert.deepEqual(passes('alone', source), { toHost, toContainer: true });
      engine.ok('rm', '-f', 'alone');
      assert.deepEqual(mountedIn(source), before);
    }
    endSource(source);
  });
}

test('what a container has mounted in a shared bind stays on the host after it, as with Docker', () => {
  const source = makeSource('stays');
  begin('stays', ['-v', `${source}:/m:rshared`]);
  mountInside('stays', '/m/a');
  begin('other', ['-v', `${source}:/m:rslave`]);
  assert.equal(sees('other', '/m/a/made'), true, 'others have it from the host');
  engine.ok('rm', '-f', 'stays', 'other');
  assert.ok(mountedIn(source).includes(join(source, 'a')));
  endSource(source);
});

test('a file and a directory below a shared mount are shared, read-only or not', () => {
  const source = makeSource('deep');
  onHost('mkdir', '-p', join(source, 'a/b'));
  onHost('touch', join(source, 'file'));
  begin('deep', ['-v', `${join(source, 'a')}:/m:ro,rshared`, '-v', `${join(source, 'file')}:/f:ro,rshared`]);
  mountInside('deep', '/m/b');
  assert.equal(tryOnHost('test', '-e', join(source, 'a/b/made')).code, 0);
  assert.notEqual(inside('deep', 'touch', '/m/new', '/f').code, 0);
  engine.ok('rm', '-f', 'deep');
  endSource(source);
});

test('a bind of / is shared as any other, and the host keeps all that it has mounted', () => {
  const source = makeSource('whole');
  // Those of other tests end when they like: a file that is removed takes what is mounted on it along, everywhere.
  const mounted = () => mountedIn('').filter((path) => !path.startsWith('/run/netns/'));
  const before = mounted();
  for (const runtime of ['crun', 'runc']) {
    begin('whole', ['-v', '/:/m:rshared'], runtime);
    assert.equal(inside('whole', 'mount', '-t', 'tmpfs', 'tmpfs', `/m${source}/a`).code, 0);
    assert.ok(mountedIn(source).includes(join(source, 'a')));
    assert.equal(inside('whole', 'umount', `/m${source}/a`).code, 0);
    engine.ok('rm', '-f', 'whole');
    assert.deepEqual(mounted(), before);
    nothingStaysMounted();
  }
  endSource(source);
});

test('cp reads and writes what a bind that passes mounts has, whether the container runs or not', () => {
  const source = makeSource('copied');
  begin('copied', ['-v', `${source}:/m:rshared`]);
  mountInside('copied', '/m/a');
  mountOnHost(join(source, 'b'));
  const before = mountedIn(source);
  for (const state of ['running', 'exited']) {
    for (const path of ['/m/a/made', '/m/b/made', '/m/sub/there'])
      assert.match(engine.shell(`docker cp copied:${path} - | tar -tf -`).out, /made|there/, `${path}, ${state}`);
    engine.ok('cp', '/etc/hostname', `copied:/m/b/${state}`);
    assert.equal(onHost('cat', join(source, 'b', state)), readFileSync('/etc/hostname', 'utf8'));
    assert.deepEqual(mountedIn(source), before);
    nothingStaysMounted();
    if (state === 'running') engine.ok('kill', 'copied');
  }
  engine.ok('rm', 'copied');
  endSource(source);
});

test('a source that the host does not share is refused in the words of Docker', () => {
  const source = makeSource('refused');
  onHost('mount', '--make-private', source);
  for (const [propagation, kind] of [
    ['rshared', 'shared'],
    ['rslave', 'shared or slave'],
  ] as const) {
    const { code, err } = engine.docker('run', '--rm', '-v', `${source}/a:/m:${propagation}`, 'busybox', 'true');
    assert.notEqual(code, 0);
    const words = `path ${source}/a is mounted on ${source} but it is not a ${kind} mount`;
    assert.match(err, new RegExp(`${words}\\.?$`, 'm'));
  }
  nothingStaysMounted();
  onHost('mount', '--make-slave', source);
  endSource(source);
});

test('a daemon that is killed while a bind is shared unmounts nothing of the host, nor does the next one', async () => {
  const source = makeSource('killed');
  const before = mountedIn(source);
  begin('holder', []); // the namespace outlives the daemon
  engine.ok('create', '--name', 'killed', '--privileged', '-v', `${source}:/m:rshared`, 'busybox', 'sleep', '600');
  const monitor = engine.processes().find((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'conmon\n')!;
  const left = (): number => mountedIn(join(engine.execRoot, 'subpaths'), monitor).length;
  const takingAway = 'c.umount2@unmount<isTakenOff<unmountSubpaths';
  const moments = [
    { name: 'c.syscall-429@attachTree<mountAt<mountPassing', leaves: 1 },
    { name: 'c.memfd_create@openMemoryFile<RuntimeProgram.executable<conmonArguments', leaves: 3 }, // shared, for nobody yet
    { name: takingAway, leaves: 3 }, // the container has it
  ];
  for (const { name, leaves } of moments) {
    engine.order({ mode: 'kill', name, n: 1 });
    engine.docker('start', 'killed');
    assert.ok(await engine.died(60_000), name);
    assert.equal(left(), leaves, name);
    onHost('mount', '-t', 'tmpfs', 'tmpfs', source); // hides it, here and there
    const now = mountedIn(source);
    if (name === takingAway) {
      // And so is the one that takes it away.
      engine.order({ mode: 'kill', name, n: 1 });
      await assert.rejects(engine.boot(), /the daemon did not start/);
      assert.ok(left() > 0);
    }
    engine.order(undefined);
    await engine.boot();
    assert.equal(left(), 0);
    assert.deepEqual(mountedIn(source), now, `${name}: the host has what it had`);
    onHost('umount', source);
    assert.deepEqual(mountedIn(source), before);
    assert.equal(engine.ok('inspect', '--format', '{{.State.Running}}', 'killed'), 'false', name);
  }
  engine.ok('start', 'killed');
  assert.deepEqual(passes('killed', source), { toHost: true, toContainer: true });
  engine.ok('rm', '-f', 'killed', 'holder');
  endSource(source);
});
