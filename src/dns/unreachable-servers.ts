/**
 * Servers that the kernel said cannot be reached: for a while they are asked after the others, so that a question does
 * not begin with an error that may take seconds (a neighbour that nobody answers for). UDP and TCP apart: a server may
 * speak only one of them.
 */
import type { Upstream } from '../base/dns-zone.ts';

const WHILE_MS = 30_000;

type Protocol = 'udp' | 'tcp';

export class UnreachableServers {
  readonly #now: () => number;
  readonly #until = new Map<string, number>();
  #upstreams: readonly Upstream[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  /** In the order in which they are to be asked. Of servers that a container has got anew, nothing is known. */
  inOrder(upstreams: readonly Upstream[], protocol: Protocol): readonly Upstream[] {
    if (upstreams !== this.#upstreams) {
      this.#upstreams = upstreams;
      this.#until.clear();
    }
    if (this.#until.size === 0) return upstreams;
    const isLast = (server: Upstream) => (this.#until.get(keyOf(server, protocol)) ?? 0) > this.#now();
    return [...upstreams.filter((server) => !isLast(server)), ...upstreams.filter(isLast)];
  }

  note(server: Upstream, protocol: Protocol, reached: boolean): void {
    if (reached) this.#until.delete(keyOf(server, protocol));
    else this.#until.set(keyOf(server, protocol), this.#now() + WHILE_MS);
  }
}

const keyOf = ({ address, port, from }: Upstream, protocol: Protocol): string =>
  `${protocol} ${from} ${address} ${port}`;
