/**
 * The input of the firewall, as values: each fact tells what it means and what it came from. It stands for one element
 * of the engine's nftables sets and maps (element.ts), the only part of the firewall that changes while the engine
 * runs.
 */
import type { Protocol } from '../../../model/port.ts';

export type IpVersion = 4 | 6;

/** What a fact follows from: explains why a packet passes, or does not. */
export type Origin =
  | { readonly kind: 'host' } // what was there before the engine, and other engines
  | { readonly kind: 'network'; readonly networkId: string }
  | { readonly kind: 'published'; readonly containerId: string; readonly networkId: string } // a published port of a container
  | { readonly kind: 'link'; readonly containerId: string; readonly sourceId: string; readonly networkId: string } // of a container, to a source
  | { readonly kind: 'addresses'; readonly containerId: string }; // that a container has several

interface Stated {
  readonly origin: Origin;
}

export interface PublishFact extends Stated {
  readonly kind: 'publish';
  readonly version: IpVersion;
  readonly protocol: Protocol;
  readonly hostIp: string; // '' = every address of the host
  readonly hostPort: number;
  readonly target: { readonly address: string; readonly port: number };
}

export interface HoleFact extends Stated {
  readonly kind: 'hole';
  readonly version: IpVersion;
  readonly from: string; // addresses
  readonly to: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export type Fact =
  | (Stated & { readonly kind: 'bridge' | 'internal'; readonly bridge: string })
  /** Whether containers on a bridge talk to each other, or through holes only. */
  | (Stated & { readonly kind: 'neighbours'; readonly bridge: string; readonly verdict: 'accept' | 'holes' })
  /** What becomes of packets from elsewhere straight to a container's address. */
  | (Stated & {
      readonly kind: 'inbound';
      readonly version: IpVersion;
      readonly bridge: string;
      readonly verdict: 'drop' | 'published' | 'routed' | 'unprotected';
    })
  /** An interface of the host that may reach published ports of a bridge directly. */
  | (Stated & { readonly kind: 'trusted'; readonly from: string; readonly bridge: string })
  | (Stated & { readonly kind: 'masquerade'; readonly version: IpVersion; readonly bridge: string })
  | (Stated & {
      readonly kind: 'source';
      readonly version: IpVersion;
      readonly bridge: string;
      readonly address: string;
    })
  /** Forwarded packets that do not belong to containers. */
  | (Stated & { readonly kind: 'strangers'; readonly version: IpVersion; readonly verdict: 'accept' | 'closed' })
  /** A bridge or veth that was there when forwarding was turned on. */
  | (Stated & { readonly kind: 'earlier'; readonly version: IpVersion; readonly name: string })
  /** From port to port of what was a bridge then. */
  | (Stated & { readonly kind: 'bridged'; readonly name: string })
  /** An interface that forwarded by a switch of its own. */
  | (Stated & { readonly kind: 'router'; readonly name: string })
  | (Stated & { readonly kind: 'other-engine'; readonly bridge: string })
  | PublishFact
  /** A published port that the host's input policy decides about. */
  | (Stated & {
      readonly kind: 'input';
      readonly version: IpVersion;
      readonly protocol: Protocol;
      readonly hostIp: string;
      readonly hostPort: number;
    })
  /** A container's port that is published. */
  | (Stated & {
      readonly kind: 'open';
      readonly version: IpVersion;
      readonly protocol: Protocol;
      readonly address: string;
      readonly port: number;
    })
  /** A published container's address, and a bridge that it could answer over directly. */
  | (Stated & {
      readonly kind: 'detour';
      readonly version: IpVersion;
      readonly address: string;
      readonly bridge: string;
    })
  /** A published container that calls itself. */
  | (Stated & { readonly kind: 'hairpin'; readonly version: IpVersion; readonly address: string })
  /** An address that a container on a bridge has on another network. */
  | (Stated & {
      readonly kind: 'astride';
      readonly version: IpVersion;
      readonly bridge: string;
      readonly address: string;
    })
  | HoleFact;
