/**
 * What the use-cases need of the rooms below, by purpose, at most ten methods each. A use-case declares which of them
 * it uses, so a test has to give it no more than that; `createEngine` passes the real ones.
 */
import type { ImageStore } from '../image/image-store.ts';
import type { RootfsStore } from '../image/rootfs.ts';
import type { NetworkService } from '../network/service.ts';
import type { Runtime } from '../oci/runtime.ts';

/** A container's networking from the start of a run to its end. */
export type RunNetwork = Pick<
  NetworkService,
  'sandbox' | 'join' | 'rejoin' | 'leave' | 'park' | 'releaseParked' | 'setHealth' | 'containerStarted' | 'filesShared'
>;

/** Changes of one that is there. */
export type LiveNetwork = Pick<
  NetworkService,
  'sandbox' | 'request' | 'connect' | 'disconnect' | 'publish' | 'unpublish' | 'setLinks' | 'rename' | 'statistics'
>;

/** Which containers exist, also those that do not run: their names, and the addresses that they asked for. */
export type KnownContainers = Pick<NetworkService, 'remember' | 'forget' | 'checkConnection'>;

/** What is done with the network when a daemon starts. */
export type NetworkRecovery = Pick<
  NetworkService,
  'recall' | 'restore' | 'sandbox' | 'request' | 'rename' | 'remember' | 'setHealth'
>;

/** The networks themselves. */
export type Networks = Pick<NetworkService, 'networks' | 'endpoints' | 'createNetwork' | 'removeNetwork' | 'poolUsage'>;

/** A container's process from the start of a run to its end. */
export type RunRuntime = Pick<
  Runtime,
  'create' | 'start' | 'attach' | 'kill' | 'pause' | 'thaw' | 'resume' | 'interrupt' | 'delete' | 'forgetExit'
>;

/** What else is done with one that runs. */
export type LiveRuntime = Pick<Runtime, 'runs' | 'exec' | 'attach' | 'resize' | 'update' | 'processes'>;

/** What the runtime knows when a daemon starts. */
export type RuntimeRecovery = Pick<Runtime, 'recover' | 'knownIds' | 'isPaused' | 'delete' | 'forgetExit'>;

/** The root file system of a container, from its creation to its removal. */
export type ContainerRootfs = Pick<
  RootfsStore,
  | 'create'
  | 'settle'
  | 'mount'
  | 'lend'
  | 'unmount'
  | 'remove'
  | 'certainlyHasDirectory'
  | 'mountImage'
  | 'hasImage'
  | 'isMounted'
>;

/** What is in it. */
export type RootfsContents = Pick<RootfsStore, 'missing' | 'graph' | 'sizeBytes' | 'changes' | 'upperDir'>;

/** What there is of them, when a daemon starts. */
export type RootfsRecovery = Pick<RootfsStore, 'unmount' | 'relink' | 'retain'>;

export type Images = Pick<
  ImageStore,
  'find' | 'get' | 'byId' | 'list' | 'graph' | 'importTar' | 'commitLayer' | 'untagOrRemove' | 'prune' | 'sharedSizes'
>;

/** What the engine itself mounts for a run. */
export interface RunMounts {
  mountSharedMemory(directory: string, sizeBytes: number): void;
  /** What is not there is fine. */
  unmountSharedMemory(directory: string): void;
  mountSubpath(directory: string, source: string, subpath: string): { place: string; isFile: boolean };
  /** Directories in a root filesystem, where they are missing. */
  makeMountPlaces(root: string, targets: readonly string[]): void;
  /** An empty directory for what else is to be mounted, which goes with the subpaths. */
  makePlace(directory: string): string;
  /** The source without what is mounted below it. */
  mountAlone(directory: string, source: string, passing: boolean): { place: string; isFile: boolean };
  /** All of them; none is fine. */
  unmountSubpaths(directory: string): void;
  /** Those in every directory in that one; what could not be taken away. */
  unmountSubpathsLeft(parent: string): ReadonlyMap<string, unknown>;
}
