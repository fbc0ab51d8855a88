/** What the network routes need of an engine. `ref` is a name, an id or a unique id prefix. */
import type { EndpointSpec } from '../../model/endpoint.ts';
import type { NetworkSpec } from '../../model/network.ts';
import type { Filters } from '../../model/filters.ts';
import type { NetworkView } from '../../model/views.ts';

export interface NetworkBackend {
  createNetwork(spec: NetworkSpec): Promise<{ id: string; warnings: string[] }>;
  removeNetwork(ref: string): Promise<void>;
  inspectNetwork(ref: string): Promise<NetworkView>;
  /** `usesHidden`: the list does not know who is on its networks, and what dangles is every network of a user. */
  listNetworks(filters: Filters, options?: { readonly usesHidden?: boolean }): Promise<NetworkView[]>;
  connect(ref: string, container: string, spec: EndpointSpec): Promise<void>;
  disconnect(ref: string, container: string, force: boolean): Promise<void>;
  pruneNetworks(filters: Filters): Promise<string[]>; // names
}
