/** The same for datagrams: a socket for each client, forgotten when neither side has said anything for a while. */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { closeFd, openUdpSocket } from '../../kernel/socket.ts';
import type { TargetLookup } from './tcp-relay.ts';

const IDLE_MS = 60_000;
const MAX_CLIENTS = 2_048; // the eldest goes when one more comes

interface Client {
  readonly socket: Socket;
  timer: NodeJS.Timeout;
}

/** Takes the port at once (KernelError EADDRINUSE if somebody has it). */
export function relayUdp(address: string, port: number, target: TargetLookup): { close(): void } {
  const fd = openUdpSocket({ address, port });
  const clients = new Map<string, Client>();
  let front: Socket | undefined;
  let closed = false;

  const drop = (key: string) => {
    const client = clients.get(key);
    if (!client) return;
    clearTimeout(client.timer);
    clients.delete(key);
    client.socket.close();
  };
  const receive = (message: Buffer, from: RemoteInfo) => {
    const key = `${from.address} ${from.port}`;
    const known = clients.get(key);
    if (known) {
      known.timer.refresh();
      known.socket.send(message);
      return;
    }
    const goal = target();
    if (!goal) return;
    if (clients.size >= MAX_CLIENTS) drop(clients.keys().next().value!);
    const socket = createSocket(goal.address.includes(':') ? 'udp6' : 'udp4');
    clients.set(key, { socket, timer: setTimeout(() => drop(key), IDLE_MS).unref() });
    socket.on('error', () => drop(key));
    socket.on('message', (answer) => {
      clients.get(key)?.timer.refresh();
      front?.send(answer, from.port, from.address);
    });
    socket.connect(goal.port, goal.address, () => socket.send(message));
    socket.unref();
  };
  setImmediate(() => {
    if (closed) return;
    front = createSocket({ type: 'udp6' });
    front.on('error', () => {});
    front.on('message', receive);
    front.bind({ fd });
    front.unref();
  });
  return {
    close: () => {
      closed = true;
      if (front) front.close();
      else closeFd(fd);
      for (const key of clients.keys()) drop(key); // a Map may lose what it has just given
    },
  };
}
