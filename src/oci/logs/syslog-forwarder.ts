/** syslog over unix sockets, UDP, TCP and TLS, in the forms that Docker's driver has. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { errorMessage } from '../../base/errors.ts';
import { readPemFile } from '../../kernel/host-file.ts';
import { leadToServed } from '../../kernel/silent-mounts.ts';
import { closeFd, connectDatagram, sendPacket } from '../../kernel/socket.ts';
import type { ForwardedPiece, Forwarder } from './forwarder.ts';
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
const SEND_MS = 10_000;
/** A server that could not be reached is asked again after so long; what comes meanwhile is given up, as Docker does. */
const AGAIN_MS = 1000;

/** It may be there, and takes nothing: another connection would not be better. */
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
  #closed = false;

  constructor(target: SyslogTarget, warn: (reason: string) => void) {
    this.#target = target;
    this.#warn = warn;
  }

  async send(pieces: readonly ForwardedPiece[]): Promise<void> {
    const messages = pieces.filter(({ text }) => text.length > 0).map((one) => syslogMessage(this.#target.form, one));
    for (const [index, message] of messages.entries()) {
      try {
        await this.#write(message);
      } catch (error) {
        return this.#giveUp(messages.length - index, error);
      }
    }
  }

  /** Once more where the connection that there was has been closed meanwhile. */
  async #write(message: Buffer): Promise<void> {
    const known = this.#channel;
    if (known) {
      try {
        return await known.write(message);
      } catch (error) {
        this.#disconnect();
        if (error instanceof NoAnswer || this.#isRefusal()) throw error;
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
    if (performance.now() < this.#notBefore) return; // that has been said
    this.#notBefore = performance.now() + AGAIN_MS;
    const { protocol, host, port } = this.#target;
    const place = port === 0 ? host || 'the syslog of this machine' : `${host}:${port}`;
    this.#warn(`${count} messages are given up: syslog ${protocol} ${place}: ${errorMessage(error)}`);
  }

  close(): void {
    this.#closed = true;
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
        ? connectTcp({ host, port })
        : connectTls({ host, port, ...tlsOptions(target) });
  return streamChannel(socket, protocol === 'tcp+tls' ? 'secureConnect' : 'connect');
}

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
      for (const until = performance.now() + SEND_MS; !sendPacket(fd, message);) {
        if (performance.now() > until) throw new NoAnswer();
        await new Promise((resolve) => setTimeout(resolve, 10));
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
  const socket: UdpSocket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('error', () => {}); // of one message: the next is tried
  socket.unref();
  return {
    write: (message) =>
      new Promise((resolve, reject) =>
        socket.send(message, port, host, (error) => (error ? reject(error) : resolve())),
      ),
    close: () => void socket.close(),
  };
}

async function streamChannel(socket: Socket, ready: 'connect' | 'secureConnect'): Promise<Channel> {
  let failure: Error | undefined;
  socket.on('error', (error) => (failure = error));
  socket.on('close', () => (failure ??= new Error('the connection was closed')));
  socket.resume(); // what it says is of no use
  await settled(socket, CONNECT_MS, (resolve) => socket.once(ready, resolve));
  return {
    async write(message) {
      if (failure) throw failure;
      await settled(socket, SEND_MS, (resolve) => socket.write(message, () => resolve()));
      if (failure) throw failure;
    },
    close: () => void socket.destroy(),
  };
}

/** @throws where the socket fails, or that takes too long: then the socket is gone */
function settled(socket: Socket, patienceMs: number, begin: (resolve: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => done(() => reject(error ?? new Error('the connection was closed')));
    const timer = setTimeout(() => {
      fail(new NoAnswer());
      socket.destroy();
    }, patienceMs);
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
