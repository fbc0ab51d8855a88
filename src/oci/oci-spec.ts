/** The part of the OCI runtime specification (config.json) that the engine writes. Names are the specification's. */
export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

export interface OciCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface OciRlimit {
  readonly type: string; // 'RLIMIT_NOFILE'
  readonly soft: number;
  readonly hard: number;
}

export interface OciProcess {
  readonly terminal: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: OciUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: OciCapabilities;
  readonly rlimits?: readonly OciRlimit[];
  readonly noNewPrivileges?: boolean;
  readonly oomScoreAdj?: number;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
}

export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface OciDevice {
  readonly path: string;
  readonly type: 'c' | 'b' | 'p' | 'u';
  readonly major: number;
  readonly minor: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'b' | 'c';
  readonly major?: number;
  readonly minor?: number;
  readonly access?: string;
}

export interface OciHook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  readonly timeout?: number; // seconds
}

/** Programs of the host that the runtime runs, by the moment. */
export interface OciHooks {
  readonly prestart?: readonly OciHook[];
  readonly createRuntime?: readonly OciHook[];
  readonly createContainer?: readonly OciHook[];
  readonly startContainer?: readonly OciHook[];
  readonly poststart?: readonly OciHook[];
  readonly poststop?: readonly OciHook[];
}

export interface OciIntelRdt {
  readonly closID: string;
  readonly l3CacheSchema: string;
  readonly memBwSchema: string;
  readonly enableCMT: boolean;
  readonly enableMBM: boolean;
}

export interface OciResources {
  readonly devices?: readonly OciDeviceRule[];
  readonly memory?: {
    readonly limit?: number;
    readonly reservation?: number;
    readonly swap?: number;
    readonly swappiness?: number;
    readonly disableOOMKiller?: boolean;
  };
  readonly cpu?: {
    readonly shares?: number;
    readonly quota?: number;
    readonly period?: number;
    readonly realtimeRuntime?: number;
    readonly realtimePeriod?: number;
    readonly cpus?: string;
    readonly mems?: string;
  };
  readonly pids?: { readonly limit: number };
  readonly blockIO?: OciBlockIo;
}

export interface OciDeviceRate {
  readonly major: number;
  readonly minor: number;
  readonly rate: number;
}

export interface OciBlockIo {
  readonly weight?: number;
  readonly weightDevice?: readonly { readonly major: number; readonly minor: number; readonly weight: number }[];
  readonly throttleReadBpsDevice?: readonly OciDeviceRate[];
  readonly throttleWriteBpsDevice?: readonly OciDeviceRate[];
  readonly throttleReadIOPSDevice?: readonly OciDeviceRate[];
  readonly throttleWriteIOPSDevice?: readonly OciDeviceRate[];
}

export type OciNamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup';

export interface OciNamespace {
  readonly type: OciNamespaceType;
  readonly path?: string;
}

export type SeccompAction =
  | 'SCMP_ACT_KILL'
  | 'SCMP_ACT_KILL_PROCESS'
  | 'SCMP_ACT_KILL_THREAD'
  | 'SCMP_ACT_TRAP'
  | 'SCMP_ACT_ERRNO'
  | 'SCMP_ACT_TRACE'
  | 'SCMP_ACT_ALLOW'
  | 'SCMP_ACT_LOG'
  | 'SCMP_ACT_NOTIFY';

export interface OciSeccompArg {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string; // 'SCMP_CMP_EQ'
}

export interface OciSyscall {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly OciSeccompArg[];
}

export interface OciSeccomp {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly syscalls?: readonly OciSyscall[];
}

export interface OciSpec {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly: boolean };
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly OciMount[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly hooks?: OciHooks;
  readonly linux: {
    readonly intelRdt?: OciIntelRdt;
    readonly namespaces: readonly OciNamespace[];
    readonly resources: OciResources;
    readonly cgroupsPath: string;
    readonly devices: readonly OciDevice[];
    readonly sysctl?: Readonly<Record<string, string>>;
    readonly seccomp?: OciSeccomp;
    readonly maskedPaths?: readonly string[];
    readonly readonlyPaths?: readonly string[];
    readonly rootfsPropagation?: string;
    readonly mountLabel?: string;
  };
}
