/**
 * What the kernel is asked to do, as data. Plans are lists of these; apply/executors.ts has one executor a kind and
 * does not compile if a kind is missing there. `netns` is the path of a namespace; '' is the host's.
 */
import type { Protocol } from '../../model/port.ts';
import type { FactDiff } from '../firewall/facts/diff.ts';

export type Step =
  | { readonly kind: 'create-netns'; readonly netns: string }
  | { readonly kind: 'delete-netns'; readonly netns: string }
  | {
      readonly kind: 'write-sysctl';
      readonly netns: string;
      readonly name: string;
      readonly value: string;
      readonly optional: boolean;
    }
  | {
      readonly kind: 'create-bridge';
      readonly link: string;
      readonly mac: string;
      readonly mtu: number;
      readonly filterBridged: boolean;
    }
  /**
   * What a network needs of a bridge that the engine did not make; what is set is noted, and taken back by
   * 'release-bridge'.
   */
  | {
      readonly kind: 'adopt-bridge';
      readonly link: string;
      readonly sysctls: readonly { readonly name: string; readonly value: string }[];
      readonly filterBridged: boolean;
      readonly addresses: readonly string[]; // with their prefixes
    }
  | { readonly kind: 'release-bridge'; readonly link: string }
  | {
      readonly kind: 'create-veth';
      readonly hostLink: string;
      readonly bridge: string;
      /** Of the host's end (firewall/bridged.ts). */
      readonly group: number;
      readonly netns: string;
      readonly link: string;
      readonly mac: string;
      readonly mtu: number;
      /** The container's end is created with or without IPv6; undefined where the kernel has none. */
      readonly ipv6?: boolean;
    }
  | {
      readonly kind: 'create-macvlan';
      readonly parent: string;
      readonly mode: string;
      readonly netns: string;
      readonly link: string;
      readonly mac: string;
      readonly mtu: number; // 0 = the parent's
    }
  | {
      readonly kind: 'create-ipvlan';
      readonly parent: string;
      readonly mode: string;
      readonly flag: string;
      readonly netns: string;
      readonly link: string;
      readonly mtu: number; // 0 = the parent's
    }
  | { readonly kind: 'create-vlan'; readonly link: string; readonly parent: string; readonly vlanId: number }
  | { readonly kind: 'delete-link'; readonly netns: string; readonly link: string }
  | { readonly kind: 'delete-own-link'; readonly link: string } // on the host, and only if the engine made it
  /**
   * Takes the engine's own addresses of an earlier configuration off a bridge that it made: by its mark on them, and
   * those that are known to be its own.
   */
  | {
      readonly kind: 'drop-earlier-addresses';
      readonly link: string;
      readonly keep: readonly string[];
      readonly earlier: readonly string[];
    }
  | { readonly kind: 'raise-link'; readonly netns: string; readonly link: string }
  | { readonly kind: 'set-hairpin'; readonly hostLink: string; readonly on: boolean }
  | { readonly kind: 'add-address'; readonly netns: string; readonly link: string; readonly address: string } // with its prefix
  | {
      readonly kind: 'add-route' | 'delete-route';
      readonly netns: string;
      readonly version: 4 | 6;
      readonly destination: string; // '' = default
      readonly gateway: string; // '' = on the link
      readonly link: string;
    }
  | { readonly kind: 'redirect-resolver'; readonly netns: string; readonly port: number }
  | {
      readonly kind: 'announce-address';
      readonly networkId: string;
      readonly netns: string;
      readonly link: string;
      readonly address: string;
      readonly mac: string;
      readonly times: number;
      readonly everyMs: number;
    }
  | { readonly kind: 'change-elements'; readonly diff: FactDiff }
  | { readonly kind: 'forget-flows'; readonly addresses: readonly string[] }
  | { readonly kind: 'forget-pair-flows'; readonly from: string; readonly to: string }
  /** Tracked connections to host ports that end at the host. `hostIp`: '' = any of its addresses. */
  | {
      readonly kind: 'forget-unled-flows';
      readonly protocol: Protocol;
      readonly hostIp: string;
      readonly ports: readonly number[];
    }
  /** Tracked connections to host ports that a container's address answers. */
  | {
      readonly kind: 'forget-forwarded-flows';
      readonly protocol: Protocol;
      readonly address: string;
      readonly ports: readonly number[];
    };

export type StepKind = Step['kind'];
export type StepOf<K extends StepKind> = Step & { readonly kind: K };
