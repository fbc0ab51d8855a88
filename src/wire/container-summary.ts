/** What GET /containers/json and the smaller container routes answer. */
import type { EndpointSettingsJson, MountPointJson } from './container-inspect.ts';

export interface PortJson {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

export interface ContainerSummaryJson {
  Id: string;
  Names: readonly string[];
  Image: string;
  ImageID: string;
  Command: string;
  Created: number;
  Ports: readonly PortJson[];
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Readonly<Record<string, string>>;
  State: string;
  Status: string;
  /** Since API 1.52. */
  Health?: { Status: string; FailingStreak: number };
  HostConfig: { NetworkMode?: string; Annotations?: Readonly<Record<string, string>> };
  NetworkSettings: { Networks: Record<string, EndpointSettingsJson> };
  Mounts: readonly MountPointJson[];
}

export interface CreateResponseJson {
  Id: string;
  Warnings: readonly string[];
}

export interface WaitResponseJson {
  StatusCode: number;
  Error?: { Message: string };
}

export interface TopResponseJson {
  Processes: readonly (readonly string[])[];
  Titles: readonly string[];
}

export interface UpdateResponseJson {
  Warnings: readonly string[] | null;
}

export interface ContainerChangeJson {
  Path: string;
  Kind: number;
}

export interface ContainersPrunedJson {
  ContainersDeleted: readonly string[] | null;
  SpaceReclaimed: number;
}
