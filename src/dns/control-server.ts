/** The resolver's end of the control socket. Root alone may connect: the socket's mode is 0600. */
import { chmodSync, lstatSync, renameSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { errorMessage } from '../base/errors.ts';
import {
  CONTROL_PROTOCOL,
  lineReader,
  type ApplyResult,
  type ControlReply,
  type ControlRequest,
  type ResolverIdentity,
} from './control-protocol.ts';
import type { ChangeFailure, HandOver, Resolver } from './resolver.ts';
import type { ResolverChange } from '../base/dns-zone.ts';

export interface ControlServerOptions {
  readonly path: string;
  readonly resolver: Resolver;
  readonly version: string;
  /** Called after the reply to `quit` is sent. */
  readonly quit: () => void;
  /** Goes on with sockets of another process; throws if it cannot. */
  readonly inherit: (state: HandOver) => void;
  /** Called when another process has taken over. */
  readonly released: () => void;
}

export class ControlServer {
  readonly #options: ControlServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  readonly #daemons = new Set<Socket>();
  readonly #startedAt = new Date().toISOString();
  #inode = 0;
  #release: () => void = () => {};

  private constructor(options: ControlServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Resolves to undefined if another resolver already answers at the path; a socket without a listener is replaced. */
  static async listen(options: ControlServerOptions & { replace?: boolean }): Promise<ControlServer | undefined> {
    if (!options.replace && (await answers(options.path))) return undefined;
    const control = new ControlServer(options);
    // Bound under another name and moved into place: a daemon that looks sees the old socket or the new one.
    const fresh = `${options.path}.${process.pid}`;
    rmSync(fresh, { force: true });
    await new Promise<void>((resolve, reject) => {
      control.#server.once('error', reject);
      control.#server.listen(fresh, () => resolve());
    });
    chmodSync(fresh, 0o600);
    renameSync(fresh, options.path);
    control.#inode = lstatSync(options.path).ino;
    return control;
  }

  get daemonIsHere(): boolean {
    return this.#daemons.size > 0;
  }

  /** False when the socket was removed or replaced: no daemon could find this process again. */
  get canBeFound(): boolean {
    try {
      return lstatSync(this.#options.path).ino === this.#inode;
    } catch {
      return false;
    }
  }

  close(): void {
    if (this.canBeFound) rmSync(this.#options.path, { force: true });
    this.#server.close();
    for (const socket of this.#connections) socket.end();
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket);
    const cleanups: (() => void)[] = [];
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      this.#connections.delete(socket);
      this.#daemons.delete(socket);
      for (const cleanup of cleanups) cleanup();
    });
    const send = (reply: ControlReply): void => {
      if (!socket.destroyed) socket.write(`${JSON.stringify(reply)}\n`);
    };
    socket.on(
      'data',
      lineReader((line) => {
        let id = 0;
        try {
          const request = JSON.parse(line) as ControlRequest & { id: number };
          id = request.id;
          send({ id, result: this.#handle(request, socket, send, cleanups) });
        } catch (error) {
          send({ id, error: errorMessage(error) });
        }
      }),
    );
  }

  #handle(
    request: ControlRequest,
    socket: Socket,
    send: (reply: ControlReply) => void,
    cleanups: (() => void)[],
  ): unknown {
    const { resolver } = this.#options;
    switch (request.op) {
      case 'hello':
        return this.#identity();
      case 'attach':
        this.#daemons.add(socket);
        return this.#identity();
      case 'apply':
        return applied(resolver, request.changes, resolver.apply(request.changes));
      case 'replace-all':
        return applied(resolver, request.changes, resolver.replaceAll(request.changes));
      case 'inherit':
        this.#options.inherit(request.state);
        return {};
      case 'dump':
        return resolver.dump({ network: request.network, sandbox: request.sandbox });
      case 'follow':
        cleanups.push(
          resolver.followQueries(request.sandbox, (event) => {
            // A follower that does not keep up misses events; it does not fill the resolver's memory.
            if (socket.writableLength < 1 << 20) send({ event });
          }),
        );
        return {};
      case 'hand-over': {
        let released = false;
        this.#release = () => (released = true);
        cleanups.push(() => {
          if (!released) resolver.resume();
        });
        return resolver.handOver();
      }
      case 'release':
        this.#release();
        setImmediate(this.#options.released);
        return {};
      case 'quit':
        setImmediate(this.#options.quit);
        return {};
      default:
        throw new Error(`unknown request ${String((request as { op: unknown }).op)}`);
    }
  }

  #identity(): ResolverIdentity {
    const { resolver, version } = this.#options;
    return {
      protocol: CONTROL_PROTOCOL,
      pid: process.pid,
      version,
      startedAt: this.#startedAt,
      networks: resolver.networkCount,
      sandboxes: resolver.sandboxCount,
    };
  }
}

function applied(
  resolver: Resolver,
  changes: readonly ResolverChange[],
  failures: readonly ChangeFailure[],
): ApplyResult {
  const put = changes.flatMap((change) => (change.op === 'put-sandbox' ? [change.view.id] : []));
  return { failures, sockets: resolver.socketsOf(put) };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
