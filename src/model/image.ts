import type { Healthcheck } from './health.ts';

/** The runtime part of an image's config. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[] | null;
  readonly cmd: readonly string[] | null;
  readonly workingDir: string;
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
  readonly healthcheck: Healthcheck | null;
  readonly shell: readonly string[] | null;
  readonly onBuild: readonly string[] | null;
  readonly argsEscaped?: boolean;
}

export interface ImageHistory {
  readonly createdAt: string;
  readonly createdBy: string;
  readonly comment: string;
  readonly author: string;
  readonly emptyLayer: boolean;
}

/** An image in the store; its id is the digest of its OCI config blob. */
export interface ImageRecord {
  readonly id: string; // 'sha256:...'
  readonly createdAt: string;
  readonly author: string;
  readonly architecture: string;
  readonly variant: string;
  readonly os: string;
  readonly config: ImageConfig;
  readonly history: readonly ImageHistory[];
  readonly diffIds: readonly string[]; // layers, lowest first
  readonly layers: readonly string[]; // the blobs' digests, lowest first, as in the manifest
  readonly layerSizesBytes: readonly number[]; // unpacked, lowest first
  readonly sizeBytes: number; // all of them
  readonly repoTags: readonly string[]; // 'busybox:latest'
  readonly repoDigests: readonly string[]; // 'busybox@sha256:...'
  readonly parent: string;
  readonly comment: string;
  readonly lastTaggedAt: string; // RFC 3339; '' = never got a name here
}
