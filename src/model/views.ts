/** What is shown of containers, images and networks: their records, and what is known of them besides. */
import type { ContainerRecord } from './container.ts';
import type { Endpoint } from './endpoint.ts';
import type { ImageRecord } from './image.ts';
import type { NetworkRecord } from './network.ts';

/** What a list shows of a container. */
export interface ListedContainer {
  /** Replaced whole by each change. */
  readonly record: ContainerRecord;
  /** Every name: its own, then 'recipient/alias' for each link that points to it; no slashes in front. */
  readonly names: readonly string[];
  /** The image reference to show: as created, or the id where the tag has moved. */
  readonly imageRef: string;
  readonly endpoints: readonly Endpoint[]; // live ones, in interface order; replaced whole by each change
  /** Of a running container that shares another one's network, which is down or gone: the name, or id, of that one. */
  readonly networkLost?: string;
  readonly sizeRwBytes?: number; // when asked for
  readonly sizeRootFsBytes?: number;
}

export interface ContainerView extends ListedContainer {
  readonly sandboxId: string; // '' when not running
  /** What it cannot be started without and is not there, in a sentence. */
  readonly missing?: string;
  readonly sandboxKey: string; // the netns path
  readonly execIds: readonly string[];
  readonly paths: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
    readonly log: string;
  };
  readonly graph: Readonly<Record<string, string>>; // overlay2 LowerDir, MergedDir, UpperDir, WorkDir
  readonly platform: string; // 'linux'
}

export interface ImageView {
  readonly record: ImageRecord;
  readonly containers: number; // how many containers use it
  readonly graph: Readonly<Record<string, string>>;
  readonly sharedSizeBytes: number; // of its size, what other images have too; -1 when not asked for
}

/** How full one subnet is. */
export interface PoolUsage {
  readonly subnet: string;
  readonly ipsInUse: bigint;
  readonly dynamicIpsAvailable: bigint;
}

export interface NetworkView {
  readonly record: NetworkRecord;
  readonly endpoints: readonly (Endpoint & { readonly containerName: string })[];
  readonly pools: readonly PoolUsage[];
}
