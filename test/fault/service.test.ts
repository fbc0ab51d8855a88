/**
 * The daemon as a service: systemd takes its unit, is told when it serves, and nobody else hears of that; what the
 * uninstaller leaves.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Host, run } from '../harness/host.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { ownCgroupParent, removeCgroupParent } from './traces.ts';

const parent = ownCgroupParent();
const dir = mkdtempSync(join(tmpdir(), 'cwt-'));
const host = Host.create();
let engine: TestEngine | undefined;

after(async () => {
  delete process.env['NOTIFY_SOCKET'];
  await engine?.destroy();
  host.destroy();
  removeCgroupParent(parent);
  rmSync(dir, { recursive: true, force: true });
});

test('systemd finds nothing wrong with the unit', (t) => {
  if (run('systemd-analyze', ['--version']).code !== 0) return t.skip('systemd-analyze is not installed');
  const unit = join(dir, 'causeway.service');
  writeFileSync(
    unit,
    readFileSync(join(PROJECT, 'packaging/causeway.service'), 'utf8').replace(
      '/usr/local/bin/causeway',
      join(PROJECT, 'bin/causeway'),
    ),
  );
  const { code, out, err } = run('systemd-analyze', ['verify', '--man=no', unit]);
  assert.deepEqual([code, (out + err).split('\n').filter((line) => line.includes('causeway'))], [0, []]);
});

test('at a boot the unit comes after Docker, which closes what is forwarded only where it is the one that turns forwarding on', () => {
  const after =
    /^After=(.*)$/m.exec(readFileSync(join(PROJECT, 'packaging/causeway.service'), 'utf8'))?.[1]?.split(' ') ?? [];
  for (const unit of ['docker.service', 'snap.docker.dockerd.service']) assert.ok(after.includes(unit), unit);
});

test('waiters are notified when the service starts, and no container has the address', async () => {
  const address = join(dir, 'notify');
  const listener = spawn(
    'python3',
    [
      '-c',
      'import socket,sys\ns=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nprint("bound",flush=True)\nprint(s.recv(100).decode(),flush=True)',
      address,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const heard = new Promise<string>((resolve) => {
    let text = '';
    listener.stdout.on('data', (data: Buffer) => (text += data.toString()));
    listener.once('exit', () => resolve(text));
  });
  await new Promise((resolve) => listener.stdout.once('data', resolve));
  process.env['NOTIFY_SOCKET'] = address;
  host.sysctl('net.ipv4.ip_forward', '0');
  host.sysctl('net.ipv6.conf.all.forwarding', '0');
  // One host interface that was there, and forwards by itself.
  host.ok('ip', 'link', 'add', 'br-early', 'type', 'bridge');
  host.sysctl('net.ipv4.conf.br-early.forwarding', '1');
  engine = await TestEngine.start({ host, flags: ['--cgroup-parent', parent] });
  assert.equal(await heard, 'bound\nREADY=1\n\n');
  engine.importFixtures();
  engine.ok('network', 'create', '--ipv6', 'net');
  engine.ok('run', '-d', '--name', 'web', '--network', 'net', '-p', '8080:80', '-v', 'kept:/kept', 'nginx');
  const pids = engine.processes();
  assert.ok(pids.length > 1, 'the daemon, the resolver, conmon and what it watches');
  for (const pid of [...pids, Number(engine.ok('inspect', '-f', '{{.State.Pid}}', 'web'))]) {
    if (pid !== engine.pid)
      assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /NOTIFY_SOCKET/, String(pid));
  }
});

test('the uninstaller leaves only the data, and with --purge nothing', () => {
  const uninstall = (...more: string[]) =>
    engine!.host.run(
      'sh',
      join(PROJECT, 'scripts/uninstall.sh'),
      '--data-root',
      engine!.dataRoot,
      '--exec-root',
      engine!.execRoot,
      '-H',
      engine!.url,
      ...more,
    );
  const forwarding = () =>
    host
      .ok(
        'cat',
        ...['ipv4/ip_forward', 'ipv6/conf/all/forwarding', 'ipv4/conf/br-early/forwarding'].map(
          (name) => `/proc/sys/net/${name}`,
        ),
      )
      .trim()
      .split('\n');
  engine!.host.ok('ip', 'link', 'add', 'br-others', 'type', 'bridge');
  engine!.host.ok('nft', 'add', 'table', 'inet', 'others');
  const first = uninstall();
  assert.equal(first.code, 0, first.err);
  assert.deepEqual(
    engine!.host
      .ok('ip', '-o', 'link')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split(': ')[1]),
    ['lo', 'br-early', 'br-others'],
  );
  // Others may count on it by now.
  assert.match(
    first.out,
    /IPv4 is still forwarded, because of what others made since the daemon turned that on \(br-others\).*To end that once they need it no more: sysctl -w net\/ipv4\/ip_forward=0\n/,
  );
  assert.deepEqual(forwarding(), ['1', '1', '1']);
  assert.equal(engine!.host.ok('nft', 'list', 'ruleset').trim(), 'table inet others {\n}');
  assert.deepEqual(engine!.processes(), []);
  assert.deepEqual([existsSync(engine!.execRoot), existsSync(engine!.dataRoot)], [false, true]);
  engine!.host.ok('ip', 'link', 'del', 'br-others');
  const second = uninstall('--purge');
  assert.equal(second.code, 0, second.err);
  assert.deepEqual(forwarding(), ['0', '0', '1'], 'as it was before the daemon');
  assert.equal(existsSync(engine!.dataRoot), false);
});

test('with --end-containers the uninstaller ends what runs where no daemon answers, and nothing else', async () => {
  const own = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
  const [data, exec] = [own.dataRoot, own.execRoot];
  const mark = String(5_000_000 + process.pid);
  const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' });
  try {
    own.importFixtures();
    own.ok('run', '-d', 'nginx');
    // Its second process is the child of somebody else when the first has ended.
    own.ok('run', '-d', '--pid', 'host', 'busybox', 'sh', '-c', `(setsid sleep ${mark} &) ; sleep 1000`);
    const arguments_ = ['--data-root', data, '--exec-root', exec, '-H', own.url];
    const uninstall = (...more: string[]) =>
      own.host.run('sh', join(PROJECT, 'scripts/uninstall.sh'), ...arguments_, ...more);
    await own.stop('SIGKILL');
    const refused = uninstall('--purge');
    assert.match(refused.err, /containers of the engine may still run, and no daemon answers/);
    const done = uninstall('--purge', '--end-containers');
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(own.processes(), []);
    assert.notEqual(run('pgrep', ['-f', `^sleep ${mark}$`]).code, 0);
    assert.deepEqual([existsSync(data), existsSync(exec), bystander.exitCode], [false, false, null]);
  } finally {
    bystander.kill();
    await own.destroy();
  }
});

test('the uninstaller empties a directory that is a file system of its own or a link, leaves it, and goes on', () => {
  const [disk, linked, exec] = ['disk', 'linked', 'exec-disk'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [disk, exec])
    assert.equal(run('sh', ['-c', `mkdir ${path} && mount -t tmpfs cwt ${path}`]).code, 0);
  try {
    for (const path of [`${disk}/state`, `${disk}/.hidden`, `${disk}/lost+found`, `${exec}/netns`]) mkdirSync(path);
    symlinkSync(disk, linked);
    for (const dataRoot of [linked, disk]) {
      // Twice: what is left is still known for the engine's.
      const { code, out, err } = host.run(
        'sh',
        join(PROJECT, 'scripts/uninstall.sh'),
        '--purge',
        '--data-root',
        dataRoot,
        '--exec-root',
        exec,
      );
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, new RegExp(`${dataRoot} is a mount point or a link: it is emptied, and left`));
      assert.deepEqual([readdirSync(disk), readdirSync(exec)], [['lost+found'], []]);
      assert.match(out, /uninstall: done/);
    }
  } finally {
    for (const path of [disk, exec]) run('umount', [path]);
  }
});

test("the uninstaller removes no directory that is not the engine's", () => {
  const stranger = join(dir, 'data');
  writeFileSync(stranger, 'x');
  for (const path of [dir, '/etc']) {
    const { code, err } = run('sh', [
      join(PROJECT, 'scripts/uninstall.sh'),
      '--purge',
      '--data-root',
      path,
      '--exec-root',
      join(dir, 'exec'),
    ]);
    assert.equal(code, 1);
    assert.match(err, /does not look like a directory of the engine/);
  }
  assert.ok(existsSync(stranger));
});
