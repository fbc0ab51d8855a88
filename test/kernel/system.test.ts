import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { announceAddress } from '../../src/kernel/announce.ts';
import {
  cgroupMode,
  cgroupMounts,
  cgroupsOfProcess,
  hasControllersOnUnified,
  listPids,
  readCgroupStats,
} from '../../src/kernel/cgroup.ts';
import { deleteFlows, deleteFlowsBeside, listFlows } from '../../src/kernel/conntrack.ts';
import { isKernelError } from '../../src/kernel/errors.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { RulesetContext } from '../../src/kernel/nftables/ruleset.ts';
import { closeFd } from '../../src/kernel/descriptors.ts';
import { openInRoot, withFileInRoot } from '../../src/kernel/open-in-root.ts';
import { kill, processName, processStartTime, processState } from '../../src/kernel/process.ts';
import { openUdpSocket } from '../../src/kernel/socket.ts';
import { inetSockaddr } from '../../src/kernel/socket-address.ts';
import { DatagramBatch } from '../../src/kernel/datagram.ts';
import { readSysctl, writeSysctl, writeSysctls } from '../../src/kernel/sysctl.ts';
import { ip, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();

test('sysctls of a namespace, and only of it', () => {
  const netns = throwawayNetns(directory);
  const own = readSysctl('net.ipv4.ip_forward');
  writeSysctl('net.ipv4.ip_forward', '1', netns);
  assert.equal(run(netns, 'cat', '/proc/sys/net/ipv4/ip_forward').trim(), '1');
  writeSysctls({ 'net.ipv4.ip_forward': '0', 'net.ipv4.ip_unprivileged_port_start': '0' }, netns);
  assert.equal(readSysctl('net.ipv4.ip_unprivileged_port_start', netns), '0');
  assert.equal(readSysctl('net.ipv4.ip_forward', netns), '0');
  assert.equal(readSysctl('net.ipv4.ip_forward'), own);
  assert.match(readSysctl('net.ipv4.ip_local_port_range', netns), /^\d+\s\d+$/);
  const routes = RouteSocket.open(netns);
  routes.addBridge('br.x');
  routes.close();
  writeSysctl('net.ipv4.conf.br/x.route_localnet', '1', netns);
  assert.equal(readSysctl('net/ipv4/conf/br.x/route_localnet', netns), '1');
  assert.throws(
    () => readSysctl('net.ipv4.nonsense', netns),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => writeSysctl('net.ipv4.nonsense', '1', netns),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => writeSysctl('net.ipv4.ip_forward', 'x', netns),
    (error) => isKernelError(error, 'EINVAL') && error.operation === 'set sysctl net.ipv4.ip_forward=x',
  );
  assert.throws(
    () => writeSysctl('net/../../etc/passwd', 'x', netns),
    (error) => isKernelError(error, 'EINVAL'),
  );
});

test('tracked connections: listed and deleted by what they are', (t) => {
  const netns = throwawayNetns(directory);
  const ruleset = RulesetContext.open(netns);
  // Tracking is on because a rule needs it; the second rule translates as a published port does.
  ruleset.run(
    'table ip t { chain out { type nat hook output priority -100; ip daddr 127.0.0.9 udp dport 80 dnat to 127.0.0.1:81; }; }',
  );
  ruleset.close();
  const server = openUdpSocket({ netns, address: '0.0.0.0', port: 81 });
  const client = openUdpSocket({ netns, address: '0.0.0.0', port: 5000 });
  const batch = new DatagramBatch({ slots: 4 });
  for (const [address, port] of [
    ['127.0.0.9', 80],
    ['127.0.0.2', 81],
    ['127.0.0.3', 81],
    ['127.0.0.4', 81],
  ] as const) {
    batch.queueTo(0, Buffer.from('x'), inetSockaddr(address, port));
    batch.send(client);
  }
  const flows = listFlows({ protocol: 'udp', sourcePort: 5000 }, netns);
  if (flows.length === 0) return t.skip('this kernel does not track');
  assert.equal(flows.length, 4);
  const translated = flows.find(({ original }) => original.destination === '127.0.0.9')!;
  assert.deepEqual(
    [translated.original.destinationPort, translated.reply.source, translated.reply.sourcePort],
    [80, '127.0.0.1', 81],
  );
  const others = () =>
    run(netns, 'conntrack', '-L')
      .split('\n')
      .filter((line) => line.includes('sport=5000')).length;
  assert.equal(others(), 4);
  assert.equal(deleteFlows({ destination: '127.0.0.2', protocol: 'udp', destinationPort: 81 }, netns), 1);
  assert.equal(others(), 3);
  assert.equal(deleteFlows({ destination: '127.0.0.3', protocol: 'tcp' }, netns), 0);
  assert.equal(
    deleteFlows({ replySource: '127.0.0.1', replySourcePort: 81, destinationPorts: new Set([80, 443]) }, netns),
    1,
  );
  assert.equal(others(), 2);
  assert.equal(deleteFlows({ address: '127.0.0.4' }, netns), 1);
  assert.equal(deleteFlows({ protocol: 'udp' }, netns), 1);
  assert.deepEqual(listFlows({}, netns), []);
  closeFd(server);
  closeFd(client);
});

test('flows are deleted beside, but not those of an address that was given out meanwhile', async (t) => {
  const netns = throwawayNetns(directory);
  const ruleset = RulesetContext.open(netns);
  ruleset.run('table ip t { chain o { type filter hook output priority 0; ct state new accept; }; }');
  ruleset.close();
  const client = openUdpSocket({ netns, address: '0.0.0.0', port: 5000 });
  const batch = new DatagramBatch({ slots: 4 });
  for (const address of ['127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    batch.queueTo(0, Buffer.from('x'), inetSockaddr(address, 81));
    batch.send(client);
  }
  const there = (): string[] =>
    listFlows({ sourcePort: 5000 }, netns)
      .map(({ original }) => original.destination)
      .sort();
  if (there().length === 0) return t.skip('this kernel does not track');
  const stale = new Set(['127.0.0.2', '127.0.0.3']);
  const deleting = deleteFlowsBeside(() => stale, netns);
  stale.delete('127.0.0.3');
  assert.equal(await deleting, 1);
  assert.deepEqual(there(), ['127.0.0.3', '127.0.0.4']);
  assert.equal(await deleteFlowsBeside(() => new Set(), netns), 0);
  assert.equal(await deleteFlowsBeside(() => new Set(['127.0.0.9']), netns), 0);
  assert.equal(there().length, 2);
  closeFd(client);
});

test('many tracked connections: the kernel looks for us, and finds the same', async (t) => {
  const netns = throwawayNetns(directory);
  const ruleset = RulesetContext.open(netns);
  ruleset.run('table inet t { chain o { type filter hook output priority 0; ct state new accept; }; }');
  ruleset.close();
  const v4 = openUdpSocket({ netns, address: '0.0.0.0', port: 5000 });
  const v6 = openUdpSocket({ netns, address: '::1', port: 5000 });
  const server = openUdpSocket({ netns, address: '::1', port: 11 });
  const batch = new DatagramBatch({ slots: 60, slotBytes: 16 });
  for (let index = 0; index < 6000; index += 60) {
    for (let slot = 0; slot < 60; slot++) {
      const number = index + slot;
      batch.queueTo(slot, Buffer.from('x'), inetSockaddr(`127.1.${number >> 8}.${number & 255}`, number % 2 ? 9 : 10));
    }
    batch.send(v4);
  }
  batch.queueTo(0, Buffer.from('x'), inetSockaddr('::1', 11));
  batch.send(v6);
  assert.equal(batch.recv(server), 1);
  batch.queueReply(0, 1);
  batch.send(server);
  if (listFlows({ address: '::1' }, netns).length === 0) return t.skip('this kernel does not track');
  const found = (filter: Parameters<typeof listFlows>[0]) =>
    listFlows(filter, netns)
      .map(({ original }) => original.destination)
      .sort();
  assert.deepEqual(found({ destination: '127.1.2.3' }), ['127.1.2.3']);
  assert.deepEqual(found({ destination: '127.1.2.3', destinationPort: 10 }), []);
  assert.deepEqual(found({ address: '127.1.2.4' }), ['127.1.2.4']);
  assert.deepEqual(found({ addresses: new Set(['127.1.2.4', '::1']) }), ['127.1.2.4', '::1']);
  assert.deepEqual(found({ addresses: new Set(['127.1.2.4', '127.1.2.5', '::1', '127.9.9.9']) }), [
    '127.1.2.4',
    '127.1.2.5',
    '::1',
  ]);
  assert.deepEqual(found({ replySource: '127.1.3.3', protocol: 'udp' }), ['127.1.3.3']);
  assert.deepEqual(found({ protocol: 'udp', destinationPort: 11 }), ['::1']);
  assert.equal(found({ protocol: 'udp', destinationPorts: new Set([9]) }).length, 3000);
  assert.equal(found({ protocol: 'tcp', destinationPorts: new Set([9]) }).length, 0);
  assert.equal(found({ destinationPorts: new Set([9, 11]) }).length, 3001);
  assert.equal(found({ destinationPorts: new Set([11]), destinations: new Set(['127.0.0.1', '::1']) }).length, 1);
  assert.equal(found({ destinationPorts: new Set([11]), destinations: new Set(['127.0.0.2']) }).length, 0);
  assert.equal(found({ source: '127.0.0.1', destinationPorts: new Set([10]) }).length, 3000);
  assert.deepEqual(found({ answered: true }), ['::1']);
  assert.equal(found({ answered: false }).length, 6000);
  assert.equal(
    found({ protocol: 'udp', destinationPorts: new Set([1, 2, 3, 4, 9, 11]), answered: false }).length,
    3000,
  );
  assert.equal(await deleteFlowsBeside(() => new Set(['127.1.2.6', '127.1.2.8']), netns), 2);
  assert.deepEqual(found({ addresses: new Set(['127.1.2.6', '127.1.2.7', '127.1.2.8']) }), ['127.1.2.7']);
  assert.equal(deleteFlows({ addresses: new Set(['127.1.2.4', '::1']) }, netns), 2);
  assert.deepEqual(found({ addresses: new Set(['127.1.2.4', '127.1.2.5', '::1']) }), ['127.1.2.5']);
  closeFd(v4);
  closeFd(v6);
  closeFd(server);
});

test('an announced address is learnt by neighbours that knew another owner', async () => {
  const a = throwawayNetns(directory);
  const b = throwawayNetns(directory);
  const inA = RouteSocket.open(a);
  const inB = RouteSocket.open(b);
  inA.addVeth({
    name: 'eth0',
    peerName: 'eth0',
    peerNetns: b,
    up: true,
    mac: '02:00:00:00:00:0a',
    peerMac: '02:00:00:00:00:0b',
  });
  inB.setLink('eth0', { up: true });
  inA.addAddress('eth0', '10.0.0.1/24');
  inB.addAddress('eth0', '10.0.0.2/24');
  inA.addAddress('eth0', 'fd00::1/64', { noDad: true });
  inB.addAddress('eth0', 'fd00::2/64', { noDad: true });
  const state = (address: string) => ip(b, 'neigh', 'show', address)[0]?.lladdr;
  run(b, 'ip', 'neigh', 'replace', '10.0.0.1', 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'stale');
  run(b, 'ip', 'neigh', 'replace', 'fd00::1', 'lladdr', '02:00:00:00:00:99', 'dev', 'eth0', 'nud', 'stale');
  announceAddress(a, 'eth0', '10.0.0.1', '02:00:00:00:00:0a');
  announceAddress(a, 'eth0', 'fd00::1', '02:00:00:00:00:0a');
  for (
    let wait = 0;
    wait < 50 && (state('10.0.0.1') !== '02:00:00:00:00:0a' || state('fd00::1') !== '02:00:00:00:00:0a');
    wait++
  ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(state('10.0.0.1'), '02:00:00:00:00:0a');
  assert.equal(state('fd00::1'), '02:00:00:00:00:0a');
  assert.throws(
    () => announceAddress(a, 'eth9', '10.0.0.1', '02:00:00:00:00:0a'),
    (error) => isKernelError(error, 'ENODEV'),
  );
  // Another link of that name, which came in its place.
  assert.throws(
    () => announceAddress(a, 'eth0', '10.0.0.1', '02:00:00:00:00:99'),
    (error) => isKernelError(error, 'ENODEV'),
  );
  inA.setLink('eth0', { up: false });
  assert.throws(
    () => announceAddress(a, 'eth0', '10.0.0.1', '02:00:00:00:00:0a'),
    (error) => isKernelError(error, 'ENETDOWN'),
  );
  inA.close();
  inB.close();
});

test('control groups: the mode, this process’s group, its processes and what it uses', () => {
  const { unified, controllers } = cgroupMounts();
  const mode = cgroupMode();
  assert.equal(
    mode === 'v2',
    unified !== undefined && ![...controllers.keys()].some((name) => !name.startsWith('name=')),
  );
  assert.equal(typeof hasControllersOnUnified(), 'boolean');
  const groups = cgroupsOfProcess('self');
  assert.ok(groups.size > 0);
  const path = groups.get(mode === 'v2' ? '' : 'pids') ?? '/';
  assert.ok(listPids(path).includes(process.pid));
  assert.deepEqual(listPids('/no/such/group'), []);
  const stats = readCgroupStats(path);
  assert.ok(stats.cpu.usageNs >= 0 && stats.memory.usageBytes >= 0 && stats.pids.current >= 0);
  const gone = readCgroupStats('/no/such/group');
  assert.deepEqual(
    [gone.cpu.usageNs, gone.memory.usageBytes, gone.memory.limitBytes, gone.pids.current, gone.io],
    [0, 0, undefined, 0, []],
  );
});

test('files inside a root: links, dots and absolute names stay inside', async () => {
  const root = join(directory, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
  writeFileSync(join(root, 'etc', 'passwd'), 'inside');
  writeFileSync(join(directory, 'secret'), 'outside');
  symlinkSync('/etc/passwd', join(root, 'absolute'));
  symlinkSync('../../../../secret', join(root, 'etc', 'escape'));
  symlinkSync('/proc/self/root', join(root, 'magic'));
  const read = (path: string) => withFileInRoot(root, path, (file) => readFileSync(file, 'utf8'));
  assert.equal(read('/etc/passwd'), 'inside');
  assert.equal(read('absolute'), 'inside');
  assert.equal(read('../../etc/passwd'), 'inside');
  assert.throws(
    () => read('etc/escape'),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => read('../secret'),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => read('magic/etc/passwd'),
    (error) => isKernelError(error, 'ENOENT', 'ELOOP'),
  );
  assert.throws(
    () => openInRoot(root, 'absolute', { noSymlinks: true }),
    (error) => isKernelError(error, 'ELOOP'),
  );
  const directoryFd = openInRoot(root, 'etc');
  assert.equal(
    withFileInRoot(directoryFd, 'passwd', (file) => readFileSync(file, 'utf8')),
    'inside',
  );
  closeFd(directoryFd);
  const later = await withFileInRoot(root, 'absolute', async (file) =>
    (await import('node:fs/promises')).readFile(file, 'utf8'),
  );
  assert.equal(later, 'inside');
});

test('processes: when they started, their state, signals', async () => {
  const child = spawn('sleep', ['30']);
  await once(child, 'spawn');
  const pid = child.pid!;
  assert.equal(processName(pid), 'sleep');
  const start = processStartTime(pid)!;
  assert.ok(start > 0 && start >= processStartTime(process.pid)!);
  assert.match(processState(pid)!, /[RSD]/);
  assert.equal(kill(pid, 0), true);
  assert.equal(kill(pid, 9), true);
  await once(child, 'close');
  assert.equal(kill(pid, 0), false);
  assert.equal(processStartTime(pid), undefined);
});

test('exec of another program: same pid, its environment, no inherited descriptors', () => {
  const module = new URL('../../src/kernel/', import.meta.url).href;
  const script = `
    const { execve, unshareMountNamespace } = await import(${JSON.stringify(module)} + 'process.ts');
    const { openEventfd } = await import(${JSON.stringify(module)} + 'poller.ts');
    const opened = openEventfd();
    const own = (await import('node:fs')).readlinkSync('/proc/self/ns/mnt');
    console.log(process.pid);
    unshareMountNamespace();
    try { execve('/no/such/program', ['x'], {}) } catch (error) { console.log(error.message) }
    execve('/bin/sh', ['sh', '-c', 'echo $$; echo "$A $HOME"; test -e /proc/$$/fd/' + opened + ' || echo closed; test $(readlink /proc/$$/ns/mnt) = ' + own + ' || echo moved; grep SigIgn /proc/$$/status'], { A: 'b c', PATH: process.env.PATH });`;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  const [pid, refusal, same, variables, rest, moved, ignored] = child.stdout.trim().split('\n');
  assert.equal(pid, same, child.stderr);
  assert.match(refusal!, /execute \/no\/such\/program: No such file or directory \(ENOENT\)/);
  assert.equal(variables, 'b c ');
  assert.equal(rest, 'closed');
  assert.equal(moved, 'moved');
  assert.match(ignored!, /SigIgn:\s*0+$/);
  assert.equal(execFileSync('true').length, 0);
});
