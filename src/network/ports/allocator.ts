/**
 * Which host ports are published for a container. Promises: a port is really held for as long as it is published (the
 * injected holder binds a socket), all bindings of a container or none, the same number on every address of one
 * binding, and refusals in Docker's words that say what holds the port. Keeps no state on disk: `adopt` tells it again
 * what was published before a restart.
 */
import { errorCode, errorMessage, systemError, type CausewayError } from '../../base/errors.ts';
import { bracketed, ipVersion } from '../../model/addresses.ts';
import { publishedKey, type HostPort, type PublishedPort } from '../../model/port.ts';
import type { PortOwner } from './port-owner.ts';
import { expandBindings, type BindingGroup, type PublishOptions, type WantedPort } from './port-request.ts';
import { PortTable, type PortEntry, type PortHold } from './port-table.ts';

/** Binds a host port so that no other program can; throws with code EADDRINUSE where one has. */
export interface PortHolder {
  hold(port: HostPort): PortHold;
}

export type PortRange = readonly [first: number, last: number];

export interface PortAllocatorOptions {
  readonly holder: PortHolder;
  /** The range that ports are chosen from (net.ipv4.ip_local_port_range). */
  readonly ephemeral: () => PortRange;
  /** What is not to be chosen from it (net.ipv4.ip_local_reserved_ports). */
  readonly reserved?: () => readonly PortRange[];
  /** Which program has a port that is not the engine's. */
  readonly describeHolder?: (port: HostPort) => { readonly pid: number; readonly program: string } | undefined;
}

export class PortAllocator {
  readonly #options: PortAllocatorOptions;
  readonly #table = new PortTable();
  /**
   * The number last chosen from a range: the next search begins behind it, as a port just given back may have late
   * packets.
   */
  readonly #lastChosen = new Map<string, number>();

  constructor(options: PortAllocatorOptions) {
    this.#options = options;
  }

  /**
   * Holds what is wanted and returns it in Docker's order: fixed ports before ranges, then by container port,
   * protocol and address. Throws `invalid` for what cannot be parsed and `system` when a port is taken; then holds
   * nothing that it did not hold before. May be called again for a sandbox to publish more.
   */
  publish(owner: PortOwner, wanted: readonly WantedPort[], options: PublishOptions): PublishedPort[] {
    const groups = expandBindings(wanted, options);
    const held: PortEntry[] = [];
    try {
      for (const group of groups) held.push(...this.#publishGroup(owner, group));
    } catch (error) {
      for (const entry of held) this.#table.remove(entry);
      for (const entry of held) entry.hold?.close();
      throw error;
    }
    return held.map((entry) => entry.published);
  }

  /** Lets go of all ports of a sandbox, or of the named ones. What is not held is ignored. */
  release(sandboxId: string, ports?: readonly PublishedPort[]): void {
    const named = ports && new Set(ports.map(publishedKey));
    for (const entry of this.#table.ofSandbox(sandboxId)) {
      if (named && !named.has(publishedKey(entry.published))) continue;
      this.#table.remove(entry);
      entry.hold?.close();
    }
  }

  /**
   * Takes over what a running container has published since before a restart. A port that cannot be held any more is
   * still listed as the container's, since its packets still go there; those are returned.
   */
  adopt(owner: string | PortOwner, ports: readonly PublishedPort[]): PublishedPort[] {
    const known: PortOwner =
      typeof owner === 'string' ? { containerId: '', containerName: '', sandboxId: owner } : owner;
    const adopted = new Set(this.#table.ofSandbox(known.sandboxId).map((entry) => publishedKey(entry.published)));
    const lost: PublishedPort[] = [];
    for (const published of ports) {
      if (adopted.has(publishedKey(published))) continue;
      let hold: PortEntry['hold'];
      try {
        hold = this.#options.holder.hold(published);
      } catch {
        lost.push(published);
      }
      this.#table.add({ owner: known, published, hold });
    }
    return lost;
  }

  /**
   * Ports that could not be held when they were adopted: their address may have come, or who had them may be gone.
   * Returns the containers that have got one.
   */
  holdAgain(): Set<string> {
    const holding = new Set<string>();
    for (const entry of this.#table.unheld()) {
      try {
        entry.hold = this.#options.holder.hold(entry.published);
        holding.add(entry.owner.containerId);
      } catch {
        // Not yet.
      }
    }
    return holding;
  }

  /** Whether the kernel forwards the IPv6 ports of a sandbox to it, or only the relay does. */
  setForwarded(sandboxId: string, forwarded: boolean): void {
    for (const entry of this.#table.ofSandbox(sandboxId)) entry.hold?.setForwarded?.(forwarded);
  }

  /** Keeps the names in refusals right. */
  rename(containerId: string, containerName: string): void {
    this.#table.rename(containerId, containerName);
  }

  /** Which of the engine's sandboxes has a port. */
  holderOf(port: HostPort): PortOwner | undefined {
    return this.#table.conflict(port)?.owner;
  }

  #publishGroup(owner: PortOwner, group: BindingGroup): PortEntry[] {
    const { first, last } = group;
    if (first === last && first !== 0) return this.#holdAll(owner, group, first, true);
    for (const port of this.#candidates(group)) {
      if (
        group.addresses.some((address) =>
          this.#table.conflict({ protocol: group.port.protocol, hostIp: address, hostPort: port }),
        )
      )
        continue;
      try {
        const entries = this.#holdAll(owner, group, port, false);
        this.#lastChosen.set(rangeKey(group), port);
        return entries;
      } catch (error) {
        if (errorCode(error) !== 'EADDRINUSE' && !isInUse(error)) throw error;
      }
    }
    const range = first === 0 ? 'the ephemeral range' : `${first}-${last}`;
    throw systemError(`all ports are allocated (${group.port.protocol} on ${group.addresses.join(', ')}, ${range})`);
  }

  /** The numbers of a range, from behind the last one chosen around to it. */
  *#candidates(group: BindingGroup): Generator<number> {
    const ephemeral = group.first === 0;
    const [first, last] = ephemeral ? this.#options.ephemeral() : [group.first, group.last];
    const reserved = ephemeral ? (this.#options.reserved?.() ?? []) : [];
    const size = last - first + 1;
    const previous = this.#lastChosen.get(rangeKey(group)) ?? last;
    for (let step = 1; step <= size; step++) {
      const port = first + ((((previous - first + step) % size) + size) % size);
      if (!reserved.some(([from, to]) => port >= from && port <= to)) yield port;
    }
  }

  /** `named`: whether a refusal says what has the port, which takes a look at every process. */
  #holdAll(owner: PortOwner, group: BindingGroup, hostPort: number, named: boolean): PortEntry[] {
    const { protocol, port } = group.port;
    for (const hostIp of group.addresses) {
      const other = this.#table.conflict({ protocol, hostIp, hostPort });
      if (other) throw allocatedError(other);
    }
    const entries: PortEntry[] = [];
    for (const hostIp of group.addresses) {
      const published = { hostIp, hostPort, port, protocol };
      try {
        const entry = { owner, published, hold: this.#options.holder.hold(published) };
        entries.push(entry);
        this.#table.add(entry);
      } catch (error) {
        if (hostIp === '::' && group.impliesIpv6 && LACKS_IPV6.has(errorCode(error) ?? '')) continue;
        for (const entry of entries) this.#table.remove(entry);
        for (const entry of entries) entry.hold?.close();
        throw this.#bindError(owner, published, error, named);
      }
    }
    return entries;
  }

  /** Another program has the port, or it cannot be bound at all. */
  #bindError(owner: PortOwner, published: PublishedPort, cause: unknown, named: boolean): CausewayError {
    const inUse = errorCode(cause) === 'EADDRINUSE';
    const found = inUse && named ? this.#options.describeHolder?.(published) : undefined;
    const reason = inUse ? 'address already in use' : (BIND_REASONS[errorCode(cause) ?? ''] ?? errorMessage(cause));
    const who = found ? `: held by ${found.program} (pid ${found.pid})` : '';
    return systemError(`failed to bind host port for ${describeBinding(owner, published)}: ${reason}${who}`, cause);
  }
}

const LACKS_IPV6 = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL']);

const BIND_REASONS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EMFILE: 'too many open files: raise the limit of the daemon (ulimit -n, LimitNOFILE= of its unit)',
  EAFNOSUPPORT: 'address family not supported by protocol',
  EPROTONOSUPPORT: 'protocol not supported',
};

function isInUse(error: unknown): boolean {
  return error instanceof Error && errorCode(error.cause) === 'EADDRINUSE';
}

function allocatedError(other: PortEntry): CausewayError {
  const { hostIp, hostPort } = other.published;
  const { containerName } = other.owner;
  const who = containerName === '' ? '' : `: held by container ${containerName}`;
  return systemError(`Bind for ${hostIp}:${hostPort} failed: port is already allocated${who}`);
}

/** '0.0.0.0:8080:172.17.0.2:80/tcp', as Docker prints a binding. */
function describeBinding(owner: PortOwner, published: PublishedPort): string {
  const version = ipVersion(published.hostIp);
  const target = (version === 6 ? owner.ipv6 || owner.ipv4 : owner.ipv4) ?? '';
  const inner = target === '' ? '' : `${bracketed(target)}:`;
  return `${bracketed(published.hostIp)}:${published.hostPort}:${inner}${published.port}/${published.protocol}`;
}

const rangeKey = (group: BindingGroup): string =>
  `${group.addresses[0]} ${group.port.protocol} ${group.first}-${group.last}`;
