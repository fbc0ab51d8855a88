/**
 * Connections that tracking lost sight of for a moment. What was acknowledged then, and the acknowledgement lost, is
 * what tracking never learns: it takes every later one for invalid.
 */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { relaxFlows } from '../../src/kernel/conntrack.ts';
import { RouteSocket } from '../../src/kernel/netlink/route-socket.ts';
import { eventually, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const SEGMENT = 1448; // what fills a segment is not put together with the next one when it is sent again

const SERVER = `let size = 0; require('node:net').createServer((socket) => socket.on('data', (data) => { size += data.length; console.log(size); })).listen(7, () => console.log('ready'));`;
const CLIENT = `const socket = require('node:net').connect(7, '10.0.2.2'); socket.setNoDelay(true); socket.on('connect', () => console.log('ready'));
  process.stdin.on('data', (text) => { for (const letter of text.toString().trim()) socket.write(Buffer.alloc(${SEGMENT}, letter)); });`;
const RULES =
  'add table inet t; add chain inet t f { type filter hook forward priority 0; }; add rule inet t f ct state invalid counter drop';

function program(netns: string, text: string): { child: ChildProcess; lines: string[] } {
  const child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', text], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout!.setEncoding('utf8').on('data', (said: string) => lines.push(...said.split('\n').filter(Boolean)));
  return { child, lines };
}

test('a connection stalled by incomplete tracking continues once tracking is relaxed', async (context) => {
  const directory = throwawayDirectory();
  const [client, router, server] = [throwawayNetns(directory), throwawayNetns(directory), throwawayNetns(directory)];
  for (const [host, address, link] of [
    [client, '10.0.1', 'toclient'],
    [server, '10.0.2', 'toserver'],
  ] as const) {
    const routes = RouteSocket.open(router);
    routes.addVeth({ name: link, peerName: 'eth0', peerNetns: host, up: true });
    routes.addAddress(link, `${address}.1/24`);
    routes.close();
    const inside = RouteSocket.open(host);
    inside.addAddress('eth0', `${address}.2/24`);
    inside.setLink('eth0', { up: true });
    inside.addRoute({ gateway: `${address}.1` });
    inside.close();
  }
  run(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  run(client, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/tcp_early_retrans; echo 0 > /proc/sys/net/ipv4/tcp_recovery');
  run(router, 'nft', RULES);
  const serving = program(server, SERVER);
  context.after(() => serving.child.kill());
  await eventually(() => serving.lines.includes('ready'));
  const asking = program(client, CLIENT);
  context.after(() => asking.child.kill());
  await eventually(() => asking.lines.includes('ready'));
  const arrived = (segments: number) => serving.lines.at(-1) === String(segments * SEGMENT);
  asking.child.stdin!.write('a\n');
  await eventually(() => arrived(1));

  run(router, 'nft', 'delete table inet t');
  run(router, 'ip', 'route', 'add', 'blackhole', '10.0.1.2/32');
  asking.child.stdin!.write('bcd\n');
  await eventually(() => arrived(4));
  run(router, 'nft', RULES);
  run(router, 'ip', 'route', 'del', 'blackhole', '10.0.1.2/32');
  // The first thing that tracking sees is the first of the three once more, and what acknowledges all of them.
  const invalid = () =>
    Number(/counter packets (\d+)/.exec(run(router, 'nft', 'list', 'chain', 'inet', 't', 'f'))?.[1]);
  await eventually(() => invalid() > 0);
  const stalled = serving.lines.at(-1);

  assert.equal(
    await relaxFlows({ where: ({ reply }) => reply.source === '10.0.2.9' }, router),
    0,
    'others are left alone',
  );
  assert.equal(await relaxFlows({ where: ({ reply }) => reply.source === '10.0.2.2' }, router), 1);
  const before = invalid();
  for (let round = 0; round < 3; round++) {
    asking.child.stdin!.write('f\n');
    await sleep(50);
  }
  await eventually(() => arrived(7));
  assert.equal(invalid(), before, `nothing is taken for invalid any more (it stood at ${stalled} bytes)`);
});

test('where nothing is tracked, nothing is relaxed', async () => {
  const netns = throwawayNetns(throwawayDirectory());
  assert.equal(await relaxFlows({}, netns), 0);
});
