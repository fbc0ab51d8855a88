import type { VolumeRecord } from '../../model/mount.ts';
import type { Filters } from '../../model/filters.ts';

export interface VolumeView {
  readonly record: VolumeRecord;
  readonly refCount: number;
  readonly sizeBytes: number; // -1 when not computed
}

export interface VolumeBackend {
  createVolume(spec: {
    name: string;
    driver: string;
    labels: Readonly<Record<string, string>>;
    options: Readonly<Record<string, string>>;
  }): Promise<VolumeView>;
  inspectVolume(name: string): Promise<VolumeView>;
  listVolumes(filters: Filters, options?: { size: boolean }): Promise<VolumeView[]>;
  removeVolume(name: string, force: boolean): Promise<void>;
  pruneVolumes(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }>;
}
