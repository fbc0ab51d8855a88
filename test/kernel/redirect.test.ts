import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { createServer } from 'node:net';
import { spawn } from 'node:child_process';
import test from 'node:test';
import { writeResolverRedirect } from '../../src/kernel/nftables/redirect.ts';
import { openTcpListener, openUdpSocket } from '../../src/kernel/socket.ts';
import { existsSync, readFileSync } from 'node:fs';
import { runInNetns } from '../../src/kernel/netns.ts';
import { nft, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();
const ADDRESS = '127.0.0.11';

async function adopt(fd: number): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve));
  return socket;
}

function ask(socket: Socket, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to ${text}`)), 2000);
    socket.once('message', (message, from) => {
      clearTimeout(timer);
      resolve(`${message.toString()} from ${from.address}:${from.port}`);
    });
    socket.send(text, port, ADDRESS);
  });
}

test('the table is what nft would have written, written again it replaces itself', () => {
  const netns = throwawayNetns(directory);
  writeResolverRedirect(netns, { address: ADDRESS, udpPort: 40001, tcpPort: 40002 });
  writeResolverRedirect(netns, { address: ADDRESS, udpPort: 40003, tcpPort: 40004 });
  const text = run(netns, 'nft', 'list', 'ruleset');
  assert.equal(
    text,
    `table ip causeway-dns {
\tchain output {
\t\ttype filter hook output priority -350; policy accept;
\t\toif != "lo" accept
\t\tip daddr 127.0.0.11 udp dport 53 udp dport set 40003
\t\tip saddr 127.0.0.11 udp sport 40003 udp sport set 53
\t\tip daddr 127.0.0.11 tcp dport 53 tcp dport set 40004
\t\tip saddr 127.0.0.11 tcp sport 40004 tcp sport set 53
\t}
}
`,
  );
  const other = throwawayNetns(directory);
  run(other, 'nft', text);
  const withoutHandles = (list: unknown[]) =>
    JSON.stringify(list, (key, value: unknown) => (key === 'handle' ? undefined : value));
  assert.equal(withoutHandles(nft(netns, 'list', 'ruleset')), withoutHandles(nft(other, 'list', 'ruleset')));
});

test('queries to :53 reach the resolver, answers come from :53, over UDP and TCP, beside a server of the container’s own', async () => {
  const netns = throwawayNetns(directory);
  const resolverFd = openUdpSocket({ netns, address: ADDRESS, port: 0 });
  const resolver = await adopt(resolverFd);
  const own = await adopt(openUdpSocket({ netns, address: '0.0.0.0', port: 53 }));
  const tcpFd = openTcpListener({ netns, address: ADDRESS, port: 0 });
  const tcpServer = createServer((connection) => connection.end(`resolver saw ${connection.localAddress}`));
  await new Promise<void>((resolve) => tcpServer.listen({ fd: tcpFd }, resolve));
  const tcpPort = (tcpServer.address() as { port: number }).port;
  writeResolverRedirect(netns, { address: ADDRESS, udpPort: resolver.address().port, tcpPort });
  resolver.on('message', (message, from) => resolver.send(`resolver:${message.toString()}`, from.port, from.address));
  own.on('message', (message, from) => own.send(`own:${message.toString()}`, from.port, from.address));
  const client = await adopt(openUdpSocket({ netns, address: '127.0.0.1', port: 0 }));
  try {
    assert.equal(await ask(client, 53, 'x'), `resolver:x from ${ADDRESS}:53`);
    // As a stub resolver does it: connected, so that an answer from another port is not received at all.
    await new Promise<void>((resolve) => client.connect(53, ADDRESS, resolve));
    const answer = new Promise<string>((resolve) => client.once('message', (message) => resolve(message.toString())));
    client.send('y');
    assert.equal(await answer, 'resolver:y');
    const second = await adopt(openUdpSocket({ netns, address: '127.0.0.1', port: 0 }));
    const fromOwn = new Promise<string>((resolve) => second.once('message', (message) => resolve(message.toString())));
    second.send('z', 53, '127.0.0.1');
    assert.equal(await fromOwn, 'own:z');
    second.close();
    const script = `const s=require('net').connect(53,'${ADDRESS}');s.setEncoding('utf8');s.on('data',d=>process.stdout.write(d+' via '+s.remotePort))`;
    const child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', script]);
    let output = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) output += chunk as string;
    assert.equal(output, `resolver saw ${ADDRESS} via 53`);
    // No connection tracking was switched on by it.
    const counters = '/proc/thread-self/net/nf_conntrack';
    runInNetns(netns, () => existsSync(counters) && assert.equal(readFileSync(counters, 'utf8'), ''));
  } finally {
    for (const socket of [resolver, own, client]) socket.close();
    tcpServer.close();
  }
});
