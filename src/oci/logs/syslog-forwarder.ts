/** syslog over unix sockets, UDP, TCP and TLS, in the forms that Docker's driver has. */
import { createSocket, type Socket as UdpSocket, type SocketOptions } from 'node:dgram';
import { connect as connectTcp, isIP, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorMessage } from '../../base/errors.ts';
import { readPemFile } from '../../kernel/host-file.ts';
import { leadToServed } from '../../kernel/silent-mounts.ts';
import { closeFd, connectDatagram, sendPacket } from '../../kernel/socket.ts';
import type { ForwardedPiece, Forwarder } from './forwarder.ts';
import { hostLookups, NoAddressInTime } from './host-lookup.ts';
import { syslogMessage, type SyslogForm } from './syslog-message.ts';

export interface SyslogTarget {
  readonly kind: 'syslog';
  /** local: the first of the places where a syslog of this machine listens. */
  readonly protocol: 'local' | 'unix' | 'unixgram' | 'udp' | 'tcp' | 'tcp+tls';
  readonly host: string; // or the path of the socket
  readonly port: number;
  readonly form: SyslogForm;
  readonly tls: {
    readonly caFile: string;
    readonly certificateFile: string;
    readonly keyFile: string;
    readonly skipVerify: boolean;
  };
}

const LOCAL_PLACES = ['/dev/log', '/var/run/syslog', '/var/run/log'];
const CONNECT_MS = 5000;
/** A server that is there and takes nothing for so long: that is told, and it is waited for. */
const STUCK_MS = 10_000;
/** A socket that cannot tell when it takes something is asked after so long, and then twice that, up to the second. */
const [FIRST_PAUSE_MS, MAX_PAUSE_MS] = [10, 250];
/** A server that could not be reached is asked again after so long; what comes meanwhile is given up, as Docker does. */
const AGAIN_MS = 1000;

/** It may be there, and does not answer. */
class NoAnswer extends Error {
  constructor() {
    super('no answer in time');
  }
}

interface Channel {
  write(message: Buffer): Promise<void>;
  close(): void;
}

export class SyslogForwarder implements Forwarder {
  readonly #target: SyslogTarget;
  readonly #warn: (reason: string) => void;
  #channel: Channel | undefined;
  #openedAt = 0;
  #notBefore = 0;
  #givenUp = 0;
  #isStuck = false;
  #closed = false;

  constructor(target: SyslogTarget, warn: (reason: string) => void) {
    this.#target = target;
    this.#warn = warn;
  }

  /** One that refuses, or is not there, costs messages, as with Docker; one that takes nothing is waited for. */
  async send(pieces: readonly ForwardedPiece[]): Promise<void> {
    const messages = pieces.filter(({ text }) => text.length > 0).map((one) => syslogMessage(this.#target.form, one));
    for (const [index, message] of messages.entries()) {
      try {
        await this.#writeWaiting(message);
      } catch (error) {
        return this.#giveUp(messages.length - index, error);
      }
    }
  }

  async #writeWaiting(message: Buffer): Promise<void> {
    const told = setTimeout(() => this.#tellStuck(), STUCK_MS).unref();
    try {
      for (;;) {
        try {
          await this.#write(message);
          this.#isStuck = false;
          return;
        } catch (error) {
          if (!(error instanceof NoAnswer || error instanceof NoAddressInTime) || this.#closed) throw error;
          await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
        }
      }
    } finally {
      clearTimeout(told);
    }
  }

  #tellStuck(): void {
    if (this.#isStuck) return;
    this.#isStuck = true;
    this.#warn(`${this.#place} takes nothing, and is waited for`);
  }

  /** Once more where the connection that there was has been closed meanwhile. */
  async #write(message: Buffer): Promise<void> {
    const known = this.#channel;
    if (known) {
      try {
        return await known.write(message);
      } catch (error) {
        this.#disconnect();
        if (this.#isRefusal()) throw error;
      }
    }
    if (this.#closed) throw notWanted();
    if (performance.now() < this.#notBefore) throw new Error('it could not be reached a moment ago');
    const channel = await openChannel(this.#target);
    if (this.#closed) {
      channel.close();
      throw notWanted();
    }
    this.#channel = channel;
    this.#openedAt = performance.now();
    await channel.write(message);
  }

  /**
   * TLS 1.3: a server that wants another certificate says so after the client has sent its first message. Without a word
   * each message would be lost on a connection of its own.
   */
  #isRefusal(): boolean {
    return this.#target.protocol === 'tcp+tls' && performance.now() - this.#openedAt < AGAIN_MS;
  }

  #giveUp(count: number, error: unknown): void {
    this.#disconnect();
    if (this.#closed) return;
    this.#givenUp += count;
    if (performance.now() < this.#notBefore) return; // told with the next ones, or at the end
    this.#notBefore = performance.now() + AGAIN_MS;
    this.#tellGivenUp(errorMessage(error));
  }

  #tellGivenUp(reason: string): void {
    this.#warn(`${this.#givenUp} messages are given up: ${this.#place}: ${reason}`);
    this.#givenUp = 0;
  }

  get #place(): string {
    const { protocol, host, port } = this.#target;
    return `syslog ${protocol} ${port === 0 ? host || 'the syslog of this machine' : `${host}:${port}`}`;
  }

  close(): void {
    this.#closed = true;
    if (this.#givenUp > 0) this.#tellGivenUp('it could not be reached');
    this.#disconnect();
  }

  #disconnect(): void {
    this.#channel?.close();
    this.#channel = undefined;
  }
}

const notWanted = (): Error => new Error('it is not wanted any more');

async function openChannel(target: SyslogTarget): Promise<Channel> {
  const { protocol, host, port } = target;
  refuseServed(target);
  if (protocol === 'udp') return udpChannel(host, port);
  if (protocol === 'unixgram') return datagramChannel(host);
  if (protocol === 'local') return localChannel();
  const socket =
    protocol === 'unix'
      ? connectTcp({ path: host })
      : protocol === 'tcp'
        ? connectTcp({ host, port, lookup })
        : connectTls({ host, port, lookup, ...tlsOptions(target) });
  return streamChannel(socket, protocol === 'tcp+tls' ? 'secureConnect' : 'connect');
}

const lookup: LookupFunction = (name, options, done) => {
  hostLookups.addressesOf(name).then(
    (addresses) => {
      const [first] = addresses;
      if (options.all) done(null, [...addresses]);
      else done(null, first!.address, first!.family);
    },
    (error: NodeJS.ErrnoException) => done(error, []),
  );
};

/** One that is silent would hold this thread for good, and the logs of all containers with it. @throws Error */
function refuseServed({ protocol, host, tls }: SyslogTarget): void {
  const isLocal = protocol === 'unix' || protocol === 'unixgram';
  const files = [tls.caFile, tls.certificateFile, tls.keyFile].filter((path) => path !== '');
  const paths = isLocal ? [host] : protocol === 'tcp+tls' ? files : [];
  const served = paths.find((path) => leadToServed([path]));
  if (served !== undefined)
    throw new Error(`${served} is in a file system that another program or host serves: logs do not depend on these`);
}

function tlsOptions({ host, tls }: SyslogTarget): object {
  const file = (path: string) => (path === '' ? undefined : readPemFile(path));
  return {
    servername: /^[\d.]+$|:/.test(host) ? '' : host,
    ca: file(tls.caFile),
    cert: file(tls.certificateFile),
    key: file(tls.keyFile),
    rejectUnauthorized: !tls.skipVerify,
  };
}

function localChannel(): Channel | Promise<Channel> {
  for (const path of LOCAL_PLACES) {
    try {
      return datagramChannel(path);
    } catch {
      // the next one
    }
  }
  throw new Error('there is none');
}

function datagramChannel(path: string): Channel {
  const fd = connectDatagram(path);
  let closed = false; // its number may be another socket's then
  return {
    async write(message) {
      for (let pauseMs = FIRST_PAUSE_MS; !sendPacket(fd, message); pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        if (closed) throw notWanted();
      }
    },
    close() {
      closed = true;
      closeFd(fd);
    },
  };
}

function udpChannel(host: string, port: number): Channel {
  const sockets = new Map<number, UdpSocket>(); // by family: a name may have addresses of both, one after the other
  const socketOf = (family: number): UdpSocket => {
    const known = sockets.get(family);
    if (known) return known;
    const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', lookup: noLookup as SocketOptions['lookup'] });
    socket.on('error', () => {}); // of one message: the next is tried
    socket.unref();
    sockets.set(family, socket);
    return socket;
  };
  let closed = false;
  return {
    async write(message) {
      const [to] = await hostLookups.addressesOf(host);
      if (closed) throw notWanted();
      if (!to) throw new Error(`${host} has no address`);
      await new Promise<void>((resolve, reject) =>
        socketOf(to.family).send(message, port, to.address, (error) => (error ? reject(error) : resolve())),
      );
    },
    close() {
      closed = true;
      for (const socket of sockets.values()) socket.close();
    },
  };
}

/** It is given addresses only; the system's look-up would take a turn of a thread for each message. */
const noLookup: LookupFunction = (address, _options, done) => done(null, address, isIP(address));

async function streamChannel(socket: Socket, ready: 'connect' | 'secureConnect'): Promise<Channel> {
  let failure: Error | undefined;
  socket.on('error', (error) => (failure = error));
  socket.on('close', () => (failure ??= new Error('the connection was closed')));
  socket.resume(); // what it says is of no use
  await settled(socket, CONNECT_MS, (resolve) => socket.once(ready, resolve));
  return {
    async write(message) {
      if (failure) throw failure;
      await settled(socket, Infinity, (resolve) => socket.write(message, () => resolve()));
      if (failure) throw failure;
    },
    close: () => void socket.destroy(),
  };
}

/** `patienceMs`: Infinity where it may take any time. @throws where the socket fails, or that takes too long: then it is gone */
function settled(socket: Socket, patienceMs: number, begin: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => done(() => reject(error ?? new Error('the connection was closed')));
    const expired = () => {
      fail(new NoAnswer());
      socket.destroy();
    };
    const timer = patienceMs === Infinity ? undefined : setTimeout(expired, patienceMs);
    const done = (settle: () => void) => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.off('close', closed);
      settle();
    };
    const closed = () => fail();
    socket.once('error', fail).once('close', closed);
    begin(() => done(resolve));
  });
}
