/** What the image routes need of an engine. */
import type { Readable } from 'node:stream';
import type { ImageRecord } from '../../model/image.ts';
import type { Filters } from '../../model/filters.ts';
import type { Platform } from '../../model/platform.ts';
import type { ImageView } from '../../model/views.ts';
import type { Distribution, RegistryAuth, ReportProgress } from '../../model/registry.ts';

export interface ImageBackend {
  listImages(options: { all: boolean; filters: Filters; sharedSize?: boolean }): Promise<ImageView[]>;
  /** notFound where it is for another platform. */
  inspectImage(ref: string, platform?: Platform): Promise<ImageView>;
  /** The image, then what it was made from, as far as that is here. */
  imageHistory(ref: string, platform?: Platform): Promise<ImageRecord[]>;
  pull(
    ref: string,
    auth: RegistryAuth | null,
    platform: string,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    ref: string,
    auth: RegistryAuth | null,
    platform: Platform | undefined,
    report: ReportProgress,
    signal: AbortSignal,
  ): Promise<void>;
  /** What a registry has under a name. */
  distribution(ref: string, auth: RegistryAuth | null, signal: AbortSignal): Promise<Distribution>;
  tag(ref: string, target: string): Promise<void>;
  removeImage(
    ref: string,
    options: { force: boolean; prune: boolean; platform?: Platform },
  ): Promise<{ untagged?: string; deleted?: string }[]>;
  importImage(
    source: Readable,
    options: { ref: string; message: string; changes: readonly string[]; platform: string },
    signal?: AbortSignal,
  ): Promise<string>; // id
  /** With `platform`: only images for that one. */
  loadImages(source: Readable, report: ReportProgress, signal?: AbortSignal, platform?: Platform): Promise<void>;
  saveImages(refs: readonly string[], platforms?: readonly Platform[]): Promise<Readable>;
  pruneImages(
    filters: Filters,
  ): Promise<{ deleted: { untagged?: string; deleted?: string }[]; spaceReclaimedBytes: number }>;
}
