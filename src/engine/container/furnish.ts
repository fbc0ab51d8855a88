/** What a new container's files are given before it is ever started: its working directory, and the image's content in
 * its volumes. */
import { copyUp } from '../../image/copy-up.ts';
import { makeWorkingDirectory } from '../../image/image-directory.ts';
import type { MountPoint } from '../../model/mount.ts';
import type { MountSources } from '../../oci/mount-sources.ts';
import type { ContainerRootfs } from '../ports.ts';
import { subpathOf } from '../volume/container-mounts.ts';
import type { VolumeService } from '../volume/volume-service.ts';

interface FurnishNeeds {
  readonly sources: Pick<MountSources, 'lookThrough'>;
  readonly volumes: Pick<VolumeService, 'get'>;
  readonly rootfs: Pick<ContainerRootfs, 'mount' | 'unmount' | 'certainlyHasDirectory'>;
}

interface NewContainer {
  readonly id: string;
  readonly mounts: readonly MountPoint[];
  readonly workingDir: string;
}

/** Mounts the root file system only where there is something to do. */
export async function furnish(needs: FurnishNeeds, { id, mounts, workingDir }: NewContainer): Promise<void> {
  const filled = mounts.filter((mount) => mount.type === 'volume' && !mount.noCopy);
  const lacksDirectory = workingDir !== '' && !needs.rootfs.certainlyHasDirectory(id, workingDir);
  if (filled.length === 0 && !lacksDirectory) return;
  // So that none is looked into that does not answer.
  for (const mount of filled) await needs.sources.lookThrough(subpathOf(mount, needs.volumes).source);
  const root = needs.rootfs.mount(id);
  try {
    if (lacksDirectory) makeWorkingDirectory(root, workingDir);
    for (const mount of filled)
      await copyUp(root, { ...subpathOf(mount, needs.volumes), destination: mount.destination, readonly: false });
  } finally {
    needs.rootfs.unmount(id);
  }
}
