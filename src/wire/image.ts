/** Images as Docker's API spells them. */
export interface ImageSummaryJson {
  Containers: number;
  Created: number;
  Id: string;
  Labels: Readonly<Record<string, string>> | null;
  ParentId: string;
  RepoDigests: readonly string[];
  RepoTags: readonly string[];
  SharedSize: number;
  Size: number;
  VirtualSize?: number;
}

export interface ImageJson {
  Id: string;
  RepoTags: readonly string[];
  RepoDigests: readonly string[];
  Parent: string;
  Comment: string;
  Created?: string;
  ContainerConfig?: Record<string, unknown>;
  DockerVersion: string;
  Author: string;
  Config: Record<string, unknown>;
  Architecture: string;
  Variant?: string;
  Os: string;
  Size: number;
  VirtualSize?: number;
  GraphDriver: { Data: Readonly<Record<string, string>> | null; Name: string };
  RootFS: { Type: string; Layers?: readonly string[] };
  Metadata: { LastTagTime: string };
}

export interface ImageHistoryJson {
  Id: string;
  Created: number;
  CreatedBy: string;
  Tags: readonly string[] | null;
  Size: number;
  Comment: string;
}

export interface DistributionJson {
  Descriptor: { mediaType: string; digest: string; size: number };
  Platforms: readonly { architecture: string; os: string; variant?: string }[];
}

/** A line of pull, push, load and import output. */
export interface ProgressJson {
  status?: string;
  id?: string;
  stream?: string;
  progress?: string;
  progressDetail?: { current?: number; total?: number };
  aux?: unknown;
  errorDetail?: { message: string };
  error?: string;
}

export interface ImageDeleteJson {
  Untagged?: string;
  Deleted?: string;
}

export interface ImagesPrunedJson {
  ImagesDeleted: readonly ImageDeleteJson[] | null;
  SpaceReclaimed: number;
}
