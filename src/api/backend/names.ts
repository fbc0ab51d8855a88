/** What the routes about names need of an engine. */
import type { ServiceTarget, Upstream } from '../../base/dns-zone.ts';
import type { NameQuery } from '../../base/name-query.ts';

export interface NetworkNames {
  readonly networkId: string;
  readonly networkName: string;
  readonly ttlS: number;
  readonly names: readonly {
    readonly name: string;
    readonly a: readonly string[];
    readonly aaaa: readonly string[];
    readonly services: readonly Pick<ServiceTarget, 'service' | 'target' | 'port'>[];
  }[];
  readonly reverse: readonly { readonly address: string; readonly name: string }[];
  readonly containers: readonly {
    readonly containerId: string;
    readonly containerName: string;
    readonly networks: readonly string[];
    readonly aliases: readonly {
      readonly alias: string;
      readonly network: string;
      readonly addresses: readonly string[];
    }[];
    readonly forward: boolean;
    readonly servers: readonly Upstream[];
  }[];
}

export interface NameBackend {
  /** What containers on a network are answered. */
  networkNames(ref: string): Promise<NetworkNames>;
  /** A running container's questions, each as it is answered, until it ends or the signal aborts. */
  followQueries(container: string, signal: AbortSignal): Promise<AsyncIterable<NameQuery>>;
}
