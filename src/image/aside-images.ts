/**
 * Images that are not whole (a configuration that cannot be read, a layer that is gone and cannot be unpacked again)
 * are set aside, each in a file of its own (aside/HEX.json): in no list, and what is left of them is kept. One that is
 * whole at a later start, or is pulled or loaded again, is back; a file that is deleted is forgotten, and its content
 * collected.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { digestHex, DIGEST_PATTERN } from './blob-store.ts';
import { writeDurably } from './durable-file.ts';
import type { IndexDraft, StoredImage, StoredLayer } from './index-file.ts';

export interface AsideImage {
  readonly image: StoredImage;
  readonly references: readonly string[];
  readonly layers: Readonly<Record<string, StoredLayer>>;
  readonly reason: string;
}

export class AsideImages {
  readonly #directory: string;
  readonly #images = new Map<string, AsideImage>();

  constructor(root: string) {
    this.#directory = join(root, 'aside');
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const [id, image] of readAsideImages(root)) this.#images.set(id, image);
  }

  file(id: string): string {
    return join(this.#directory, `${digestHex(id)}.json`);
  }

  all(): ReadonlyMap<string, AsideImage> {
    return this.#images;
  }

  /** Durable when it returns. */
  add(id: string, aside: AsideImage): void {
    const before = this.#images.get(id);
    writeDurably(this.file(id), JSON.stringify(aside), () => before && JSON.stringify(before));
    this.#images.set(id, aside);
  }

  remove(id: string): void {
    if (this.#images.delete(id)) rmSync(this.file(id), { force: true });
  }
}

/**
 * What lies there, without changing anything. An unreadable file is skipped: its content is what its name says, and
 * that is kept by nothing else.
 */
export function readAsideImages(root: string): [id: string, AsideImage][] {
  const directory = join(root, 'aside');
  const found: [string, AsideImage][] = [];
  for (const name of readNames(directory)) {
    const id = `sha256:${name.slice(0, -'.json'.length)}`;
    if (!name.endsWith('.json') || !DIGEST_PATTERN.test(id)) continue;
    try {
      const aside = JSON.parse(readFileSync(join(directory, name), 'utf8')) as AsideImage;
      if (
        aside.image.id === id &&
        Array.isArray(aside.image.layers) &&
        Array.isArray(aside.references) &&
        typeof aside.layers === 'object'
      )
        found.push([id, aside]);
    } catch {
      // As if it were not there.
    }
  }
  return found;
}

function readNames(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

export function describeAsideImage(root: string, id: string, { references, reason }: AsideImage): string {
  return `the image ${references[0] ?? id} is not whole (${reason}) and is set aside in ${join(root, 'aside', `${digestHex(id)}.json`)}`;
}

export const ASIDE_IMAGE_ADVICE =
  'pull or load it again, or delete the file and start the daemon again to remove what is left of it';

/** It is an image of the index again, with what names it had that no other has now. */
export function takeBack(draft: IndexDraft, id: string, aside: AsideImage): void {
  draft.images.set(id, aside.image);
  for (const [diffId, layer] of Object.entries(aside.layers))
    if (!draft.layers.has(diffId)) draft.layers.set(diffId, layer);
  for (const reference of aside.references) if (!draft.references.has(reference)) draft.references.set(reference, id);
}
