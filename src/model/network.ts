/**
 * A network as the user asked for it and as it is kept. Addresses and subnets are canonical strings ('10.0.0.0/24').
 */
export interface IpamPool {
  readonly subnet: string; // '' = choose one from the default pools
  readonly ipRange: string;
  readonly gateway: string;
  readonly auxAddresses: Readonly<Record<string, string>>;
}

export interface IpamSpec {
  readonly driver: string; // 'default' | 'null'
  readonly options: Readonly<Record<string, string>> | null;
  readonly pools: readonly IpamPool[];
}

export interface NetworkSpec {
  readonly name: string;
  readonly driver: string; // '' = bridge
  readonly scope: string; // '' = local
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ingress: boolean;
  readonly configOnly: boolean;
  readonly configFrom: string; // '' = none
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  /** Which of the two the user himself turned on or off, so that the daemon's defaults do not. Not kept. */
  readonly givenFamilies?: readonly (4 | 6)[];
  readonly ipam: IpamSpec;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** A network of its own with IPv4, with no other settings. */
export const EMPTY_NETWORK_SPEC: NetworkSpec = {
  name: '',
  driver: '',
  scope: '',
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: '',
  enableIpv4: true,
  enableIpv6: false,
  ipam: { driver: 'default', options: null, pools: [] },
  options: {},
  labels: {},
};

export interface NetworkRecord extends Omit<NetworkSpec, 'scope' | 'givenFamilies'> {
  readonly id: string;
  readonly scope: 'local';
  readonly createdAt: string;
  /** Pools as allocated: every subnet and gateway filled in. `ipam` above stays what inspect shows. */
  readonly pools: readonly IpamPool[];
  /** The host's interface: 'docker0', 'br-<12 hex>', or '' for drivers without one. */
  readonly bridgeName: string;
  readonly predefined: boolean; // bridge, host, none
}
