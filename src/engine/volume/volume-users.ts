/** The containers that have a volume among their mounts. */
import type { AsideRecord } from '../../store/aside.ts';
import type { ContainerTable } from '../container/container-table.ts';
import type { VolumeUsers } from './volume-service.ts';

export function volumeUsers(
  containers: Pick<ContainerTable, 'all'>,
  setAside: ReadonlyMap<string, AsideRecord>,
): VolumeUsers {
  return {
    // A container that is being removed holds its volumes no longer.
    usersOf: (volume) => [
      ...containers
        .all()
        .filter((record) => record.state.status !== 'removing' && record.mounts.some((mount) => mount.name === volume))
        .map((record) => record.id),
      // What an unreadable record mounts is unknown: a volume that it merely names is kept for it.
      ...[...setAside.values()].filter(({ content }) => content.includes(volume)).map(({ key }) => key),
    ],
  };
}
