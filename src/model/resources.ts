/** Limits; 0, '' or null where the user set none. Field meanings are Docker's. */
export interface ResourceSpec {
  readonly cpuShares: number;
  readonly nanoCpus: number;
  readonly cpuPeriodUs: number;
  readonly cpuQuotaUs: number;
  readonly cpuRealtimePeriodUs: number;
  readonly cpuRealtimeRuntimeUs: number;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly memoryBytes: number;
  readonly memoryReservationBytes: number;
  readonly memorySwapBytes: number; // -1 = unlimited, 0 = twice memoryBytes
  readonly memorySwappiness: number | null;
  readonly oomKillDisable: boolean;
  readonly pidsLimit: number | null;
  readonly blkioWeight: number;
  /** Of single block devices; absent: none. Weights are 10 to 1000, rates are bytes or operations a second. */
  readonly blkioWeightDevice?: readonly DeviceLimit[];
  readonly blkioReadBps?: readonly DeviceLimit[];
  readonly blkioWriteBps?: readonly DeviceLimit[];
  readonly blkioReadIops?: readonly DeviceLimit[];
  readonly blkioWriteIops?: readonly DeviceLimit[];
  readonly devices: readonly DeviceSpec[];
  readonly deviceCgroupRules: readonly string[];
  /** Devices by their names, for a driver; absent: none. */
  readonly deviceRequests?: readonly DeviceRequestSpec[];
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[];
}

export interface DeviceLimit {
  readonly path: string; // below /dev
  readonly value: number;
}

export interface DeviceSpec {
  readonly pathOnHost: string;
  readonly pathInContainer: string;
  readonly cgroupPermissions: string;
}

/** As it was asked for: null is told apart from what is empty. */
export interface DeviceRequestSpec {
  readonly driver: string; // '' = the one that has the capabilities
  readonly count: number; // -1 = all
  readonly deviceIds: readonly string[] | null;
  /** One of the lists has to be met, with all that is in it. */
  readonly capabilities: readonly (readonly string[])[] | null;
  readonly options: Readonly<Record<string, string>> | null;
}
