/**
 * Archives of Docker before 1.10: a directory for each layer, `ID/json` with its configuration and its parent's ID and
 * `ID/layer.tar`, and `repositories` with the names. What had no history in one place gets it, as Docker does it.
 */
import { invalid } from '../base/errors.ts';
import { parseReference, withDefaultTag, type ImageReference } from '../model/image-reference.ts';
import { readJson, type ArchivedImage, type ArchiveFiles } from './archive-files.ts';
import type { ImageCatalog } from './image-catalog.ts';
import type { Pins } from './pins.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Of the old configuration; nobody asks for these any more. */
const DROPPED = new Set(['id', 'parent', 'Size', 'parent_id', 'layer_id', 'throwaway']);

/** Each is made of up to 125 of the archive's directories. */
const MAX_IMAGES = 1000;

/** What is kept of the configurations of all directories while the images are put together. */
const MAX_HISTORY_BYTES = 64 * 1024 * 1024;

/** Images that have a name, and those that no other is based on, one after the other. Unpacks their layers. */
export async function* legacyArchive(
  catalog: ImageCatalog,
  files: ArchiveFiles,
  pins: Pins,
): AsyncGenerator<ArchivedImage> {
  const old = new OldImages(catalog, files, pins);
  const tags = tagsIn(await readJson(catalog, files.need('repositories'), 'repositories'));
  const ids = new Set([...tags.keys(), ...(await old.heads())]);
  if (ids.size > MAX_IMAGES) throw invalid(`the archive holds more than ${MAX_IMAGES} images: load them in parts`);
  for (const id of ids) yield await old.image(id, tags.get(id) ?? []);
}

/** By the old id. */
function tagsIn(json: unknown): Map<string, ImageReference[]> {
  const tags = new Map<string, ImageReference[]>();
  if (!isObject(json)) throw invalid('invalid repositories: no names');
  for (const [name, ids] of Object.entries(json)) {
    if (!isObject(ids)) throw invalid(`invalid repositories: ${JSON.stringify(name.slice(0, 200))} has no tags`);
    for (const [tag, id] of Object.entries(ids)) {
      const reference = withDefaultTag(parseReference(`${name}:${tag}`));
      tags.set(text(id), [...(tags.get(text(id)) ?? []), reference]);
    }
  }
  return tags;
}

/** What an image has of each directory that it is made of. */
interface Step {
  readonly parent: string;
  readonly history: Json;
}

class OldImages {
  readonly #catalog: ImageCatalog;
  readonly #files: ArchiveFiles;
  readonly #pins: Pins;
  /** By the digest of the layer's file: images share those of their parents. */
  readonly #diffIds = new Map<string, string>();
  /** By the digest of the configuration's file, which so is read once, however many images it is a part of. */
  readonly #steps = new Map<string, Step>();
  #historyBytes = 0;

  constructor(catalog: ImageCatalog, files: ArchiveFiles, pins: Pins) {
    this.#catalog = catalog;
    this.#files = files;
    this.#pins = pins;
  }

  async #read(id: string): Promise<Json> {
    const json = await readJson(this.#catalog, this.#files.need(`${id}/json`), `${id}/json`);
    if (!isObject(json)) throw invalid(`invalid ${id}/json: no configuration of an image`);
    return json;
  }

  async #step(id: string): Promise<Step> {
    const digest = this.#files.need(`${id}/json`);
    const known = this.#steps.get(digest);
    if (known) return known;
    const json = await this.#read(id);
    const step = { parent: text(json['parent']), history: historyOf(json) };
    this.#historyBytes += JSON.stringify(step).length;
    if (this.#historyBytes > MAX_HISTORY_BYTES)
      throw invalid(`the archive holds more than ${MAX_HISTORY_BYTES} bytes of history: load it in parts`);
    this.#steps.set(digest, step);
    return step;
  }

  async heads(): Promise<string[]> {
    const ids = [...this.#files.names].flatMap((name) => /^([^/]+)\/json$/.exec(name)?.[1] ?? []);
    const parents = new Set<string>();
    for (const id of ids) parents.add((await this.#step(id)).parent);
    return ids.filter((id) => !parents.has(id));
  }

  /** Its directories, the topmost first. Ends at the depth that an image may have: parents can form a ring. */
  async #chain(id: string): Promise<{ id: string; history: Json }[]> {
    const chain: { id: string; history: Json }[] = [];
    for (let at = id; at !== '';) {
      const { parent, history } = await this.#step(at);
      this.#catalog.layers.checkDepth(chain.push({ id: at, history }));
      at = parent;
    }
    return chain;
  }

  async image(id: string, tags: readonly ImageReference[]): Promise<ArchivedImage> {
    const chain = (await this.#chain(id)).reverse();
    const layers = chain.map((one) => this.#files.need(`${one.id}/layer.tar`));
    const diffIds: string[] = [];
    for (const layer of layers) diffIds.push(await this.#unpack(layer));
    const kept = Object.entries(await this.#read(id)).filter(([key]) => !DROPPED.has(key));
    const config = Object.fromEntries(
      [
        ...kept,
        ['rootfs', { type: 'layers', diff_ids: diffIds }] as const,
        ['history', chain.map(({ history }) => history)] as const,
      ].sort(([a], [b]) => (a < b ? -1 : 1)),
    );
    return { config: Buffer.from(JSON.stringify(config)), layers, tags };
  }

  async #unpack(blob: string): Promise<string> {
    const known = this.#diffIds.get(blob);
    if (known !== undefined) return known;
    const diffId = await this.#catalog.unpackBlob(blob, undefined, this.#pins);
    this.#diffIds.set(blob, diffId);
    return diffId;
  }
}

function historyOf(json: Json): Json {
  const made = isObject(json['container_config']) ? json['container_config']['Cmd'] : undefined;
  const createdBy = Array.isArray(made) ? made.filter((word) => typeof word === 'string').join(' ') : '';
  return {
    ...(text(json['created']) === '' ? {} : { created: text(json['created']) }),
    ...(text(json['author']) === '' ? {} : { author: text(json['author']) }),
    ...(createdBy === '' ? {} : { created_by: createdBy }),
    ...(text(json['comment']) === '' ? {} : { comment: text(json['comment']) }),
  };
}
