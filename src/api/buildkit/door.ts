/**
 * BuildKit's doors: on `/session` a client opens a connection for the engine to call it back, on `/grpc` it calls the engine.
 * Both are upgrades to HTTP/2.
 */
import { Duplex } from 'node:stream';
import type { Call } from '../call.ts';
import { decode, encode } from '../../wire/protobuf.ts';
import { rpcStatus } from '../../wire/buildkit/rpc-status.ts';
import { bytesMessage } from '../../wire/buildkit/session.ts';
import { errorKind, errorMessage } from '../../base/errors.ts';
import type { BuildClient } from '../../model/build-client.ts';
import { systemClock } from '../../base/clock.ts';
import { expectHijack, takeOver } from '../hijack.ts';
import type { TakenConnection } from '../end-connection.ts';
import { streamOf } from '../grpc/connection-stream.ts';
import type { OneCallOrder } from '../map/one-call-order.ts';
import { GrpcClient } from '../grpc/grpc-client.ts';
import { serveGrpc, type GrpcCall, type GrpcMethod } from '../../base/grpc/grpc-server.ts';
import { bridgeMethods, solveAlone, type BridgeNeeds } from './bridge-service.ts';
import { explainBuild } from './build-errors.ts';
import { BuildSession } from './build-session.ts';
import { ControlBuilds } from './control-builds.ts';
import { controlMethods } from './control-service.ts';
import { OneCallBuilds } from './one-call-builds.ts';
import { Sessions } from './sessions.ts';

/** One to each API: its sessions and the builds that clients speak of. */
export class BuildkitDoor {
  readonly #sessions = new Sessions();
  readonly #builds = new ControlBuilds(() => systemClock.now());
  readonly #oneCalls = new OneCallBuilds();

  async session(call: Call): Promise<void> {
    const { headers } = call.request;
    this.#sessions.check(oneOf(headers, 'uuid'));
    const connection = upgrade(call);
    await connection.headTaken();
    if (!connection.socket.destroyed) await this.#openSession(headers, GrpcClient.on(connection));
  }

  /** Of that session, which may be about to be opened. @throws unavailable */
  client(name: string, signal: AbortSignal): Promise<BuildClient> {
    return this.#sessions.get(name, signal);
  }

  async #openSession(headers: Headers, client: GrpcClient): Promise<void> {
    const methods = allOf(headers, 'grpc-method');
    const key = oneOf(headers, 'sharedkey').slice(0, MAX_KEY_CHARS);
    try {
      this.#sessions.add(oneOf(headers, 'uuid'), new BuildSession(client, key, methods));
    } catch (error) {
      client.close();
      throw error;
    }
    await client.ended;
  }

  /** A session inside of a call: its messages carry the bytes of a connection. */
  async #sessionInCall(call: GrpcCall): Promise<void> {
    this.#sessions.check(oneOf(call.headers, 'uuid'));
    const stream = Duplex.from({
      readable: async function* () {
        for await (const message of call.messages) yield Buffer.from(decode(bytesMessage, message).data);
      },
      writable: async (pieces: AsyncIterable<Buffer>) => {
        for await (const data of pieces) await call.send(encode(bytesMessage, { data }));
      },
    });
    call.signal.addEventListener('abort', () => stream.destroy(), { once: true });
    await this.#openSession(call.headers, new GrpcClient(stream));
  }

  async grpc(call: Call): Promise<void> {
    const explain = explainBuild(call.options.explain ?? errorMessage);
    const connection = upgrade(call);
    await connection.headTaken();
    await serveGrpc(streamOf(connection), {
      methods: this.#methods(call, explain),
      explain,
      encodeStatus: (status) => encode(rpcStatus, status),
      failed: (path, error) => {
        if (errorKind(error) === 'system') call.log.warn({ path, error: errorMessage(error) }, 'a call of gRPC failed');
      },
    });
  }

  /** POST /build?version=2. */
  async oneCall(call: Call, order: OneCallOrder): Promise<void> {
    await this.#oneCalls.build(call, order, this.#needs(call, explainBuild(call.options.explain ?? errorMessage)));
  }

  cancel(id: string): void {
    this.#oneCalls.cancel(id);
  }

  #needs({ backend, options: { version } }: Call, explain: (error: unknown) => string): BridgeNeeds {
    return { backend, builds: this.#builds, sessions: this.#sessions, version, explain };
  }

  #methods(call: Call, explain: (error: unknown) => string): ReadonlyMap<string, GrpcMethod> {
    const needs = this.#needs(call, explain);
    const { backend, version } = needs;
    return new Map<string, GrpcMethod>([
      ['/moby.buildkit.v1.Control/Session', (one) => this.#sessionInCall(one)],
      ...controlMethods({
        backend,
        builds: this.#builds,
        version,
        solve: (build, request) => solveAlone(needs, build, request),
      }),
      ...bridgeMethods(needs),
    ]);
  }
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const MAX_KEY_CHARS = 1000;

function allOf(headers: Headers, name: string): string[] {
  const value = headers[`x-docker-expose-session-${name}`] ?? [];
  return (Array.isArray(value) ? value : value.split(',')).map((one) => one.trim());
}

const oneOf = (headers: Headers, name: string): string => allOf(headers, name)[0] ?? '';

function upgrade(call: Call): TakenConnection {
  expectHijack(call);
  return takeOver(call, 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
}
