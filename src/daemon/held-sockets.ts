/**
 * Copies of the resolver's sockets, held by the daemon. A socket lives as long as any process holds it: while a
 * resolver that died is being replaced, questions wait in it, and the next process goes on with the very same sockets.
 * The copies of a container are released before its removal is even requested, so they never keep a namespace alive.
 */
import type { OpenSockets } from '../dns/sandbox-server.ts';
import type { HandOver } from '../dns/resolver.ts';
import type { NetworkZone, SandboxView } from '../base/dns-zone.ts';
import { closeFd } from '../kernel/descriptors.ts';
import { copyForeignDescriptors } from '../kernel/foreign-descriptor.ts';

export class HeldSockets {
  readonly #held = new Map<string, OpenSockets>();

  /** Copies what is not held yet. Throws a KernelError if the process cannot be copied from; nothing is lost then. */
  take(pid: number, sockets: Readonly<Record<string, OpenSockets>>): void {
    for (const [id, theirs] of Object.entries(sockets)) {
      if (this.#held.get(id)?.serial === theirs.serial) continue;
      this.release(id);
      const [udpFd, tcpFd] = copyForeignDescriptors(pid, [theirs.udpFd, theirs.tcpFd]) as [number, number];
      this.#held.set(id, { ...theirs, udpFd, tcpFd });
    }
  }

  release(id: string): void {
    const sockets = this.#held.get(id);
    if (!sockets) return;
    this.#held.delete(id);
    closeFd(sockets.udpFd);
    closeFd(sockets.tcpFd);
  }

  releaseAll(): void {
    for (const id of this.#held.keys()) this.release(id);
  }

  /** What a new resolver goes on with; undefined if there is nothing. */
  handOver(zones: Iterable<NetworkZone>, views: ReadonlyMap<string, SandboxView>): HandOver | undefined {
    const sandboxes = [...this.#held].flatMap(([id, sockets]) => {
      const view = views.get(id);
      return view ? [{ view, sockets }] : [];
    });
    return sandboxes.length === 0 ? undefined : { pid: process.pid, networks: [...zones], sandboxes };
  }
}
