/** A container's networking as asked for, as it lives, and as it is kept. All plain JSON values. */
import type { Connection, Link } from '../../model/container.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { Port, PortBindings } from '../../model/port.ts';

export type SandboxMode = 'networks' | 'host' | 'none';

/** A link on the default bridge with what its source exposes: the holes when the network forbids neighbours. */
export interface JoinLink extends Link {
  readonly ports: readonly Port[];
}

/** Host paths of the three files that a container gets; the engine bind-mounts them. */
export interface SandboxFiles {
  readonly hosts: string;
  readonly resolvConf: string;
  readonly hostname: string;
}

export interface JoinRequest {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly domainname: string;
  readonly mode: SandboxMode;
  readonly connections: readonly Connection[];
  readonly exposedPorts: readonly Port[];
  readonly portBindings: PortBindings;
  readonly publishAllPorts: boolean;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly extraHosts: readonly string[];
  readonly links: readonly JoinLink[];
  readonly macAddress: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly files: SandboxFiles;
}

/** A live network namespace and its connections. */
export interface Sandbox {
  readonly id: string;
  readonly containerId: string;
  readonly netns: string; // path; '' in host mode
  readonly mode: SandboxMode;
  readonly endpoints: readonly Endpoint[]; // in the order of their interfaces
  readonly gatewayEndpointId: string; // the endpoint with the IPv4 default route, else the IPv6 one, else ''
}

/** What the store keeps of a sandbox; everything about it can be derived from this and the networks. */
export interface SandboxRecord {
  readonly id: string;
  readonly request: JoinRequest; // kept current: name, connections and links as they are now
  readonly sandbox: Sandbox;
  readonly pid: number; // a process in the container's mount namespace; 0 before it was started
  readonly sharers?: readonly number[]; // processes of containers that share its network, and have its files mounted too
  /** The container does not run; its namespace is kept, without interfaces, for those that share it. */
  readonly parked?: boolean;
  readonly resolverPort: number; // the resolver's port at 127.0.0.11; 0 where there is none
  readonly written: { readonly hosts: string; readonly resolvConf: string }; // the files as last written
}
