/** What each table of the store holds. */
import { containerShape, networkShape, volumeShape } from '../model/record-shapes.ts';
import type { ContainerRecord } from '../model/container.ts';
import type { VolumeRecord } from '../model/mount.ts';
import type { NetworkRecord } from '../model/network.ts';
import { sandboxShape } from '../network/table/sandbox-shape.ts';
import type { SandboxRecord } from '../network/table/sandbox.ts';
import type { StoreOptions } from '../store/store.ts';

export const RECORD_SHAPES: NonNullable<StoreOptions['shapes']> = {
  containers: { shape: containerShape, keyOf: (record: ContainerRecord) => record.id },
  networks: { shape: networkShape, keyOf: (record: NetworkRecord) => record.id },
  sandboxes: { shape: sandboxShape, keyOf: (record: SandboxRecord) => record.sandbox.containerId },
  volumes: { shape: volumeShape, keyOf: (record: VolumeRecord) => record.name },
};
