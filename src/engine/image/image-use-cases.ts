/** Images as users work with them: the store is the image room's, who uses them is the containers'. */
import type { Readable } from 'node:stream';
import { errorMessage, invalid } from '../../base/errors.ts';
import { filterFairly } from '../../base/fair-filter.ts';
import type { TextMatcher } from '../../base/linear-match.ts';
import type { ImageRecord } from '../../model/image.ts';
import { isUp } from '../container/container-stop.ts';
import type { EngineContext } from '../engine-context.ts';
import { lacksLabels, matchesLabels } from '../system/label-filter.ts';
import { parseUntilMs } from '../system/time-filter.ts';
import { booleanFilter } from '../volume/volume-service.ts';
import { anyNamePattern } from './name-pattern.ts';

type Filters = Readonly<Record<string, readonly string[]>>;

export interface ImageView {
  readonly record: ImageRecord;
  readonly containers: number;
  readonly graph: Readonly<Record<string, string>>;
}

export function viewImage(context: EngineContext, record: ImageRecord): ImageView {
  const containers = context.containers.all().filter((container) => container.imageId === record.id).length;
  return { record, containers, graph: graphOf(context, record) };
}

function graphOf(context: EngineContext, record: ImageRecord): ImageView['graph'] {
  try {
    return context.images.graph(record);
  } catch (error) {
    context.log.error({ image: record.id, error: errorMessage(error) }, 'the layers of an image cannot be shown');
    return {};
  }
}

export function publishImageEvent(context: EngineContext, action: string, id: string, name: string): void {
  const labels = context.images.find(id)?.config.labels ?? {};
  context.events.publish({ type: 'image', action, actorId: id, attributes: { ...labels, name } });
}

export async function listImages(context: EngineContext, options: { all: boolean; filters: Filters }): Promise<ImageView[]> {
  const { filters } = options;
  const known = new Set(['before', 'dangling', 'label', 'reference', 'since', 'until']);
  for (const name of Object.keys(filters)) if (!known.has(name)) throw invalid(`invalid filter '${name}'`);
  const dangling = booleanFilter(filters, 'dangling');
  const bound = (name: string): ImageRecord[] => (filters[name] ?? []).map((ref) => context.images.get(ref));
  const references = filters['reference']?.length ? await anyNamePattern(filters['reference']) : undefined;
  const [before, since] = [bound('before'), bound('since')];
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], context.clock.now());
  const named: ImageRecord[] = [];
  await filterFairly(context.images.list(), (image) => {
    const restricted = references ? restrictTags(image, references) : image;
    return restricted !== undefined && named.push(restricted) > 0;
  });
  return named
    .filter((image) => dangling === undefined || dangling === (image.repoTags.length === 0))
    .filter((image) => matchesLabels(image.config.labels, filters['label'] ?? []))
    .filter((image) => before.every((other) => image.createdAt < other.createdAt) && since.every((other) => image.createdAt > other.createdAt))
    .filter((image) => Date.parse(image.createdAt) <= untilMs)
    .sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1))
    .map((image) => viewImage(context, image));
}

/** `reference=` shows only the tags that match ('*' within a part, as Go's path.Match). */
function restrictTags(image: ImageRecord, matches: TextMatcher): ImageRecord | undefined {
  const repoTags = image.repoTags.filter((tag) => matches(tag) || matches(tag.replace(/:[^:/]+$/, '')));
  const repoDigests = image.repoDigests.filter((digest) => matches(digest) || matches(digest.replace(/@.*$/, '')));
  return repoTags.length + repoDigests.length > 0 ? { ...image, repoTags, repoDigests } : undefined;
}

export async function importImage(
  context: EngineContext,
  source: Readable,
  options: { ref: string; message: string; changes: readonly string[]; platform: string },
  signal?: AbortSignal,
): Promise<string> {
  const id = await context.images.importTar(source, options, signal);
  publishImageEvent(context, 'import', id, options.ref || id);
  return id;
}

/** Who was made from an image. */
function imageUsers(context: EngineContext) {
  return (imageId: string) =>
    context.containers.all().filter((container) => container.imageId === imageId).map((container) => ({ id: container.id, running: isUp(container) }));
}

export async function removeImage(
  context: EngineContext,
  ref: string,
  options: { force: boolean; prune: boolean },
): Promise<{ untagged?: string; deleted?: string }[]> {
  const before = context.images.get(ref);
  const result = context.images.untagOrRemove(ref, { ...options, users: imageUsers(context) });
  for (const { untagged, deleted } of result) {
    if (untagged !== undefined) publishImageEvent(context, 'untag', before.id, before.id);
    if (deleted === before.id) publishImageEvent(context, 'delete', before.id, before.id);
  }
  return result;
}

export async function pruneImages(context: EngineContext, filters: Filters): Promise<{ deleted: { untagged?: string; deleted?: string }[]; spaceReclaimedBytes: number }> {
  for (const name of Object.keys(filters)) if (!['dangling', 'until', 'label', 'label!'].includes(name)) throw invalid(`invalid filter '${name}'`);
  const danglingOnly = booleanFilter(filters, 'dangling') !== false;
  const untilMs = filters['until']?.[0] === undefined ? Infinity : parseUntilMs(filters['until'][0], context.clock.now());
  const labelled = (image: ImageRecord): boolean =>
    matchesLabels(image.config.labels, filters['label'] ?? []) && lacksLabels(image.config.labels, filters['label!'] ?? []);
  const { removed: deleted, spaceReclaimedBytes } = context.images.prune({
    all: !danglingOnly,
    accept: (image) => Date.parse(image.createdAt) <= untilMs && labelled(image),
    users: imageUsers(context),
  });
  context.events.publish({ type: 'image', action: 'prune', actorId: '', attributes: { reclaimed: String(spaceReclaimedBytes) } });
  return { deleted, spaceReclaimedBytes };
}
