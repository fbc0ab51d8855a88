/**
 * Sends one container's unknown names to its servers: in their order, 4 s each, on to the next after silence, SERVFAIL
 * or REFUSED, and at once after any error of the kernel's, which also puts the server behind the others for a while; an
 * answer that was cut is fetched again over TCP. Everything else is passed back as the server sent it.
 *
 * Containers start their questions in turn, and each has bounds of its own: what a container asks beyond them waits, in
 * its own queue, and what finds the queue full or waits too long is answered SERVFAIL. So one that asks without end
 * hurts itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicMs } from '../base/clock.ts';
import { Flag, ResponseCode } from './constants.ts';
import type { LineLog } from './log.ts';
import type { ResolverSockets } from './sockets.ts';
import type { Party, Turns } from './turns.ts';
import { UnreachableServers } from './unreachable-servers.ts';
import { askUpstream, UPSTREAM_TIMEOUT_MS, type Exchange, type UpstreamResult } from './upstream.ts';
import { RESOLVER_ADDRESS, type SandboxView, type Upstream } from '../base/dns-zone.ts';

/** Docker's number: servers that do not answer leave many open. */
const MAX_IN_FLIGHT = 1024;
/**
 * Asked so recently that a quick server may answer them all in one go: others would wait behind these answers, in the
 * server's socket (whose default room is for 277 questions) and in the resolver's turns.
 */
const MAX_FRESH = 8;
const FRESH_MS = 12;
const MAX_WAITING = 1024;
/** Of questions, whether asked or waiting. */
const MAX_BYTES = 1 << 20;
/** Of all containers together, because of the descriptor limit. Beyond, only those that have few may open more. */
const MAX_IN_FLIGHT_OF_ALL = 4096;
const ALWAYS_ALLOWED = 16;
const COMPLAINT_INTERVAL_MS = 10_000;

export interface ForwardResult {
  /** Absent: no server gave one, which the client learns as SERVFAIL. */
  readonly answer?: Buffer;
  readonly server?: string;
  readonly problem?: string;
}

/** What the forwarders of one process have in common. */
export interface ForwarderParts {
  readonly sockets: ResolverSockets;
  readonly log: LineLog;
  readonly turns: Turns;
  /** Questions in flight, of all containers. */
  readonly load: { inFlight: number };
  readonly upstreamTimeoutMs?: number | undefined;
}

interface Waiting {
  readonly view: SandboxView;
  readonly query: Buffer;
  readonly protocol: 'udp' | 'tcp';
  readonly deadline: number;
  readonly resolve: (result: ForwardResult) => void;
}

export class Forwarder implements Party {
  readonly #parts: ForwarderParts;
  readonly #timeoutMs: number;
  readonly #open = new Set<Exchange>();
  readonly #unreachable = new UnreachableServers(monotonicMs);
  /** In the order of their deadlines. */
  readonly #waiting = new Set<Waiting>();
  #overdue: NodeJS.Timeout | undefined;
  #bytes = 0;
  #inFlight = 0;
  #fresh = 0;
  #closed = false;
  #complainedAt = -Infinity;

  constructor(parts: ForwarderParts) {
    this.#parts = parts;
    this.#timeoutMs = parts.upstreamTimeoutMs ?? UPSTREAM_TIMEOUT_MS;
  }

  /** False: the question is to be answered with SERVFAIL now, and costs nothing more. */
  hasRoomFor(bytes: number, view: SandboxView): boolean {
    if (this.#waiting.size < MAX_WAITING && this.#bytes + bytes <= MAX_BYTES) return true;
    if (monotonicMs() - this.#complainedAt > COMPLAINT_INTERVAL_MS) {
      this.#complainedAt = monotonicMs();
      this.#parts.log.warn('a container asks faster than its servers answer: what is too much is told SERVFAIL', {
        sandbox: view.id,
        asked: this.#inFlight,
        waiting: this.#waiting.size,
      });
    }
    return false;
  }

  /** `query` is a whole question with the client's id, `protocol` how the client asked. Never rejects. */
  forward(view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<ForwardResult> {
    if (this.#closed || !this.hasRoomFor(query.length, view))
      return Promise.resolve({ problem: 'too many queries wait for an answer' });
    this.#bytes += query.length;
    return new Promise((resolve) => {
      this.#waiting.add({ view, query, protocol, deadline: performance.now() + this.#timeoutMs, resolve });
      if (this.#mayAsk) this.#parts.turns.wake(this);
      this.#watchDeadlines();
    });
  }

  /** Sends the query that has waited longest. */
  step(): boolean {
    if (!this.#mayAsk) return false;
    const [first] = this.#waiting;
    if (first === undefined) return false;
    this.#waiting.delete(first);
    void this.#serve(first);
    return this.#waiting.size > 0 && this.#mayAsk;
  }

  get #mayAsk(): boolean {
    if (this.#closed || this.#fresh >= MAX_FRESH || this.#inFlight >= MAX_IN_FLIGHT) return false;
    return this.#inFlight < ALWAYS_ALLOWED || this.#parts.load.inFlight < MAX_IN_FLIGHT_OF_ALL;
  }

  async #serve({ view, query, protocol, resolve }: Waiting): Promise<void> {
    this.#inFlight += 1;
    this.#parts.load.inFlight += 1;
    this.#fresh += 1;
    let fresh = true;
    const stale = (): void => {
      if (fresh) this.#fresh -= 1;
      fresh = false;
      this.#goOn();
    };
    const timer = setTimeout(stale, FRESH_MS);
    try {
      resolve(await this.#askInOrder(view, query, protocol));
    } finally {
      clearTimeout(timer);
      this.#inFlight -= 1;
      this.#parts.load.inFlight -= 1;
      this.#bytes -= query.length;
      stale();
    }
  }

  #goOn(): void {
    if (this.#waiting.size > 0 && this.#mayAsk) this.#parts.turns.wake(this);
  }

  /** One timer, for the next one due: there may be a thousand. */
  #watchDeadlines(): void {
    const [first] = this.#waiting;
    if (this.#overdue !== undefined || first === undefined) return;
    this.#overdue = setTimeout(
      () => {
        this.#overdue = undefined;
        const now = performance.now();
        for (const waiting of this.#waiting) {
          if (waiting.deadline > now) break;
          this.#giveUp(waiting, 'too many queries wait for an answer');
        }
        this.#watchDeadlines();
      },
      Math.max(1, first.deadline - performance.now()),
    );
  }

  #giveUp(waiting: Waiting, problem: string): void {
    this.#waiting.delete(waiting);
    this.#bytes -= waiting.query.length;
    waiting.resolve({ problem });
  }

  async #askInOrder(view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<ForwardResult> {
    let last: ForwardResult = { problem: 'no server' };
    for (const server of this.#unreachable.inOrder(view.upstreams, protocol)) {
      // The resolver's own address inside the container would be a loop.
      if (server.from === 'container' && server.address === RESOLVER_ADDRESS) continue;
      const name = `${server.address}:${server.port}`;
      const result = await this.#ask(server, view, query, protocol);
      if (this.#closed) return { problem: 'cancelled' };
      if ('problem' in result) {
        last = { ...last, server: name, problem: result.problem };
        continue;
      }
      const code = result.answer[3]! & 15;
      if (code !== ResponseCode.SERVFAIL && code !== ResponseCode.REFUSED)
        return { answer: result.answer, server: name };
      last = { answer: result.answer, server: name };
    }
    return last;
  }

  async #ask(server: Upstream, view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<UpstreamResult> {
    const first = await this.#exchange(server, view, query, protocol);
    if (protocol === 'tcp' || 'problem' in first || (first.answer[2]! & Flag.TC) === 0 || this.#closed) return first;
    const whole = await this.#exchange(server, view, query, 'tcp');
    return 'problem' in whole ? first : whole;
  }

  async #exchange(
    server: Upstream,
    view: SandboxView,
    query: Buffer,
    protocol: 'udp' | 'tcp',
  ): Promise<UpstreamResult> {
    const exchange = askUpstream(this.#parts.sockets, server, view.netns, query, protocol, this.#timeoutMs);
    this.#open.add(exchange);
    try {
      const result = await exchange.result;
      if ('answer' in result || result.unreachable) this.#unreachable.note(server, protocol, 'answer' in result);
      return result;
    } finally {
      this.#open.delete(exchange);
    }
  }

  /** Resolves when no query waits for an answer. */
  async drain(): Promise<void> {
    while (!this.#closed && this.#inFlight + this.#waiting.size > 0) await sleep(20);
  }

  /** Closes every socket now; what was asked comes back without an answer. */
  close(): void {
    this.#closed = true;
    this.#parts.turns.forget(this);
    clearTimeout(this.#overdue);
    for (const exchange of this.#open) exchange.cancel();
    for (const waiting of this.#waiting) this.#giveUp(waiting, 'cancelled');
  }
}
