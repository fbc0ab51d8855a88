/** The Mounts of a create request; the texts are Docker's. Whether a bind's source exists is checked by the engine. */
import { posix } from 'node:path';
import { invalid, notImplemented } from '../base/errors.ts';
import type { MountRequest } from '../wire/container-create.ts';
import { validateLabels } from './validate-labels.ts';

const PROPAGATIONS = new Set(['private', 'rprivate', 'slave', 'rslave', 'shared', 'rshared']);

export function validateMount(mount: MountRequest): void {
  if (mount.Type === 'cluster') throw notImplemented('This engine has no cluster volumes.');
  const complaint = mountComplaint(mount);
  if (complaint !== undefined)
    throw invalid(`invalid mount config for type ${JSON.stringify(mount.Type)}: ${complaint}`);
  validateLabels(mount.VolumeOptions?.Labels ?? {});
  refuseConflict(mount);
}

/** Docker's words, which it has at start only. */
function refuseConflict({ ReadOnly: readonly, BindOptions: bind }: MountRequest): void {
  if (!bind) return;
  const { ReadOnlyNonRecursive: writable, ReadOnlyForceRecursive: forced } = bind;
  const conflict = (what: string) => invalid(`mount options conflict: ${what}`);
  if (!readonly && writable) throw conflict('!ReadOnly && BindOptions.ReadOnlyNonRecursive');
  if (!readonly && forced) throw conflict('!ReadOnly && BindOptions.ReadOnlyForceRecursive');
  if (writable && forced) throw conflict('ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
}

function mountComplaint(mount: MountRequest): string | undefined {
  const { Type: type, Source: source, Target: target } = mount;
  if (target === '') return 'field Target must not be empty';
  const clean = posix.normalize(target);
  if (clean === '/' || clean === '//') return "invalid specification: destination can't be '/'";
  if (!target.startsWith('/')) return `invalid mount path: '${target}' mount path must be absolute`;
  if (mount.ImageOptions && ['bind', 'volume', 'tmpfs'].includes(type))
    return 'field ImageOptions must not be specified';
  switch (type) {
    case 'bind': {
      if (source === '') return 'field Source must not be empty';
      const propagation = mount.BindOptions?.Propagation ?? '';
      if (propagation !== '' && !PROPAGATIONS.has(propagation)) return `invalid propagation mode: ${propagation}`;
      if (mount.VolumeOptions) return 'field VolumeOptions must not be specified';
      if (!source.startsWith('/')) return `invalid mount path: '${source}' mount path must be absolute`;
      return undefined;
    }
    case 'volume':
      if (mount.BindOptions) return 'field BindOptions must not be specified';
      if (mount.VolumeOptions?.Subpath && source === '') return 'must not set Subpath when using anonymous volumes';
      if (mount.VolumeOptions?.Subpath && !isLocalPath(mount.VolumeOptions.Subpath)) {
        return 'subpath must be a relative path within the volume';
      }
      if (mount.ReadOnly && source === '') return 'must not set ReadOnly mode when using anonymous volumes';
      return undefined;
    case 'tmpfs':
      if (mount.BindOptions) return 'field BindOptions must not be specified';
      if (source !== '') return 'field Source must not be specified';
      if (mount.TmpfsOptions && mount.TmpfsOptions.SizeBytes < 0)
        return `invalid tmpfs size ${mount.TmpfsOptions.SizeBytes}: it must not be negative`;
      return undefined;
    case 'image':
      if (mount.BindOptions) return 'field BindOptions must not be specified';
      if (mount.VolumeOptions) return 'field VolumeOptions must not be specified';
      if (source === '') return 'field Source must not be empty';
      // The word is Docker's.
      if (mount.ImageOptions?.Subpath && !isLocalPath(mount.ImageOptions.Subpath))
        return 'subpath must be a relative path within the volume';
      return undefined;
    default:
      return 'mount type unknown';
  }
}

/** A path that stays where it is joined. */
function isLocalPath(path: string): boolean {
  const clean = posix.normalize(path);
  return !clean.startsWith('/') && clean !== '..' && !clean.startsWith('../');
}

export function validateTmpfsTarget(target: string): void {
  if (!target.startsWith('/')) throw invalid(`invalid mount path: '${target}' mount path must be absolute`);
  if (posix.normalize(target) === '/') throw invalid("invalid specification: destination can't be '/'");
}
