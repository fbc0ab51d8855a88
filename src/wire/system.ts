/** Version, info, events, disk usage and registry logins as Docker's API spells them. */
import type { ContainerSummaryJson } from './container-summary.ts';
import { fields, text, type Sent } from './go-fields.ts';
import type { ImageSummaryJson } from './image.ts';
import type { BuildCacheJson } from './build.ts';
import type { VolumeJson } from './volume.ts';

export const authSchema = fields({
  username: text(),
  password: text(),
  auth: text(),
  email: text(),
  serveraddress: text(),
  identitytoken: text(),
  registrytoken: text(),
});

export type AuthBody = Sent<typeof authSchema>;

export interface VersionJson {
  Platform: { Name: string };
  Components: readonly { Name: string; Version: string; Details?: Readonly<Record<string, string>> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  BuildTime: string;
}

export interface EventJson {
  status?: string;
  id?: string;
  from?: string;
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Readonly<Record<string, string>> };
  scope: string;
  time: number;
  timeNano: number;
}

/** Of one kind of object; what is zero is left out. */
export interface UsageJson<T> {
  ActiveCount?: number;
  Items?: readonly T[];
  Reclaimable?: number;
  TotalCount?: number;
  TotalSize?: number;
}

/** Since API 1.52. */
export interface UsageByKindJson {
  ImageUsage?: UsageJson<ImageSummaryJson>;
  ContainerUsage?: UsageJson<ContainerSummaryJson>;
  VolumeUsage?: UsageJson<VolumeJson>;
  BuildCacheUsage?: UsageJson<BuildCacheJson>;
}

export interface DiskUsageJson {
  LayersSize: number;
  Images: readonly ImageSummaryJson[] | null;
  Containers: readonly ContainerSummaryJson[] | null;
  Volumes: readonly VolumeJson[] | null;
  BuildCache: readonly BuildCacheJson[] | null;
}

export interface ErrorJson {
  message: string;
  /**
   * In addition to Docker's: of a start that the runtime refused, 127 where there is no such program and 126 where it
   * may not be executed.
   */
  exitCode?: number;
}

export interface AuthResponseJson {
  Status: string;
  IdentityToken?: string;
}

/** A created object, of which only the name is returned. */
export interface IdJson {
  Id: string;
}
