import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { DatagramBatch } from '../../src/kernel/datagram.ts';
import { isKernelError } from '../../src/kernel/errors.ts';
import { HangupWatch } from '../../src/kernel/hangup-watch.ts';
import { drainEventfd, openEventfd, Poller, signalEventfd } from '../../src/kernel/poller.ts';
import { portHolder } from '../../src/kernel/port-holder.ts';
import {
  closeFd,
  connectSeqpacket,
  connectUdpSocket,
  holdPort,
  localName,
  localPort,
  openTcpListener,
  openUdpSocket,
  recvPacket,
  sendPacket,
} from '../../src/kernel/socket.ts';
import { inetSockaddr } from '../../src/kernel/socket-address.ts';
import { watchReadable } from '../../src/kernel/fd-watch.ts';
import { eventually, run, throwawayDirectory, throwawayNetns } from './throwaway.ts';

const directory = throwawayDirectory();
const taken = (error: unknown) => isKernelError(error, 'EADDRINUSE');

test('a UDP socket belongs to the namespace it was opened in; Node adopts it', async () => {
  const netns = throwawayNetns(directory);
  const fd = openUdpSocket({ netns, address: '127.0.0.1', port: 0, receiveBufferBytes: 1 << 20 });
  const port = localPort(fd);
  assert.ok(port > 0);
  assert.equal(localName(fd).address, '127.0.0.1');
  assert.match(run(netns, 'ss', '-Hlnu'), new RegExp(`127\\.0\\.0\\.1:${port}\\b`));
  assert.throws(() => openUdpSocket({ netns, address: '127.0.0.1', port }), taken);
  assert.throws(
    () => openUdpSocket({ netns, address: '192.0.2.1', port: 0 }),
    (error) => isKernelError(error, 'EADDRNOTAVAIL'),
  );
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind({ fd }, resolve));
  socket.on('message', (message, from) => socket.send(`<${message.toString()}>`, from.port));
  const client = openUdpSocket({ netns, address: '127.0.0.1', port: 0 });
  const batch = new DatagramBatch({ slots: 4 });
  batch.queueTo(0, Buffer.from('hi'), inetSockaddr('127.0.0.1', port));
  assert.equal(batch.send(client), 1);
  await eventually(() => batch.recv(client) > 0);
  assert.equal(batch.packet(0).buffer.toString('utf8', 0, batch.length(0)), '<hi>');
  socket.close();
  closeFd(client);
});

test('a UDP socket hears one peer, also one that is on a link, and what keeps it from reaching it', async () => {
  const netns = throwawayNetns(directory);
  run(netns, 'ip', 'link', 'add', 'near', 'type', 'veth', 'peer', 'name', 'far');
  run(netns, 'ip', 'link', 'set', 'far', 'up');
  run(netns, 'ip', 'address', 'add', 'fe80::7/64', 'dev', 'near', 'nodad');
  run(netns, 'ip', 'address', 'add', '192.0.2.1/24', 'dev', 'near');
  run(netns, 'ip', 'link', 'set', 'near', 'up');
  run(netns, 'ip', 'address', 'add', 'fe80::8/64', 'dev', 'far', 'nodad');
  const index = run(netns, 'cat', '/proc/net/if_inet6').match(/^fe8\S*7 (\S+)/m)![1]!;
  const server = openUdpSocket({ netns, address: '::', port: 0 });
  for (const zone of ['near', String(Number.parseInt(index, 16))]) {
    const fd = connectUdpSocket({ netns, address: `fe80::7%${zone}`, port: localPort(server) });
    sendPacket(fd, Buffer.from(zone));
    const bytes = Buffer.alloc(64);
    await eventually(() => recvPacket(server, bytes) !== undefined);
    assert.equal(bytes.toString('utf8', 0, zone.length), zone);
    closeFd(fd);
  }
  for (const zone of ['nowhere', '', '0', '99999999999'])
    assert.throws(
      () => connectUdpSocket({ netns, address: `fe80::7%${zone}`, port: 53 }),
      (error) => isKernelError(error, 'ENODEV'),
    );
  assert.throws(
    () => connectUdpSocket({ netns, address: '198.51.100.1', port: 53 }),
    (error) => isKernelError(error, 'ENETUNREACH'),
  );
  closeFd(server);
});

test('a TCP listener inside serves through Node', async () => {
  const netns = throwawayNetns(directory);
  const fd = openTcpListener({ netns, address: '::1', port: 0 });
  const server = createServer((connection) => connection.end('served'));
  await new Promise<void>((resolve) => server.listen({ fd }, resolve));
  const { port } = server.address() as { port: number };
  assert.throws(() => openTcpListener({ netns, address: '::1', port }), taken);
  const outside = connect(port, '::1');
  const [error] = (await once(outside, 'error')) as [NodeJS.ErrnoException];
  assert.equal(error.code, 'ECONNREFUSED'); // not out here
  server.close();
});

test('a held port is taken for every program, and no connection to it is served', async () => {
  const netns = throwawayNetns(directory);
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const address of ['0.0.0.0', '127.0.0.1', '::', '::1']) {
      const fd = holdPort({ netns, protocol, address, port: 8080 });
      assert.match(run(netns, 'ss', '-Hln', `-${protocol[0]}`), /:8080/);
      assert.throws(() => holdPort({ netns, protocol, address, port: 8080 }), taken);
      const wildcard = address.includes(':') ? '::' : '0.0.0.0';
      if (protocol === 'tcp') assert.throws(() => openTcpListener({ netns, address: wildcard, port: 8080 }), taken);
      assert.throws(() => openUdpOrTcp(protocol, netns, wildcard), taken);
      closeFd(fd);
    }
  }
  const v4 = holdPort({ netns, protocol: 'tcp', address: '0.0.0.0', port: 81 });
  const v6 = holdPort({ netns, protocol: 'tcp', address: '::', port: 81 }); // beside it
  // A client is neither accepted nor refused.
  const script = `const s=require('net').connect(81,'127.0.0.1');for(const e of ['connect','error'])s.on(e,()=>{console.log(e);process.exit()});setTimeout(()=>{console.log('nothing');process.exit()},300)`;
  assert.equal(run(netns, process.execPath, '-e', script).trim(), 'nothing');
  const udp = holdPort({ netns, protocol: 'udp', address: '0.0.0.0', port: 82 });
  const batch = new DatagramBatch({ slots: 1 });
  const sender = openUdpSocket({ netns, address: '127.0.0.1', port: 0 });
  for (let index = 0; index < 50; index++) {
    batch.queueTo(0, Buffer.alloc(1000), inetSockaddr('127.0.0.1', 82));
    assert.equal(batch.send(sender), 1);
  }
  assert.equal(batch.recv(udp), 0, 'nothing is kept');
  for (const fd of [v4, v6, udp, sender]) closeFd(fd);
  closeFd(holdPort({ netns, protocol: 'sctp', address: '0.0.0.0', port: 83 })); // with or without SCTP in the kernel
});

function openUdpOrTcp(protocol: 'tcp' | 'udp', netns: string, address: string): void {
  closeFd(
    protocol === 'udp'
      ? openUdpSocket({ netns, address, port: 8080, reuseAddress: true })
      : openTcpListener({ netns, address, port: 8080 }),
  );
}

test('a port with connections of its last owner in TIME_WAIT can be held', () => {
  const netns = throwawayNetns(directory);
  const script = `const n=require('net');const s=n.createServer(c=>c.end('x'));s.listen(84,'127.0.0.1',()=>{const c=n.connect(84,'127.0.0.1');c.resume();c.on('close',()=>s.close())})`;
  run(netns, process.execPath, '-e', script);
  closeFd(holdPort({ netns, protocol: 'tcp', address: '0.0.0.0', port: 84 }));
});

test('the holder of a port', () => {
  const netns = throwawayNetns(directory);
  assert.equal(portHolder({ netns, protocol: 'tcp', port: 85 }), undefined);
  const tcp = openTcpListener({ netns, address: '127.0.0.1', port: 85 });
  const udp = openUdpSocket({ netns, address: '::', port: 86 });
  assert.equal(portHolder({ netns, protocol: 'tcp', port: 85 })?.pid, process.pid);
  assert.deepEqual(portHolder({ netns, protocol: 'udp', port: 86 }), { pid: process.pid, program: 'node' });
  assert.equal(portHolder({ netns, protocol: 'udp', port: 85 }), undefined);
  assert.equal(portHolder({ netns, protocol: 'sctp', port: 85 }), undefined);
  assert.equal(
    portHolder({ protocol: 'tcp', port: 85 })?.pid === process.pid,
    false,
    'another namespace is another matter',
  );
  closeFd(tcp);
  closeFd(udp);
});

test('of several holders of a port the conflicting one is named; one with only a connection last', async () => {
  const netns = throwawayNetns(directory);
  const own = openTcpListener({ netns, address: '127.0.0.1', port: 85 });
  const program = `use IO::Socket::INET; my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.2', LocalPort => 85, Listen => 1) or die;
    my $c = IO::Socket::INET->new(PeerAddr => '127.0.0.1:85', LocalPort => 88) or die; $| = 1; print 'ready'; sleep 60`;
  const other = spawn('nsenter', [`--net=${netns}`, 'perl', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await once(other.stdout, 'data');
    const pidOf = (address: string, port: number) => portHolder({ netns, protocol: 'tcp', address, port })?.pid;
    assert.deepEqual([pidOf('127.0.0.1', 85), pidOf('127.0.0.2', 85)], [process.pid, other.pid]);
    assert.throws(() => holdPort({ netns, protocol: 'tcp', address: '0.0.0.0', port: 88 }), taken);
    assert.equal(pidOf('0.0.0.0', 88), other.pid);
  } finally {
    other.kill('SIGKILL');
    closeFd(own);
  }
});

test('datagrams in batches: received, answered in place, sent in one call', () => {
  const netns = throwawayNetns(directory);
  for (const address of ['127.0.0.1', '::1']) {
    const server = openUdpSocket({ netns, address, port: 0 });
    const client = openUdpSocket({ netns, address, port: 0 });
    const to = inetSockaddr(address, localPort(server));
    const out = new DatagramBatch({ slots: 40, slotBytes: 64 });
    const at = new DatagramBatch({ slots: 16, slotBytes: 64 });
    assert.equal(at.recv(server), 0);
    for (let index = 0; index < 40; index++) out.queueTo(index, Buffer.from(`query ${index}`), to);
    assert.equal(out.queued, 40);
    assert.equal(out.send(client), 40);
    const answers: string[] = [];
    let received = 0;
    for (let count = at.recv(server); count > 0; count = at.recv(server)) {
      received += count;
      for (let slot = 0; slot < count; slot++) {
        const { buffer, length, truncated } = at.packet(slot);
        assert.equal(truncated, false);
        assert.deepEqual(at.source(slot), { address, port: localPort(client) });
        assert.deepEqual(at.sourceBytes(slot), inetSockaddr(address, localPort(client)));
        const size = buffer.write(`answer to ${buffer.toString('utf8', 6, length)}`);
        at.queueReply(slot, size);
      }
      assert.equal(at.send(server), count);
    }
    assert.equal(received, 40);
    for (let count = out.recv(client); count > 0; count = out.recv(client)) {
      for (let slot = 0; slot < count; slot++)
        answers.push(out.packet(slot).buffer.toString('utf8', 0, out.length(slot)));
    }
    assert.deepEqual(
      answers,
      Array.from({ length: 40 }, (_, index) => `answer to ${index}`),
    );
    out.queueTo(0, Buffer.alloc(60), to);
    assert.equal(out.send(client), 1);
    const small = new DatagramBatch({ slots: 1, slotBytes: 32 });
    assert.equal(small.recv(server), 1);
    assert.deepEqual([small.packet(0).truncated, small.length(0)], [true, 32]);
    assert.throws(() => small.queueTo(0, Buffer.alloc(33), to), RangeError);
    closeFd(server);
    // Nobody there: dropped, and neither call fails then or later.
    out.queueTo(0, Buffer.from('x'), to);
    out.queueTo(1, Buffer.from('y'), to);
    out.send(client);
    assert.equal(out.recv(client), 0);
    closeFd(client);
    assert.throws(
      () => out.recv(client),
      (error) => isKernelError(error, 'EBADF'),
    );
  }
});

test('a poller reports which descriptors are readable, blocking or from the event loop', async () => {
  const netns = throwawayNetns(directory);
  const fds = Array.from({ length: 20 }, () => openUdpSocket({ netns, address: '127.0.0.1', port: 0 }));
  const poller = new Poller();
  for (const fd of fds) poller.add(fd);
  assert.throws(
    () => poller.add(fds[0]!),
    (error) => isKernelError(error, 'EEXIST'),
  );
  assert.deepEqual(poller.wait(0), []);
  const batch = new DatagramBatch({ slots: 2 });
  const tell = (from: number, to: number) => {
    batch.queueTo(0, Buffer.from('x'), inetSockaddr('127.0.0.1', localPort(fds[to]!)));
    batch.send(fds[from]!);
  };
  tell(0, 3);
  tell(0, 7);
  assert.deepEqual(poller.wait(1000).sort(), [fds[3]!, fds[7]!].sort());
  batch.recv(fds[3]!);
  poller.remove(fds[7]!);
  assert.deepEqual(poller.wait(0), []);
  const seen: number[] = [];
  poller.watch((ready) => {
    seen.push(...ready);
    for (const fd of ready) batch.recv(fd);
  });
  tell(1, 2);
  await eventually(() => seen.length > 0);
  tell(1, 4);
  await eventually(() => seen.length > 1);
  assert.deepEqual(seen, [fds[2], fds[4]]);
  poller.close();
  for (const fd of fds) closeFd(fd);
});

test('an eventfd wakes', async () => {
  const fd = openEventfd();
  let woken = 0;
  const watch = watchReadable(fd, () => drainEventfd(fd) && woken++);
  signalEventfd(fd);
  signalEventfd(fd);
  await eventually(() => woken > 0);
  assert.equal(drainEventfd(fd), false);
  watch.close();
  watch.close();
  signalEventfd(fd);
  let others = 0;
  const other = watchReadable(fd, () => drainEventfd(fd) && others++);
  await eventually(() => others > 0);
  assert.equal(woken, 1, 'one that is closed is not woken by what wakes another');
  other.close();
  closeFd(fd);
});

test('seqpacket: packets keep their borders, to the end', async () => {
  const path = join(directory, 'seq');
  const server = `import socket,os\ns=socket.socket(socket.AF_UNIX,socket.SOCK_SEQPACKET);s.bind('${path}');s.listen()\nprint('up',flush=True)\nc,_=s.accept()\nc.send(b'one');c.send(b'three');print(c.recv(100));c.close()`;
  let python: ReturnType<typeof execFileSync> | undefined;
  try {
    python = execFileSync('python3', ['--version']);
  } catch {
    return; // no program here that speaks it
  }
  assert.ok(python);
  const { spawn } = await import('node:child_process');
  const child = spawn('python3', ['-c', server], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const fd = connectSeqpacket(path);
  const buffer = Buffer.alloc(100);
  assert.equal(await eventually(() => recvPacket(fd, buffer)), 3);
  assert.equal(await eventually(() => recvPacket(fd, buffer)), 5);
  assert.equal(recvPacket(fd, buffer), undefined);
  assert.equal(sendPacket(fd, Buffer.from('reply')), true);
  await once(child, 'close');
  assert.equal(recvPacket(fd, buffer), 0);
  closeFd(fd);
  assert.throws(
    () => connectSeqpacket(join(directory, 'nobody')),
    (error) => isKernelError(error, 'ENOENT'),
  );
  assert.throws(
    () => connectSeqpacket(join(directory, 'x'.repeat(108))),
    (error) => isKernelError(error, 'ENAMETOOLONG'),
  );
});

test('a connection that the other side has closed is told from one that it has half closed', async (t) => {
  const path = join(directory, 'hangup');
  const server = createServer({ allowHalfOpen: true }).listen(path);
  t.after(() => server.close());
  const watch = new HangupWatch();
  t.after(() => watch.close());
  const descriptors = new Set<number>();
  const told: number[] = [];
  for (let round = 0; round < 3; round++) {
    const clients: Socket[] = [];
    const sockets: Socket[] = [];
    for (let one = 0; one < 3; one++) {
      clients.push(connect({ path, allowHalfOpen: true }));
      const [socket] = (await once(server, 'connection')) as [Socket];
      sockets.push(socket.resume());
    }
    const [half, whole, unwatched] = clients as [Socket, Socket, Socket];
    const forget = sockets.map((socket, index) => {
      const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
      descriptors.add(fd);
      return watch.add(fd, () => told.push(index));
    });
    forget[2]!();
    const ended = once(sockets[0]!, 'end');
    half.end();
    await ended;
    unwatched.destroy();
    whole.destroy();
    await eventually(() => told.length > round);
    assert.deepEqual(told, Array(round + 1).fill(1));
    sockets[0]!.write('still read');
    const [data] = (await once(half, 'data')) as [Buffer];
    assert.equal(data.toString(), 'still read');
    // What ends after the descriptor was closed, perhaps when its number is another's, takes nothing from that one.
    for (const socket of sockets) {
      const closed = socket.closed ? undefined : once(socket, 'close');
      socket.destroy();
      await closed;
    }
    half.destroy();
    forget.forEach((end) => end());
  }
  assert.ok(descriptors.size < 9, 'numbers of descriptors came again');
});
