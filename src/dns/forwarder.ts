/**
 * Sends one container's unknown names to its servers: in their order, 4 s each, on to the next after silence, SERVFAIL or
 * REFUSED; an answer that was cut is fetched again over TCP. Everything else comes back as the server said it. No query is
 * dropped: beyond a number that keeps one container from using up our descriptors they wait, and whoever waits too long
 * is told SERVFAIL.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Flag, ResponseCode } from './constants.ts';
import type { LineLog } from './log.ts';
import type { ResolverSockets } from './sockets.ts';
import { askUpstream, UPSTREAM_TIMEOUT_MS, type Exchange, type UpstreamResult } from './upstream.ts';
import { RESOLVER_ADDRESS, type SandboxView, type Upstream } from './zone.ts';

const MAX_IN_FLIGHT = 1024;
const MAX_WAITING = 8192;
const COMPLAINT_INTERVAL_MS = 2000;

export interface ForwardResult {
  /** Absent: no server gave one, which the client learns as SERVFAIL. */
  readonly answer?: Buffer;
  readonly server?: string;
  readonly problem?: string;
}

export class Forwarder {
  readonly #sockets: ResolverSockets;
  readonly #log: LineLog;
  readonly #timeoutMs: number;
  readonly #open = new Set<Exchange>();
  readonly #waiting: (() => void)[] = [];
  #inFlight = 0;
  #closed = false;
  #complainedAt = 0;

  constructor(sockets: ResolverSockets, log: LineLog, timeoutMs = UPSTREAM_TIMEOUT_MS) {
    this.#sockets = sockets;
    this.#log = log;
    this.#timeoutMs = timeoutMs;
  }

  /** `query` is a whole question with the client's id, `protocol` how the client asked. Never rejects. */
  async forward(view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<ForwardResult> {
    if (!(await this.#enter(view))) return { problem: 'too many queries wait for an answer' };
    try {
      return await this.#askInOrder(view, query, protocol);
    } finally {
      this.#leave();
    }
  }

  async #askInOrder(view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<ForwardResult> {
    let last: ForwardResult = { problem: 'no server' };
    for (const server of view.upstreams) {
      // Our own address inside the container would be a loop.
      if (server.from === 'container' && server.address === RESOLVER_ADDRESS) continue;
      const name = `${server.address}:${server.port}`;
      const result = await this.#ask(server, view, query, protocol);
      if (this.#closed) return { problem: 'cancelled' };
      if ('problem' in result) {
        last = { ...last, server: name, problem: result.problem };
        continue;
      }
      const code = result.answer[3]! & 15;
      if (code !== ResponseCode.SERVFAIL && code !== ResponseCode.REFUSED) return { answer: result.answer, server: name };
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

  async #exchange(server: Upstream, view: SandboxView, query: Buffer, protocol: 'udp' | 'tcp'): Promise<UpstreamResult> {
    const exchange = askUpstream(this.#sockets, server, view.netns, query, protocol, this.#timeoutMs);
    this.#open.add(exchange);
    try {
      return await exchange.result;
    } finally {
      this.#open.delete(exchange);
    }
  }

  async #enter(view: SandboxView): Promise<boolean> {
    if (this.#closed) return false;
    if (this.#inFlight < MAX_IN_FLIGHT) {
      this.#inFlight += 1;
      return true;
    }
    if (Date.now() - this.#complainedAt > COMPLAINT_INTERVAL_MS) {
      this.#complainedAt = Date.now();
      this.#log.warn(`more than ${MAX_IN_FLIGHT} queries of one container wait for its servers`, { sandbox: view.id });
    }
    if (this.#waiting.length >= MAX_WAITING) return false;
    return new Promise((resolve) => {
      const admit = (): void => {
        clearTimeout(timer);
        if (!this.#closed) this.#inFlight += 1;
        resolve(!this.#closed);
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        resolve(false);
      }, this.#timeoutMs);
      this.#waiting.push(admit);
    });
  }

  #leave(): void {
    this.#inFlight -= 1;
    this.#waiting.shift()?.();
  }

  /** Resolves when nobody waits for an answer. */
  async drain(): Promise<void> {
    while (!this.#closed && this.#inFlight + this.#waiting.length > 0) await sleep(20);
  }

  /** Closes every socket now; what was asked comes back without an answer. */
  close(): void {
    this.#closed = true;
    for (const exchange of this.#open) exchange.cancel();
    for (const admit of this.#waiting.splice(0)) admit();
  }
}
