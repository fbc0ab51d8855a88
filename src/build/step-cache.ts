/**
 * Which steps have been done before: the digest of what a step is (its instruction, the image below it, what is copied
 * in) and the image that came of it. One file, written soon after a new step and at the end of a build: what a crash loses of it is built again.
 * What is not in it is no cache any more, and goes at the next start.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { errorMessage } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { map, matching, object, text, whole } from '../model/shape.ts';

export interface CachedStep {
  readonly imageId: string;
  /** The image that it was made on; '' = none. */
  readonly parent: string;
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number;
  readonly uses: number;
}

/** What is asked of the store of images. */
export interface KeptSteps {
  keptIds(): string[];
  release(ids: readonly string[]): void;
  ownSizeBytes(id: string): number;
  find(id: string): unknown;
}

const MAX_STEPS = 5000;
const SAVE_AFTER_MS = 200;

const fileShape = object<{ readonly version: number; readonly steps: Readonly<Record<string, CachedStep>> }>({
  version: whole,
  steps: map(
    object<CachedStep>({
      imageId: matching(/^sha256:[0-9a-f]{64}$/, 'a digest'),
      parent: text,
      description: text,
      sizeBytes: whole,
      createdAtMs: whole,
      lastUsedAtMs: whole,
      uses: whole,
    }),
  ),
});

export class StepCache {
  readonly #path: string;
  readonly #store: KeptSteps;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #log: Log;
  readonly #steps: Map<string, CachedStep>;
  /** Images of builds that are under way. */
  readonly #inUse = new Map<string, number>();
  /** What the file has. */
  #stored: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string, store: KeptSteps, clock: Pick<Clock, 'now'>, log: Log) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#path = path;
    this.#store = store;
    this.#clock = clock;
    this.#log = log;
    this.#steps = readSteps(path, log);
    this.#stored = this.#text(); // a daemon that is started and ended writes nothing
    const known = new Set([...this.#steps.values()].map(({ imageId }) => imageId));
    store.release(store.keptIds().filter((id) => !known.has(id)));
  }

  /** The image of a step, if it has been done and is here. Held until `letGo`. */
  find(key: string): string | undefined {
    const step = this.#steps.get(key);
    if (!step) return undefined;
    if (!this.#store.find(step.imageId)) {
      this.#steps.delete(key);
      return undefined;
    }
    this.#steps.set(key, { ...step, lastUsedAtMs: this.#clock.now(), uses: step.uses + 1 });
    this.#saveSoon();
    return step.imageId;
  }

  add(key: string, step: Pick<CachedStep, 'imageId' | 'parent' | 'description'>): void {
    const now = this.#clock.now();
    this.#steps.set(key, {
      ...step,
      description: step.description.slice(0, 500),
      sizeBytes: this.#store.ownSizeBytes(step.imageId),
      createdAtMs: now,
      lastUsedAtMs: now,
      uses: 0,
    });
    this.#saveSoon(); // what is not in it after a crash is built again
  }

  /** Not removed until it is let go as often. */
  hold(imageId: string): void {
    this.#inUse.set(imageId, (this.#inUse.get(imageId) ?? 0) + 1);
  }

  letGo(imageIds: readonly string[]): void {
    for (const id of imageIds) {
      const count = (this.#inUse.get(id) ?? 0) - 1;
      if (count > 0) this.#inUse.set(id, count);
      else this.#inUse.delete(id);
    }
    // Steps without a record: of a build without cache, or one that lost a race.
    const known = new Set([...this.#steps.values()].map(({ imageId }) => imageId));
    try {
      this.#store.release(imageIds.filter((id) => !known.has(id) && !this.#inUse.has(id)));
      this.#trim();
    } catch (error) {
      // How the build came out is what counts.
      this.#log.warn({ error: errorMessage(error) }, 'steps that no build needs stay until the next start');
    }
  }

  isInUse(imageId: string): boolean {
    return this.#inUse.has(imageId);
  }

  all(): (CachedStep & { readonly key: string })[] {
    return [...this.#steps].map(([key, step]) => ({ ...step, key }));
  }

  /** Removes these, but for what builds are using; tells which. */
  remove(keys: readonly string[]): (CachedStep & { readonly key: string })[] {
    const gone = keys
      .map((key) => ({ key, step: this.#steps.get(key) }))
      .flatMap(({ key, step }) => (step && !this.#inUse.has(step.imageId) ? [{ ...step, key }] : []));
    for (const { key } of gone) this.#steps.delete(key);
    const wanted = new Set([...this.#steps.values()].map(({ imageId }) => imageId));
    this.#store.release(gone.map(({ imageId }) => imageId).filter((id) => !wanted.has(id)));
    this.save();
    return gone;
  }

  /** What was not used for longest goes where there are too many. Of their sizes see cache-rules.ts. */
  #trim(): void {
    if (this.#steps.size <= MAX_STEPS) return;
    const steps = this.all().sort((a, b) => b.lastUsedAtMs - a.lastUsedAtMs);
    this.remove(steps.slice(MAX_STEPS).map(({ key }) => key));
  }

  #saveSoon(): void {
    this.#timer ??= setTimeout(() => this.save(), SAVE_AFTER_MS).unref();
  }

  save(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text();
    if (text === this.#stored) return;
    try {
      writeFileSync(`${this.#path}.new`, text, { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
      this.#stored = text;
    } catch (error) {
      this.#log.warn({ error: errorMessage(error) }, 'the cache of builds cannot be written');
    }
  }

  #text(): string {
    return JSON.stringify({ version: 1, steps: Object.fromEntries(this.#steps) });
  }
}

function readSteps(path: string, log: Log): Map<string, CachedStep> {
  try {
    const json: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const complaint = fileShape(json);
    if (complaint === undefined) return new Map(Object.entries((json as { steps: Record<string, CachedStep> }).steps));
    log.warn({ complaint }, 'the cache of builds cannot be read: it begins anew');
  } catch {
    // There is none, or half of one: nothing is lost with it but time.
  }
  return new Map();
}

/** Of the images that the cache in the builder's directory holds. */
export function cachedStepIds(directory: string, log: Log): ReadonlySet<string> {
  return new Set([...readSteps(cacheFile(directory), log).values()].map(({ imageId }) => imageId));
}

export const cacheFile = (directory: string): string => join(directory, 'cache.json');

/** Of JSON values, in this order. */
export const stepKey = (...parts: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex');
