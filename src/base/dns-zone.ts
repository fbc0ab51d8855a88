/**
 * What the daemon tells its resolver. A zone is all names of one network, a view is what one container sees: which
 * zones, in which order, its private aliases, and where unknown names go. A view is always replaced whole; a zone is
 * replaced whole, or patched in place where only some of its names change. Either happens in one turn of the event
 * loop, so a query sees the state before a change or after it, never half of it. Nothing here is derived.
 */

/**
 * Addresses of one name; both empty: the name exists, but no container with an address now. It is answered, never
 * forwarded.
 */
export interface NameAddresses {
  readonly a: readonly string[];
  readonly aaaa: readonly string[];
  /** The services of the name's owner: `_http._tcp.NAME` is answered with these (SRV). */
  readonly services?: readonly ServiceTarget[];
}

export interface ServiceTarget {
  readonly service: string; // lower case: '_http._tcp'
  readonly target: string; // a name of one container: 'web.net'
  readonly port: number;
  readonly a: readonly string[];
  readonly aaaa: readonly string[];
}

export interface NetworkZone {
  readonly id: string;
  /** The network's name: `db.NAME` is looked up here. */
  readonly name: string;
  readonly ttlS: number;
  /** Keys are lower case, without the network's name. */
  readonly names: Readonly<Record<string, NameAddresses>>;
  /** Canonical address to the name that a reverse lookup answers with ('db.net'). */
  readonly ptr: Readonly<Record<string, string>>;
}

export interface Upstream {
  readonly address: string;
  readonly port: number;
  /** Whose network reaches the server: the resolver's own (the host's) or the container's. */
  readonly from: 'host' | 'container';
}

export interface SandboxView {
  readonly id: string;
  /** File of the container's network namespace. */
  readonly netns: string;
  /** UDP and TCP port at 127.0.0.11 in that namespace. */
  readonly port: number;
  /** Zone ids in the order in which they are asked. */
  readonly networks: readonly string[];
  /** Lower-case private names of this container (links): names in zones; the first that has an address answers. */
  readonly aliases: Readonly<Record<string, readonly { readonly network: string; readonly name: string }[]>>;
  readonly upstreams: readonly Upstream[];
  /** False: unknown names are answered SERVFAIL, nothing leaves (on internal networks only, without servers of its own). */
  readonly forward: boolean;
  /**
   * True: A and AAAA questions for an unknown name of a single label are answered empty instead of forwarded, so that
   * the client goes on with its search domains. Docker does so where the user set ndots > 0.
   */
  readonly keepBareNames?: boolean;
  readonly queryLog?: boolean;
}

/** What is different in a zone: by name and by address what there is now, null for what is gone. */
export interface ZonePatch {
  readonly id: string;
  readonly names: Readonly<Record<string, NameAddresses | null>>;
  readonly ptr: Readonly<Record<string, string | null>>;
}

/**
 * Makes the difference in the zone itself, for copying a zone of a thousand names at every change would cost a
 * millisecond.
 */
export function patchZone(zone: NetworkZone, patch: ZonePatch): void {
  patchRecord(zone.names, patch.names);
  patchRecord(zone.ptr, patch.ptr);
}

function patchRecord<V>(record: Readonly<Record<string, V>>, changes: Readonly<Record<string, V | null>>): void {
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) Reflect.deleteProperty(record, key);
    // Defined, not assigned: a container may be called '__proto__'.
    else Object.defineProperty(record, key, { value, configurable: true, enumerable: true, writable: true });
  }
}

export type ResolverChange =
  | { readonly op: 'put-network'; readonly zone: NetworkZone }
  | { readonly op: 'patch-network'; readonly patch: ZonePatch }
  | { readonly op: 'remove-network'; readonly id: string }
  | { readonly op: 'put-sandbox'; readonly view: SandboxView }
  | { readonly op: 'remove-sandbox'; readonly id: string };

/** The address at which every container finds its resolver. */
export const RESOLVER_ADDRESS = '127.0.0.11';
