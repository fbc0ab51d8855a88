/** What the network room needs from outside: its configuration, a place to keep things, a resolver. */
import type { NetworkRecord } from '../model/network.ts';
import type { ResolverChange } from '../base/dns-zone.ts';
import type { SandboxRecord } from './table/sandbox.ts';

export interface NetworkConfig {
  readonly hostId: string; // the same for ever; what unique local addresses follow from
  readonly execRoot: string; // namespace files are in its netns/
  readonly stateDir: string; // of what is to outlive a reboot and is no record
  readonly bridgeName: string; // a bridge of the user's for the default network; 'none': no default network; '' = the engine makes one
  readonly defaultBridgeName: string; // what that one is called; '' = chosen (default-bridge.ts)
  readonly dockerInstalled: boolean; // dockerd is a program of this host: it may be started any time
  readonly bip: string; // '' = chosen, 172.17.0.1/16 where it is free
  readonly fixedCidr: string;
  readonly bip6: string; // '' = chosen; of no use without `ipv6`
  readonly fixedCidrV6: string;
  readonly defaultGateway: string; // of the default bridge's containers; '' = the bridge
  readonly defaultGatewayV6: string;
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>; // by driver, for networks that do not override them
  readonly addressPools: readonly { readonly base: string; readonly size: number }[]; // [] = Docker's
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly icc: boolean;
  readonly ipv6: boolean; // of the default bridge
  readonly mtu: number;
  readonly hostBindingIp: string;
  readonly hostGatewayIps: readonly string[]; // [] = the default bridge's own addresses
  readonly dnsTtlS: number;
  readonly ipMasq: boolean;
  readonly ipForward: boolean;
  readonly firewallIntegration: boolean; // way is made for containers in other firewalls of the host
  readonly ip6tablesWay: boolean; // false: but not in rules of ip6tables
  readonly directRouting: boolean; // published ports are open to other hosts at the containers' own addresses
  readonly inputPolicy: boolean; // published ports are open from outside only where the host's input rules let them through
  readonly hostResolvConf: string;
  readonly stubResolvConf: string; // the servers behind systemd-resolved's stub, where the host has it
}

export interface StoreChange {
  readonly putNetworks?: readonly NetworkRecord[];
  readonly removeNetworks?: readonly string[];
  readonly putSandboxes?: readonly SandboxRecord[];
  readonly removeSandboxes?: readonly string[];
}

export interface NetworkStore {
  load(): { networks: NetworkRecord[]; sandboxes: SandboxRecord[] };
  /** Durable and atomic when it resolves. */
  commit(change: StoreChange): Promise<void>;
}

export interface Resolver {
  /** In the order of the calls; when it resolves, answers are the new ones. */
  apply(changes: ResolverChange[]): Promise<void>;
}
