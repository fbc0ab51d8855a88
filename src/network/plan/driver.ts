/**
 * The contract of a network driver: a folder in drivers/. A driver knows how a network and an endpoint of its kind
 * look in the kernel and returns that as steps; it touches nothing itself. To add one, write the folder and list it in
 * drivers/registry.ts.
 */
import type { Endpoint } from '../../model/endpoint.ts';
import type { NetworkRecord, NetworkSpec } from '../../model/network.ts';
import type { Step } from './step.ts';

/** What a driver may need to know of the host. */
export interface HostFacts {
  readonly ipv6: boolean; // the host has IPv6 at all
  readonly defaultMtu: number;
  hasLink(name: string): boolean;
  /** 'bridge', 'veth'...; '' for real ones, undefined where there is no such link. */
  linkKind(name: string): string | undefined;
  /**
   * A bridge that is there and that the engine did not make: neither its mark nor the address that the engine's would
   * have.
   */
  isOthersBridge(name: string, ownMac: string): boolean;
  /** The engine that a bridge belongs to, where it is not this one. */
  engineOfBridge(name: string): string | undefined;
  /** Whether the kernel can make links of a kind; a module is loaded for it where there is one. */
  knowsLinkKind(kind: 'macvlan' | 'ipvlan' | 'vlan'): boolean;
}

export interface Attachment {
  readonly network: NetworkRecord;
  readonly endpoint: Endpoint;
  readonly netns: string;
}

/** What its networks are to code that knows no drivers (network-policy.ts): no other code asks for a driver's name. */
export interface DriverPolicy {
  /**
   * Whether containers can be connected to several of its networks, and to one while they run: whether they have an
   * interface there.
   */
  readonly connectable: boolean;
  /** Whether a published port can be forwarded to an endpoint of it. */
  readonly publishes: boolean;
  /**
   * Whether what its containers send passes the host, which has to forward it, and the engine's firewall: by a bridge,
   * which each network has.
   */
  readonly firewalled: boolean;
  /** Whose namespace containers on it have: one of their own, the host's, or one without any network. */
  readonly namespace: 'own' | 'host' | 'none';
  /** Whether the containers of a network reach each other by links only. */
  separates(network: Pick<NetworkSpec, 'options'>): boolean;
  /** Whether a network takes an address of its pool for a gateway: Docker's rule. */
  needsGateway(spec: NetworkSpec, version: 4 | 6): boolean;
}

export interface NetworkDriver {
  readonly name: string;
  readonly policy: DriverPolicy;
  /**
   * Refuses what the driver cannot do, in Docker's words, given the existing networks; returns warnings for what has no
   * effect.
   */
  check(spec: NetworkSpec, facts: HostFacts, others: readonly NetworkRecord[]): string[];
  /** The host's interface for a new network; '' for drivers without one. */
  hostLink(spec: NetworkSpec, networkId: string): string;
  /** Names an endpoint's interface on the host; '' where there is none. */
  endpointHostLink(endpointId: string): string;
  /** What makes the network exist; repeatable. `previous`: as it was before, where it has changed. */
  createNetwork(network: NetworkRecord, facts: HostFacts, previous?: NetworkRecord): Step[];
  /** `others`: the networks that stay. */
  removeNetwork(network: NetworkRecord, others: readonly NetworkRecord[]): Step[];
  /**
   * The gateways of a network for its containers; '' where it has no external connectivity. With several pools: for one
   * that has this address.
   */
  gateways(
    network: NetworkRecord,
    addresses?: { readonly ipv4: string; readonly ipv6: string },
  ): { v4: string; v6: string };
  attach(attachment: Attachment, facts: HostFacts): Step[];
  detach(attachment: Attachment): Step[];
}
