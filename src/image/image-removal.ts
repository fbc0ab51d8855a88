/** `docker rmi`: what may be removed and what is only untagged. Rules, order and words are Docker's. */
import { conflict } from '../base/errors.ts';
import { shortId } from '../model/ids.ts';
import {
  familiarReference,
  formatReference,
  parseReference,
  repositoryOf,
  withDefaultTag,
} from '../model/image-reference.ts';
import { digestOf } from './blob-store.ts';
import type { ImageCatalog } from './image-catalog.ts';

export interface ImageUser {
  readonly id: string; // the container's
  readonly running: boolean;
}

export interface RemovalOptions {
  readonly force: boolean;
  /** Remove parents that have no name, too. */
  readonly prune: boolean;
  /** The containers that were made from an image. */
  readonly users: (imageId: string) => readonly ImageUser[];
  /** True while a container's file system is made of the image's layers. */
  readonly isMounted: (imageId: string) => boolean;
}

export interface RemovedItem {
  readonly untagged?: string;
  readonly deleted?: string;
}

interface Conflict {
  readonly message: string;
  readonly used: boolean;
}

/** Untags or removes what `ref` (already found to be image `id`) means. */
export function removeImage(catalog: ImageCatalog, ref: string, id: string, options: RemovalOptions): RemovedItem[] {
  const removed: RemovedItem[] = [];
  const { force } = options;
  let references = catalog.references(id);
  let removedReference = false;
  if (!isIdPrefix(id, ref)) {
    const user = options.users(id)[0];
    if (!force && isSingleReference(references) && user) {
      throw conflict(
        `conflict: unable to remove repository reference ${JSON.stringify(ref)} (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(id)}`,
      );
    }
    const target = withDefaultTag(parseReference(ref));
    const gone = [formatReference(target.digest === '' ? target : { ...target, tag: '' })];
    references = references.filter((reference) => reference !== gone[0]);
    if (target.digest === '') {
      // Digest references of a repository go with its last tag.
      const repository = repositoryOf(target);
      const same = references.filter((reference) => repositoryOf(parseReference(reference)) === repository);
      if (same.every((reference) => reference.includes('@'))) gone.push(...same);
    }
    references = references.filter((reference) => !gone.includes(reference));
    untag(catalog, gone, removed);
    if (references.length > 0) return removed;
    removedReference = true;
  } else if (isSingleReference(references)) {
    const found = findConflict(catalog, id, options, { soft: !force, references: false });
    if (found) throw conflict(found.message);
    untag(catalog, references, removed);
  }
  deleteImage(catalog, id, options, force, removedReference, removed);
  return removed;
}

function isIdPrefix(id: string, ref: string): boolean {
  return id.startsWith(ref) || id.startsWith(`sha256:${ref}`);
}

/** All in one repository, and at most one of them a tag. */
function isSingleReference(references: readonly string[]): boolean {
  if (references.length <= 1) return true;
  const names = references.map((reference) => parseReference(reference));
  const oneRepository = new Set(names.map(repositoryOf)).size === 1;
  return oneRepository && names.filter((name) => name.digest === '').length <= 1;
}

function untag(catalog: ImageCatalog, references: readonly string[], removed: RemovedItem[]): void {
  if (references.length === 0) return;
  catalog.removeReferences(references);
  for (const reference of references) removed.push({ untagged: familiarReference(parseReference(reference)) });
}

/** True while an image that was made from it is there. */
export function hasChildren(catalog: ImageCatalog, id: string): boolean {
  return catalog.ids().some((other) => catalog.state.images.get(other)?.parent === id);
}

function findConflict(
  catalog: ImageCatalog,
  id: string,
  options: RemovalOptions,
  check: { soft: boolean; references: boolean },
): Conflict | undefined {
  const say = (hard: boolean, why: string) =>
    `conflict: unable to delete ${shortId(id)} (${hard ? 'cannot be forced' : 'must be forced'}) - ${why}`;
  if (hasChildren(catalog, id)) return { message: say(true, 'image has dependent child images'), used: false };
  const users = options.users(id);
  const running = users.find((user) => user.running);
  if (running)
    return { message: say(true, `image is being used by running container ${shortId(running.id)}`), used: true };
  if (!check.soft) return undefined;
  if (check.references && catalog.references(id).length > 0) {
    return { message: say(false, 'image is referenced in multiple repositories'), used: false };
  }
  const stopped = users[0];
  if (stopped)
    return { message: say(false, `image is being used by stopped container ${shortId(stopped.id)}`), used: true };
  return undefined;
}

function deleteImage(
  catalog: ImageCatalog,
  id: string,
  options: RemovalOptions,
  force: boolean,
  quiet: boolean,
  removed: RemovedItem[],
): void {
  const found = findConflict(catalog, id, options, { soft: !force, references: true });
  if (found) {
    // Having untagged something, it is enough; unless the image would dangle, unused, without any notice.
    const dangling = catalog.references(id).length === 0 && !hasChildren(catalog, id);
    if (quiet && (!dangling || found.used)) return;
    throw conflict(found.message);
  }
  const parent = catalog.state.images.get(id)?.parent ?? '';
  untag(catalog, catalog.references(id), removed);
  const layersBefore = new Map(chains(catalog, id));
  if (options.isMounted(id) || catalog.state.images.get(id)?.kept)
    catalog.updateImage(id, { hidden: true, parent: '' });
  else catalog.forget([id]);
  removed.push({ deleted: id });
  // Docker names the layers that went with it, the topmost first.
  for (const [chain, diffId] of [...layersBefore].reverse()) {
    if (!catalog.state.layers.has(diffId)) removed.push({ deleted: chain });
  }
  if (!options.prune || parent === '' || !catalog.state.images.has(parent)) return;
  try {
    deleteImage(catalog, parent, options, false, true, removed);
  } catch {
    // A parent that is still wanted stays.
  }
}

function chains(catalog: ImageCatalog, id: string): [chain: string, diffId: string][] {
  const { diffIds } = catalog.record(id);
  const ids = chainIds(diffIds);
  return ids.map((chain, i) => [chain, diffIds[i]!]);
}

/** OCI chain ids: what a stack of layers is called, lowest first. */
function chainIds(diffIds: readonly string[]): string[] {
  const result: string[] = [];
  for (const diffId of diffIds) {
    const below = result.at(-1);
    result.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return result;
}
