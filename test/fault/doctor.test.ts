/** The doctor sees what keeps the daemon from working, and of a daemon that runs what that one knows. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { renderRuleset } from '../../src/network/firewall/ruleset.ts';
import { check, Host, run } from '../harness/host.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';

interface Finding {
  readonly level: string;
  readonly subject: string;
  readonly text: string;
  readonly advice?: string;
}

function examine(host: Host, ...flags: string[]): Finding[] {
  const ran = host.run(join(PROJECT, 'bin/causeway'), 'doctor', '--json', ...flags);
  try {
    return JSON.parse(ran.out) as Finding[];
  } catch {
    throw new Error(`no findings: ${ran.out}${ran.err}`);
  }
}

const nftablesLibrary = (): string | undefined =>
  /libnftables\.so\.1 .*=> (\S+)/.exec(run('sh', ['-c', 'PATH="$PATH:/sbin:/usr/sbin" ldconfig -p']).out)?.[1];
const about = (findings: readonly Finding[], subject: string): Finding[] =>
  findings.filter((one) => one.subject === subject);

describe('directories that cannot be written to', () => {
  let host: Host;
  let dir: string;

  before(() => {
    host = Host.create();
  });
  after(() => host.destroy());
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'cwt-'));
    mkdirSync(join(dir, 'disk'));
    check(run('mount', ['-t', 'tmpfs', '-o', 'size=8m,nr_inodes=64', 'tmpfs', join(dir, 'disk')]));
  });
  afterEach(() => {
    run('umount', [join(dir, 'disk')]);
    rmSync(dir, { recursive: true, force: true });
  });

  const root = () => join(dir, 'disk/root');
  const found = (flag: 'data' | 'exec'): Finding => {
    const [other, one] = flag === 'data' ? ['exec', root()] : ['data', root()];
    return about(examine(host, `--${flag}-root`, one!, `--${other}-root`, join(dir, other!)), `${flag} root`)[0]!;
  };

  test('a read-only file system', () => {
    check(run('mount', ['-o', 'remount,ro', join(dir, 'disk')]));
    for (const flag of ['data', 'exec'] as const) {
      const text = `${root()} cannot be written to: read-only file system`;
      assert.deepEqual(found(flag), {
        level: 'fail',
        subject: `${flag} root`,
        text,
        advice: `mount it read-write, or choose another directory with --${flag}-root`,
      });
    }
  });

  test('a disk without room', () => {
    const { bavail, bsize } = statfsSync(join(dir, 'disk'));
    writeFileSync(join(dir, 'disk/filler'), Buffer.alloc((bavail - 1) * bsize));
    for (const flag of ['data', 'exec'] as const)
      assert.deepEqual(found(flag), {
        level: 'fail',
        subject: `${flag} root`,
        text: `${root()} is full`,
        advice: `make room there, or choose another directory with --${flag}-root`,
      });
  });

  test('a disk without inodes', () => {
    for (let left = statfsSync(join(dir, 'disk')).ffree; left > 0; left--) writeFileSync(join(dir, `disk/${left}`), '');
    for (const flag of ['data', 'exec'] as const) assert.match(found(flag).text, /^no inode is free at /);
  });

  test('little room is a warning for what grows only', () => {
    assert.equal(found('data').level, 'warn');
    assert.equal(found('exec').level, 'warn');
    check(run('mount', ['-o', 'remount,size=100m', join(dir, 'disk')]));
    assert.equal(found('exec').level, 'ok');
  });
});

test('what a table drops between others that a daemon left behind, and whose mark it takes, is said while none runs, with the way out', () => {
  const host = Host.create();
  try {
    const rules = `${renderRuleset()}add element inet causeway dropped { ipv4 . "uplink" . "br0" counter packets 5 bytes 300, ipv6 . "br0" . "up,link" counter packets 7 bytes 300 }\nadd element inet causeway unmarked { ipv4 . "uplink" . "br0" counter packets 9 bytes 300 }\n`;
    check(run('nsenter', [`--net=${host.netns}`, 'nft', '-f', '-'], rules));
    const said = about(examine(host), 'forwarding').map(({ level, text }) => `${level} ${text}`);
    assert.match(
      said[0]!,
      /^warn packets from br0 to up,link are dropped \(IPv6, 7 in the last hour\).*net\.ipv6\.conf\.all\.forwarding = 1 in/,
    );
    assert.match(
      said[1]!,
      /^warn packets from uplink to br0 are dropped \(IPv4, 5 in the last hour\).*nft 'add rule inet causeway user iifname "uplink" oifname "br0" accept';.*net\.ipv4\.ip_forward = 1 in/,
    );
    assert.match(
      said[2]!,
      /^warn packets from uplink to br0 come with the bit 0x8000000 in their mark \(IPv4, 9 in the last hour\)/,
    );
    assert.equal(said.length, 3);
  } finally {
    host.destroy();
  }
});

test('a host that forwards for everybody, because the rules of a daemon that has ended were deleted, is named with the way out', async () => {
  const host = Host.create();
  for (const name of ['net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding']) host.sysctl(name, '0');
  const engine = await TestEngine.start({ host, flags: ['--ipv6', '--bip6', 'fd00:9::1/64'] });
  const open = () =>
    about(
      examine(host, '-H', engine.url, '--data-root', engine.dataRoot, '--exec-root', engine.execRoot),
      'forwarding',
    );
  try {
    await engine.stop();
    assert.deepEqual(open(), [], 'its rules stay');
    for (const [loss, versions] of [
      ['flush table inet causeway', [4, 6]],
      ['delete element inet causeway strangers { ipv6 }', [6]],
      ['flush ruleset', [4, 6]],
    ] as const) {
      host.ok('nft', loss);
      assert.deepEqual(
        open().map(({ level, text }) => `${level} ${text.slice(0, text.indexOf(':'))}`),
        versions.map((version) => `warn this host forwards IPv${version} between all of its interfaces`),
        loss,
      );
      await engine.boot();
      assert.deepEqual(open(), [], 'a daemon writes them again');
      await engine.stop();
    }
    host.ok('nft', 'flush ruleset');
    for (const { advice } of open()) host.ok('sh', '-c', advice!.slice(advice!.indexOf('sysctl -w')));
    assert.deepEqual(open(), []);
  } finally {
    await engine.destroy();
    host.destroy();
  }
});

test('a library for rules that cannot be read is named, and keeps no other check from being made', (t) => {
  const library = nftablesLibrary();
  if (library === undefined) return t.skip('libnftables is not where ldconfig looks');
  const host = Host.create();
  try {
    const ran = host.run(
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount --bind /dev/null ${library} && exec ${join(PROJECT, 'bin/causeway')} doctor --json`,
    );
    const findings = JSON.parse(ran.out) as Finding[];
    const [finding, ...others] = about(findings, 'other firewalls');
    assert.deepEqual([finding?.level, others], ['fail', []]);
    assert.match(finding!.text, /^cannot be checked: .*libnftables/);
    assert.match(finding!.advice!, /^apt-get install --reinstall libnftables1/);
    assert.equal(about(findings, 'bridge').length, 1, 'what the kernel can is tried nevertheless');
  } finally {
    host.destroy();
  }
});

test('a daemon that cannot load the library for rules names the package and how to get it', (t) => {
  const library = nftablesLibrary();
  if (library === undefined) return t.skip('libnftables is not where ldconfig looks');
  const host = Host.create();
  const dir = mkdtempSync(join(tmpdir(), 'cwt-'));
  try {
    const flags = [
      '-H',
      `unix://${dir}/api.sock`,
      '--config-file',
      '/dev/null',
      '--data-root',
      join(dir, 'data'),
      '--exec-root',
      join(dir, 'exec'),
      '--pidfile',
      join(dir, 'pid'),
    ];
    const ran = host.run(
      'unshare',
      '--mount',
      'sh',
      '-c',
      `mount --bind /dev/null ${library} && exec timeout 30 ${join(PROJECT, 'bin/causeway')} daemon ${flags.join(' ')}`,
    );
    assert.equal(ran.code, 1, ran.err);
    assert.match(
      ran.err.trim().split('\n').at(-1)!,
      /libnftables\.so\.1 cannot be used \(.*\): it is in the package libnftables1 \(apt-get install --reinstall libnftables1\)$/,
    );
    assert.equal(run('pgrep', ['-f', dir]).out, '', 'no process is left');
  } finally {
    host.destroy();
    rmSync(dir, { recursive: true, force: true });
  }
});

test('why the default bridge is not called as usual is a note, as before a daemon runs', async () => {
  const host = Host.create();
  host.ok('ip', 'link', 'add', 'docker0', 'type', 'bridge');
  const engine = await TestEngine.start({ host, flags: ['--default-bridge-name='] });
  try {
    const notes = () =>
      examine(host, '-H', engine.url, '--data-root', engine.dataRoot, '--exec-root', engine.execRoot)
        .filter(({ text }) => text.includes('causeway0'))
        .map(({ level, subject }) => [level, subject]);
    assert.deepEqual(notes(), [['note', 'default bridge']]);
    await engine.stop();
    host.ok('ip', 'link', 'del', 'causeway0');
    assert.deepEqual(notes(), [['note', 'default bridge']]);
  } finally {
    await engine.destroy();
    host.destroy();
  }
});

describe('a daemon that runs', () => {
  let engine: TestEngine;

  before(async () => {
    engine = await TestEngine.start({ flags: ['--default-bridge-name', 'docker0'] });
    engine.importFixtures();
  });
  after(() => engine.destroy());

  // Not what the daemon was told beside that.
  const doctor = () =>
    examine(engine.host, '-H', engine.url, '--data-root', engine.dataRoot, '--exec-root', engine.execRoot);

  test('names the default bridge that info and inspect show, also without flags', () => {
    assert.deepEqual(
      about(doctor(), 'default bridge').map(({ level, text }) => [level, text]),
      [['ok', 'docker0 (of the daemon that runs)']],
    );
    assert.equal(
      engine.ok('network', 'inspect', 'bridge', '-f', '{{index .Options "com.docker.network.bridge.name"}}'),
      'docker0',
    );
    assert.doesNotMatch(engine.causeway('info').err, /the bridge of the default network/);
  });

  test('names the containers whose subnet was changed under them, until they are restarted', async () => {
    engine.ok('run', '-d', '--name', 'web', 'busybox', 'sleep', '1000');
    engine.ok('run', '-d', '--name', 'db', 'busybox', 'sleep', '1000');
    await engine.stop();
    await engine.boot(['--bip', '10.91.0.1/24']);
    const sentence = (names: string) =>
      new RegExp(
        `still has an address of an earlier subnet of network bridge, which has 10\\.91\\.0\\.0/24 now: .*: causeway restart ${names}$`,
      );
    const said = () => ({
      info: engine
        .causeway('info')
        .err.split('\n')
        .filter((line) => /earlier subnet/.test(line)),
      doctor: about(doctor(), 'daemon').filter(({ text }) => /earlier subnet/.test(text)),
    });
    const first = said();
    assert.equal(first.info.length, 1);
    assert.match(
      first.info[0]!,
      /containers (web, db|db, web) still have addresses of an earlier subnet of network bridge, which has 10\.91\.0\.0\/24 now: nobody reaches them there; restart them: causeway restart (web db|db web)$/,
    );
    assert.deepEqual(
      first.doctor.map(({ level }) => level),
      ['warn'],
    );
    engine.ok('restart', '-t', '0', 'web');
    assert.match(said().info[0]!, sentence('db'));
    engine.ok('restart', '-t', '0', 'db');
    assert.deepEqual(said(), { info: [], doctor: [] });
    assert.match(engine.ok('inspect', '-f', '{{.NetworkSettings.IPAddress}}', 'db'), /^10\.91\.0\./);
  });
});

test('a user without root is told to use root, not to install what exists', () => {
  const host = Host.create();
  try {
    // May read the checkout, wherever it is.
    const nobody = [
      '--reuid',
      '65534',
      '--regid',
      '65534',
      '--clear-groups',
      '--inh-caps=+dac_read_search',
      '--ambient-caps=+dac_read_search',
    ];
    const { out } = host.run(
      'setpriv',
      ...nobody,
      join(PROJECT, 'bin/causeway'),
      'doctor',
      '--json',
      '--config-file',
      '/dev/null',
      '--exec-root',
      '/run/causeway-nobody',
      '--data-root',
      '/var/lib/causeway-nobody',
    );
    const runtimes = (JSON.parse(out) as Finding[]).filter(({ subject }) => subject.startsWith('runtime '));
    assert.ok(runtimes.length > 0);
    for (const { subject, level, text, advice } of runtimes) {
      assert.deepEqual([level, advice], ['note', 'run as root: sudo causeway doctor'], `${subject}: ${text}`);
      assert.match(text, /^\/\S+, \S.*: whether it works is not known$/);
    }
  } finally {
    host.destroy();
  }
});
