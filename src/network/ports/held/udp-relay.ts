/** The same for datagrams: a socket for each client, forgotten when neither side has sent anything for a while. */
import { createSocket, type Socket } from 'node:dgram';
import { tryAgainLater } from '../../../base/again.ts';
import { AddressedSocket, arrivalOf, type AddressedDatagram } from '../../../kernel/addressed-socket.ts';
import { FdWatch } from '../../../kernel/fd-watch.ts';
import { closeFd, openUdpSocket } from '../../../kernel/socket.ts';
import type { TargetLookup } from './tcp-relay.ts';

const IDLE_MS = 60_000;
const MAX_CLIENTS = 2_048; // the eldest goes when one more comes
const AT_ONCE = 64; // datagrams, before others have their turn

interface Client {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
  /**
   * What came before the socket was connected: Node does that one turn of the event loop later, and takes nothing until
   * then.
   */
  waiting: Buffer[] | undefined;
}

/** Takes the port at once (KernelError EADDRINUSE if it is taken). `address` is an IPv6 one. */
export function relayUdp(address: string, port: number, target: TargetLookup): { close(): void } {
  const fd = openUdpSocket({ address, port });
  const clients = new Map<string, Client>();
  let watch: FdWatch | undefined;
  let closed = false;

  const drop = (key: string) => {
    const client = clients.get(key);
    if (!client) return;
    clearTimeout(client.timer);
    clients.delete(key);
    client.socket.close();
  };
  const pass = (front: AddressedSocket, { payload, from, at }: AddressedDatagram) => {
    // A client that sends to several addresses of the host is answered from each.
    const key = `${from.toString('hex')} ${at.toString('hex')}`;
    const known = clients.get(key);
    if (known) {
      known.timer.refresh();
      if (!known.waiting) known.socket.send(payload);
      else if (known.waiting.length < AT_ONCE) known.waiting.push(payload);
      return;
    }
    const goal = target(arrivalOf({ at }));
    if (!goal) return;
    if (clients.size >= MAX_CLIENTS) drop(clients.keys().next().value!);
    const socket = createSocket(goal.address.includes(':') ? 'udp6' : 'udp4');
    const client: Client = { socket, timer: setTimeout(() => drop(key), IDLE_MS).unref(), waiting: [payload] };
    clients.set(key, client);
    socket.on('error', () => drop(key));
    socket.on('message', (answer) => {
      client.timer.refresh();
      if (!closed) front.answer({ from, at }, answer);
    });
    // Node reports a failure here too, and then nowhere else.
    socket.connect(goal.port, goal.address, (error?: unknown) => {
      if (error) return drop(key);
      for (const early of client.waiting ?? []) socket.send(early);
      client.waiting = undefined;
    });
    socket.unref();
  };
  // Starting a container with a thousand ports does not wait for all of them to be watched.
  const serve = (): void => {
    if (closed) return;
    const front = new AddressedSocket(fd);
    watch = new FdWatch(fd, { readable: true }, () => {
      for (let count = 0; count < AT_ONCE; count++) {
        const datagram = receive(front);
        if (!datagram) return;
        pass(front, datagram);
      }
    }).unref();
  };
  setImmediate(() => {
    try {
      serve();
    } catch {
      tryAgainLater(serve, () => {}); // e.g. no memory: the kernel holds what comes until then
    }
  });
  return {
    close: () => {
      closed = true;
      watch?.close();
      closeFd(fd);
      for (const key of clients.keys()) drop(key); // a Map may lose what it has just given
    },
  };
}

/** An error that is read here was about an answer that could not be delivered: ignored. */
function receive(front: AddressedSocket): AddressedDatagram | undefined {
  try {
    return front.receive();
  } catch {
    return undefined;
  }
}
