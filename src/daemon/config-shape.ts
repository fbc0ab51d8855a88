/** The daemon's options as its parts use them. */
import type { LogLevel } from '../base/log.ts';

export interface DaemonConfig {
  readonly hosts: readonly string[];
  readonly socketGroup: string; // '' = docker where it exists
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  readonly bridgeName: string; // '' = the engine makes one
  readonly defaultBridgeName: string; // '' = chosen
  readonly bip: string;
  readonly fixedCidr: string;
  readonly bip6: string;
  readonly fixedCidrV6: string;
  readonly defaultGateway: string;
  readonly defaultGatewayV6: string;
  readonly networkOptions: Readonly<Record<string, Readonly<Record<string, string>>>>; // by driver
  readonly addressPools: readonly { base: string; size: number }[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsTtlS: number;
  readonly icc: boolean;
  readonly ipv6: boolean;
  readonly mtu: number;
  readonly hostBindingIp: string;
  readonly hostGatewayIp: string;
  readonly ipForward: boolean;
  readonly firewallIntegration: boolean;
  readonly ip6tablesWay: boolean; // false: rules of ip6tables are left alone
  readonly integrationUnsaid: boolean; // off because of --iptables=false
  readonly inputPolicy: boolean;
  readonly ipMasq: boolean;
  readonly liveRestore: boolean;
  readonly linksFollowNames: boolean;
  readonly logLevel: LogLevel;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly runtimes: Readonly<Record<string, string>>;
  readonly defaultRuntime: string; // '' = chosen
  readonly cgroupParent: string;
  readonly shmSizeBytes: number;
  readonly init: boolean;
  readonly insecureRegistries: readonly string[];
  readonly labels: readonly string[];
  readonly shutdownTimeoutS: number;
}
