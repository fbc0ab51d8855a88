/**
 * Of whatever kind a thing is, the daemon takes away only what it made: here others put one of each beside ours, named
 * as ours are where that can be, and ours come and go.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { check, run } from '../harness/host.ts';
import { TestEngine } from '../harness/test-engine.ts';

const CGROUPS = existsSync('/sys/fs/cgroup/memory') ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
const PARENT = `cwt-${randomBytes(4).toString('hex')}`;
const ID = randomBytes(32).toString('hex');

const reason =
  process.getuid?.() !== 0 ? 'needs root' : existsSync('/usr/sbin/iptables') ? undefined : 'iptables is not installed';

/** What others have of a kind, as a command shows it; each in the host's network. */
const LOOKS: Readonly<Record<string, string>> = {
  'interfaces and bridges':
    'for link in br-0123456789ab veth0a1b2c3 theirs0 tap0; do ip -o link show $link | sed "s/state.*//; s/^[0-9]*//"; done',
  addresses: 'ip -o address | grep -E "10[.]98|10[.]99" | sed "s/^[0-9]*//; s/valid_lft.*//"',
  routes: 'ip route show table all | grep -E "10[.]5[56]|table 77"',
  'rules of routing': 'ip rule | grep 77; ip -6 rule | grep 77',
  neighbours: 'ip neigh show nud permanent',
  'rules of nftables and iptables':
    'nft list table inet theirs; iptables-save 2>/dev/null | grep -E "^(:THEIRS|-A)" | grep -v CAUSEWAY | sed "s/\\[.*//"',
  cgroups: `cd ${CGROUPS} && ls -d ${PARENT}/theirs ${PARENT}/libpod-${ID} ${PARENT}/${ID} ${PARENT}-theirs/${ID}`,
  mounts: 'grep theirs /proc/self/mounts | cut -d" " -f1-3',
  files: 'find . -path "*theirs*" ! -type d | sort | xargs cat',
};

describe(
  'what others made stays as it is, while ours start, break, are repaired, end and are removed',
  { skip: reason ?? false },
  () => {
    let engine: TestEngine;
    let planted: Record<string, string>;
    const found = () =>
      Object.fromEntries(
        Object.entries(LOOKS).map(([kind, look]) => [kind, engine.host.shell(`cd ${engine.dir}; ${look}`).out]),
      );
    const groups = () =>
      [
        `${PARENT}/theirs`,
        `${PARENT}/libpod-${ID}`,
        `${PARENT}/${ID}`,
        `${PARENT}-theirs/${ID}`,
        `${PARENT}-theirs`,
      ].map((name) => join(CGROUPS, name));

    before(async () => {
      engine = await TestEngine.start({ flags: ['--cgroup-parent', `/${PARENT}`] });
      engine.importFixtures();
      const { host, dataRoot, execRoot } = engine;
      const commands = `ip link add br-0123456789ab up type bridge; ip address add 10.98.0.1/16 dev br-0123456789ab; ip link add veth0a1b2c3 up type veth peer name theirs0; ip link set veth0a1b2c3 master br-0123456789ab
      ip link add tap0 type veth peer name tap1; ip link set tap0 master docker0; ip address add 10.99.0.1/32 dev lo; ip address add 10.98.200.1/24 dev docker0; ip address add 10.98.201.1/32 dev docker0
      ip link set docker0 up; ip route add 10.55.0.0/16 via 172.17.0.9 dev docker0; ip route add blackhole 10.56.0.0/16; ip route add default via 10.98.0.9 dev br-0123456789ab table 77
      ip rule add fwmark 77 table 77; ip -6 rule add fwmark 77 table 77; ip neigh add 172.17.0.200 lladdr 02:00:00:00:00:77 dev docker0 nud permanent
      nft add table inet theirs; nft 'add chain inet theirs forward { type filter hook forward priority 10; }'; iptables -N THEIRS; iptables -A THEIRS -s 198.51.100.7 -j DROP; iptables -A FORWARD -j THEIRS`;
      check(host.run('sh', '-ec', commands));
      for (const group of groups()) mkdirSync(group, { recursive: true });
      for (const dir of [engine.dir, dataRoot, execRoot, join(dataRoot, 'volumes'), join(execRoot, 'bundles')]) {
        mkdirSync(join(dir, 'theirs', ID), { recursive: true });
        writeFileSync(join(dir, 'theirs', 'notes'), `${dir}\n`);
        if (dir === engine.dir || dir === dataRoot || dir === execRoot)
          check(run('mount', ['-t', 'tmpfs', 'theirs', join(dir, 'theirs', ID)]));
      }
      planted = found();
      for (const [kind, text] of Object.entries(planted)) assert.notEqual(text.trim(), '', kind);
      await life();
    });

    after(async () => {
      for (const dir of [engine.dir, engine.dataRoot, engine.execRoot]) run('umount', [join(dir, 'theirs', ID)]);
      await engine.destroy();
      for (const group of groups()) run('rmdir', [group]);
      run('rmdir', [join(CGROUPS, PARENT)]);
    });

    const life = async (): Promise<void> => {
      engine.ok('network', 'create', 'net');
      engine.ok('volume', 'create', 'kept');
      engine.ok('run', '-d', '--name', 'web', '-p', '8080:80', '-v', 'kept:/kept', 'nginx');
      engine.ok('run', '-d', '--name', 'app', '--network', 'net', 'busybox', 'sleep', '1000');
      await engine.restart('SIGKILL');
      engine.host.ok('nft', 'delete', 'table', 'inet', 'causeway');
      engine.ok('restart', '-t', '0', 'web', 'app');
      engine.ok('rm', '-f', 'web', 'app');
      engine.ok('network', 'rm', 'net');
      engine.ok('volume', 'rm', 'kept');
      for (const what of [['container'], ['network'], ['volume', '-a'], ['image', '-a']])
        engine.ok(what[0]!, 'prune', '-f', ...what.slice(1));
      await engine.stop('SIGKILL');
      await engine.boot();
      await engine.restart();
    };

    for (const kind of Object.keys(LOOKS)) test(kind, () => assert.equal(found()[kind], planted[kind]));
  },
);
