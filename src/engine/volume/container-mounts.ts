/**
 * Resolves what a container's user asked to mount (binds, --mount, --tmpfs, volumes-from, the image's volumes) into
 * MountPoints, in Docker's order of precedence: volumes-from, then binds, then mounts, then anonymous volumes.
 */
import { isAbsolute, normalize } from 'node:path';
import { invalid } from '../../base/errors.ts';
import type { ContainerRecord, ContainerSpec } from '../../model/container.ts';
import type { MountPoint, MountSpec } from '../../model/mount.ts';
import type { MountSources } from '../../oci/mount-sources.ts';
import type { Images } from '../ports.ts';
import { parseBindText } from './bind-text.ts';
import { bindPropagation } from './data-root-binds.ts';
import { cleanTarget } from './mount-target.ts';
import type { VolumeService } from './volume-service.ts';

export interface MountContext {
  readonly dataRoot: string;
  readonly volumes: Pick<VolumeService, 'create'>;
  readonly images: Pick<Images, 'get'>;
  readonly sources: Pick<MountSources, 'look' | 'isThere' | 'make'>;
  findContainer(ref: string): ContainerRecord;
}

export async function resolveMounts(spec: ContainerSpec, context: MountContext): Promise<MountPoint[]> {
  const points = new Map<string, MountPoint>();
  for (const from of spec.host.volumesFrom) {
    for (const point of inheritedMounts(from, context)) points.set(point.destination, point);
  }
  const asked = new Set<string>();
  const { readonlyTopOnly } = spec.host;
  const take = (point: MountPoint, target: string) => {
    if (asked.has(point.destination)) throw invalid(`Duplicate mount point: ${target}`);
    asked.add(point.destination);
    const topOnly = readonlyTopOnly && point.type === 'bind' && !point.rw && point.below === undefined;
    points.set(point.destination, topOnly ? { ...point, below: 'writable' } : point);
  };
  for (const text of spec.host.binds) {
    const point = await bindMount(text, context);
    // Docker's rule: --mount type=tmpfs beside --tmpfs is no conflict, -v is one.
    if (Object.hasOwn(spec.host.tmpfs, point.destination)) throw invalid(`Duplicate mount point: ${point.destination}`);
    take(point, point.destination);
  }
  for (const mount of spec.host.mounts) take(await specMount(mount, context), mount.target);
  for (const path of spec.volumes) {
    const destination = volumeTarget(path);
    if (points.has(destination) || Object.hasOwn(spec.host.tmpfs, destination)) continue;
    const volume = await context.volumes.create({
      name: '',
      driver: spec.host.volumeDriver,
      labels: {},
      options: {},
      anonymous: true,
    });
    points.set(destination, volumePoint(volume.name, volume.mountpoint, destination, '', true, false));
  }
  return [...points.values()].sort((a, b) => (a.destination < b.destination ? -1 : 1));
}

function inheritedMounts(from: string, context: MountContext): MountPoint[] {
  const [ref, mode = ''] = from.split(':');
  if (mode !== '' && mode !== 'ro' && mode !== 'rw' && mode !== 'z' && mode !== 'Z')
    throw invalid(`invalid mode: ${mode}`);
  const source = context.findContainer(ref!);
  return source.mounts
    .filter((mount) => mount.type !== 'tmpfs')
    .map((mount) => ({ ...mount, rw: mount.rw && mode !== 'ro', mode }));
}

function volumeTarget(path: string): string {
  return cleanTarget(path, (reason) =>
    invalid(
      isAbsolute(path)
        ? `invalid volume specification: '${path}': invalid mount config for type "volume": ${reason}`
        : `invalid mount config for type "volume": ${reason}`,
    ),
  );
}

async function bindMount(text: string, { dataRoot, volumes, sources }: MountContext): Promise<MountPoint> {
  const { source, isPath, target, mode, readonly, propagation, noCopy } = parseBindText(text);
  if (isPath) {
    const clean = normalize(source).replace(/(.)\/+$/, '$1');
    const passing = bindPropagation(dataRoot, clean, propagation);
    // -v makes a missing source, as a directory; --mount refuses it.
    await sources.make(clean);
    return bindPoint(clean, target, mode, readonly, passing);
  }
  const volume = await volumes.create({ name: source, driver: '', labels: {}, options: {} });
  return volumePoint(volume.name, volume.mountpoint, target, mode === '' ? 'z' : mode, !readonly, noCopy);
}

async function specMount(mount: MountSpec, { dataRoot, volumes, images, sources }: MountContext): Promise<MountPoint> {
  const wrong = (reason: string) => invalid(`invalid mount config for type "${mount.type}": ${reason}`);
  if (mount.target === '') throw wrong('field Target must not be empty');
  const destination = cleanTarget(mount.target, wrong);
  if (mount.type === 'tmpfs') {
    if (mount.source !== '') throw wrong('field Source must not be specified');
    const options = [
      mount.readonly ? 'ro' : '',
      mount.tmpfs?.sizeBytes ? `size=${mount.tmpfs.sizeBytes}` : '',
      mount.tmpfs?.mode ? `mode=${mount.tmpfs.mode.toString(8)}` : '',
    ];
    return tmpfsPoint(destination, options.filter((option) => option !== '').join(','), !mount.readonly);
  }
  if (mount.type === 'bind') {
    if (mount.source === '') throw wrong('field Source must not be empty');
    if (!isAbsolute(mount.source)) throw wrong(`invalid mount path: '${mount.source}' mount path must be absolute`);
    if (mount.bind?.createMountpoint) await sources.make(mount.source);
    else if (!(await sources.isThere(mount.source))) throw wrong(`bind source path does not exist: ${mount.source}`);
    const point = bindPoint(
      normalize(mount.source),
      destination,
      '',
      mount.readonly,
      bindPropagation(dataRoot, mount.source, mount.bind?.propagation ?? ''),
    );
    const below = belowOf(mount);
    const subpath = mount.bind?.subpath;
    return { ...point, ...(below === undefined ? {} : { below }), ...(subpath ? { subpath } : {}) };
  }
  if (mount.type === 'image') {
    const point = imagePoint(mount.source, images.get(mount.source).id, destination);
    return mount.image?.subpath ? { ...point, subpath: mount.image.subpath } : point;
  }
  const anonymous = mount.source === '';
  const volume = await volumes.create({
    name: mount.source,
    driver: mount.volume?.driver ?? '',
    labels: mount.volume?.labels ?? {},
    options: mount.volume?.driverOpts ?? {},
    anonymous,
  });
  const subpath = mount.volume?.subpath ?? '';
  if (isAbsolute(subpath) || subpath.split('/').includes('..'))
    throw wrong('subpath must be a relative path within the volume');
  const point = volumePoint(
    volume.name,
    volume.mountpoint,
    destination,
    'z',
    !mount.readonly,
    mount.volume?.noCopy ?? false,
  );
  return subpath === '' ? point : { ...point, subpath };
}

function belowOf({ bind }: MountSpec): MountPoint['below'] {
  if (bind?.nonRecursive) return 'left out';
  if (bind?.readonlyNonRecursive) return 'writable';
  return bind?.readonlyForceRecursive ? 'readonly' : undefined;
}

function bindPoint(
  source: string,
  destination: string,
  mode: string,
  readonly: boolean,
  propagation: string,
): MountPoint {
  return {
    type: 'bind',
    name: '',
    source,
    destination,
    driver: '',
    mode,
    rw: !readonly,
    propagation,
    noCopy: true,
    tmpfsOptions: '',
  };
}

function volumePoint(
  name: string,
  source: string,
  destination: string,
  mode: string,
  rw: boolean,
  noCopy: boolean,
): MountPoint {
  return {
    type: 'volume',
    name,
    source,
    destination,
    driver: 'local',
    mode,
    rw,
    propagation: '',
    noCopy,
    tmpfsOptions: '',
  };
}

function imagePoint(name: string, imageId: string, destination: string): MountPoint {
  return {
    type: 'image',
    name,
    source: '',
    imageId,
    destination,
    driver: '',
    mode: '',
    rw: false,
    propagation: 'rprivate',
    noCopy: true,
    tmpfsOptions: '',
  };
}

function tmpfsPoint(destination: string, tmpfsOptions: string, rw: boolean): MountPoint {
  return {
    type: 'tmpfs',
    name: '',
    source: '',
    destination,
    driver: '',
    mode: '',
    rw,
    propagation: '',
    noCopy: true,
    tmpfsOptions,
  };
}

/** The subpath of a mount as its source and the path inside: older records have the two in one. */
export function subpathOf(mount: MountPoint, volumes: Pick<VolumeService, 'get'>): { source: string; subpath: string } {
  const { source, subpath = '' } = mount;
  const mountpoint = mount.type === 'volume' ? volumes.get(mount.name)?.mountpoint : undefined;
  if (subpath !== '' || mountpoint === undefined || !source.startsWith(`${mountpoint}/`)) return { source, subpath };
  return { source: mountpoint, subpath: source.slice(mountpoint.length + 1) };
}
