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
