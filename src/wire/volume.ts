/** Volumes as Docker's API spells them. */
import * as v from 'valibot';
import { fields, text, textMap, type Sent } from './go-fields.ts';

export const volumeCreateSchema = fields({
  Name: text(),
  Driver: text(),
  DriverOpts: textMap(),
  Labels: textMap(),
  ClusterVolumeSpec: v.nullish(v.unknown(), null),
});

export type VolumeCreateBody = Sent<typeof volumeCreateSchema>;

export interface VolumeJson {
  CreatedAt?: string;
  Driver: string;
  Labels: Readonly<Record<string, string>> | null;
  Mountpoint: string;
  Name: string;
  Options: Readonly<Record<string, string>> | null;
  Scope: string;
  UsageData?: { RefCount: number; Size: number };
}

export interface VolumesJson {
  Volumes: readonly VolumeJson[] | null;
  Warnings: readonly string[] | null;
}

export interface VolumesPrunedJson {
  VolumesDeleted: readonly string[] | null;
  SpaceReclaimed: number;
}
