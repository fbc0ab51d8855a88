/** Images as users work with them: the store is the image room's, their use is known by the containers. */
import type { Readable } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, invalid } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { TextMatcher } from '../../base/linear-match.ts';
import type { Log } from '../../base/log.ts';
import type { ImageStore } from '../../image/image-store.ts';
import type { ImageRecord } from '../../model/image.ts';
import { familiarName, familiarReference, parseReference, withDefaultTag } from '../../model/image-reference.ts';
import type { Platform } from '../../model/platform.ts';
import type { Filters } from '../../model/filters.ts';
import { isUp } from '../container/container-stop.ts';
import type { ContainerTable } from '../container/container-table.ts';
import type { Images } from '../ports.ts';
import type { EventBus } from '../system/event-bus.ts';
import { publishImageEvent } from './image-events.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';
import { booleanFilter } from '../volume/volume-service.ts';
import { anyNamePattern } from './name-pattern.ts';
import type { ImageView } from '../../model/views.ts';

export interface ImageNeeds {
  readonly images: Images;
  readonly containers: Pick<ContainerTable, 'all'>;
  readonly events: EventBus;
  readonly clock: Clock;
  readonly log: Log;
}

interface SaveNeeds {
  readonly images: Pick<Images, 'byId'> & Pick<ImageStore, 'save' | 'idsToSave'>;
  readonly events: EventBus;
}

interface LoadNeeds {
  readonly images: Pick<Images, 'byId'> & Pick<ImageStore, 'load'>;
  readonly events: EventBus;
}

/** As many as an image has layers, and as many that changed nothing. */
const MAX_ANCESTORS = 1000;

export function viewImage(needs: ImageNeeds, record: ImageRecord, sharedSizeBytes = -1): ImageView {
  const containers = needs.containers.all().filter((container) => container.imageId === record.id).length;
  return { record, containers, graph: graphOf(needs, record), sharedSizeBytes };
}

/** The image, then what it was made from, as far as that is here. @throws notFound */
export function imageHistory(needs: Pick<ImageNeeds, 'images'>, ref: string, platform?: Platform): ImageRecord[] {
  const chain: ImageRecord[] = [];
  for (let at: ImageRecord | undefined = needs.images.get(ref, platform); at && chain.length < MAX_ANCESTORS;) {
    chain.push(at);
    at = at.parent === '' ? undefined : needs.images.find(at.parent);
  }
  return chain;
}

function graphOf(needs: ImageNeeds, record: ImageRecord): ImageView['graph'] {
  try {
    return needs.images.graph(record);
  } catch (error) {
    needs.log.error({ image: record.id, error: errorMessage(error) }, 'the layers of an image cannot be shown');
    return {};
  }
}

export interface ImageListOptions {
  /** Those too that only others are based on. */
  readonly all: boolean;
  readonly filters: Filters;
  readonly sharedSize?: boolean;
}

export async function listImages(needs: ImageNeeds, options: ImageListOptions): Promise<ImageView[]> {
  const { filters } = options;
  const known = new Set(['before', 'dangling', 'label', 'reference', 'since', 'until']);
  for (const name of Object.keys(filters)) if (!known.has(name)) throw invalid(`invalid filter '${name}'`);
  const dangling = booleanFilter(filters, 'dangling');
  const bound = (name: string): ImageRecord[] => (filters[name] ?? []).map((ref) => needs.images.get(ref));
  const references = filters['reference']?.length ? await anyNamePattern(filters['reference']) : undefined;
  const [before, since] = [bound('before'), bound('since')];
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], needs.clock.now());
  const named: ImageRecord[] = [];
  const all = needs.images.list();
  const parents = new Set(options.all ? [] : all.map(({ parent }) => parent));
  const shared = options.sharedSize === true ? needs.images.sharedSizes() : undefined;
  await filterFairly(all, (image) => {
    if (parents.has(image.id) && image.repoTags.length + image.repoDigests.length === 0) return false;
    const restricted = references ? restrictTags(image, references) : image;
    return restricted !== undefined && named.push(restricted) > 0;
  });
  return named
    .filter((image) => dangling === undefined || dangling === (image.repoTags.length === 0))
    .filter((image) => matchesLabels(image.config.labels, filters['label'] ?? []))
    .filter(
      (image) =>
        before.every((other) => image.createdAt < other.createdAt) &&
        since.every((other) => image.createdAt > other.createdAt),
    )
    .filter((image) => Date.parse(image.createdAt) <= untilMs)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    .map((image) => viewImage(needs, image, shared?.get(image.id)));
}

/** `reference=` shows only the tags that match ('*' within a part, as Go's path.Match). */
function restrictTags(image: ImageRecord, matches: TextMatcher): ImageRecord | undefined {
  const repoTags = image.repoTags.filter((tag) => matches(tag) || matches(tag.replace(/:[^:/]+$/, '')));
  const repoDigests = image.repoDigests.filter((digest) => matches(digest) || matches(digest.replace(/@.*$/, '')));
  return repoTags.length + repoDigests.length > 0 ? { ...image, repoTags, repoDigests } : undefined;
}

/** Docker's events of a registry have the whole name for the actor, and no id. */
export function publishTransfer(needs: ImageNeeds, action: 'pull' | 'push', ref: string): void {
  const reference = withDefaultTag(parseReference(ref));
  const labels = needs.images.find(ref)?.config.labels ?? {};
  const subject = { id: familiarReference(reference), config: { labels } };
  publishImageEvent(needs.events, action, subject, familiarName(reference));
}

export function publishTag(needs: ImageNeeds, target: string): void {
  const reference = withDefaultTag(parseReference(target));
  publishImageEvent(needs.events, 'tag', needs.images.get(target), familiarReference(reference));
}

/** A build has made it: Docker tells of the image, and of each name that it got. */
export function publishBuilt(needs: Pick<ImageNeeds, 'images' | 'events'>, id: string, tags: readonly string[]): void {
  const image = needs.images.byId(id) ?? { id };
  publishImageEvent(needs.events, 'create', image);
  for (const tag of tags)
    publishImageEvent(needs.events, 'tag', image, familiarReference(withDefaultTag(parseReference(tag))));
}

/** One event for each image, when its archive has been read to the end. */
export async function saveImages(
  needs: SaveNeeds,
  refs: readonly string[],
  platforms?: readonly Platform[],
): Promise<Readable> {
  const ids = needs.images.idsToSave(refs);
  const tar = await needs.images.save(refs, platforms);
  return tar.once('end', () => publishEach(needs, 'save', ids));
}

export async function loadImages(
  needs: LoadNeeds,
  source: Readable,
  report: Parameters<LoadNeeds['images']['load']>[1],
  signal?: AbortSignal,
  platform?: Platform,
): Promise<void> {
  publishEach(needs, 'load', await needs.images.load(source, report, signal, platform));
}

function publishEach(
  needs: Pick<SaveNeeds, 'events'> & { images: Pick<Images, 'byId'> },
  action: string,
  ids: readonly string[],
): void {
  for (const id of new Set(ids)) publishImageEvent(needs.events, action, needs.images.byId(id) ?? { id });
}

export async function importImage(
  needs: ImageNeeds,
  source: Readable,
  options: { ref: string; message: string; changes: readonly string[]; platform: string },
  signal?: AbortSignal,
): Promise<string> {
  const id = await needs.images.importTar(source, options, signal);
  const image = needs.images.byId(id) ?? { id };
  if (options.ref !== '')
    publishImageEvent(needs.events, 'tag', image, familiarReference(withDefaultTag(parseReference(options.ref))));
  publishImageEvent(needs.events, 'import', image);
  return id;
}

/** The containers made from an image, or that mount it. */
function imageUsers(needs: ImageNeeds) {
  return (imageId: string) =>
    needs.containers
      .all()
      .filter(({ imageId: own, mounts }) => own === imageId || mounts.some((mount) => mount.imageId === imageId))
      .map((container) => ({ id: container.id, running: isUp(container) }));
}

export async function removeImage(
  needs: ImageNeeds,
  ref: string,
  { platform, ...options }: { force: boolean; prune: boolean; platform?: Platform },
): Promise<{ untagged?: string; deleted?: string }[]> {
  const before = needs.images.get(ref, platform);
  const result = needs.images.untagOrRemove(ref, { ...options, users: imageUsers(needs) });
  publishRemoval(needs.events, before, result);
  return result;
}

/** An image that is named by its id is deleted; other ids are those of layers. */
function publishRemoval(
  events: EventBus,
  image: ImageRecord,
  removed: readonly { readonly untagged?: string; readonly deleted?: string }[],
): void {
  for (const { untagged, deleted } of removed) {
    if (untagged !== undefined) publishImageEvent(events, 'untag', image);
    if (deleted === image.id) publishImageEvent(events, 'delete', { id: image.id });
  }
}

export async function pruneImages(
  needs: ImageNeeds,
  filters: Filters,
): Promise<{ deleted: { untagged?: string; deleted?: string }[]; spaceReclaimedBytes: number }> {
  for (const name of Object.keys(filters))
    if (!['dangling', 'until', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
  const danglingOnly = booleanFilter(filters, 'dangling') !== false;
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], needs.clock.now());
  const labelled = (image: ImageRecord): boolean =>
    matchesLabels(image.config.labels, filters['label'] ?? []) &&
    lacksLabels(image.config.labels, filters['label!'] ?? []);
  const { removed: deleted, spaceReclaimedBytes } = needs.images.prune({
    all: !danglingOnly,
    accept: (image) => Date.parse(image.createdAt) <= untilMs && labelled(image),
    users: imageUsers(needs),
    report: (image, removed) => publishRemoval(needs.events, image, removed),
  });
  needs.events.publish({
    type: 'image',
    action: 'prune',
    actorId: '',
    attributes: { reclaimed: String(spaceReclaimedBytes) },
  });
  return { deleted, spaceReclaimedBytes };
}
