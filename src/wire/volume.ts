/** Volumes as Docker's API spells them. */
import * as v from 'valibot';
import { fields, text, textMap } from './go-fields.ts';

export const volumeCreateSchema = fields({
  Name: text(),
  Driver: text(),
  DriverOpts: textMap(),
  Labels: textMap(),
  ClusterVolumeSpec: v.nullish(v.unknown(), null),
});

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
