import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLog } from '../base/log.ts';
import { StepCache, stepKey, type KeptSteps } from './step-cache.ts';

const log = createLog({ level: 'error' });
const image = (n: number): string => `sha256:${String(n).padStart(64, '0')}`;
let directory: string;
before(() => (directory = mkdtempSync(join(tmpdir(), 'cache-'))));
after(() => rmSync(directory, { recursive: true, force: true }));

/** Images in memory. */
function store(...ids: string[]): KeptSteps & { readonly there: Set<string> } {
  const there = new Set(ids);
  return {
    there,
    keptIds: () => [...there],
    release: (gone) => gone.forEach((id) => there.delete(id)),
    ownSizeBytes: () => 10,
    find: (id) => (there.has(id) ? {} : undefined),
  };
}

let files = 0;
const clock = { now: () => 1000 };
const newPath = (): string => join(directory, String(files++), 'cache.json');
const step = (n: number) => ({ imageId: image(n), parent: '', description: `step ${n}` });

test('a step is found again, by the next daemon too', () => {
  const path = newPath();
  const images = store();
  const key = stepKey('a', ['b'], null);
  const cache = new StepCache(path, images, clock, log);
  images.there.add(image(1));
  cache.add(key, step(1));
  cache.save();
  const next = new StepCache(path, images, clock, log);
  assert.equal(next.find(key), image(1));
  assert.equal(next.find(stepKey('a', ['c'], null)), undefined);
  images.there.clear();
  assert.equal(next.find(key), undefined);
});

test('steps without a record go with the start, whatever became of the file', () => {
  const path = newPath();
  const images = store(image(1), image(2));
  new StepCache(path, images, clock, log);
  assert.deepEqual([...images.there], []);
  images.there.add(image(3));
  writeFileSync(path, '{"version":1,"steps":{"x":{"imageId":"nonsense"}}');
  new StepCache(path, images, clock, log);
  assert.deepEqual([...images.there], []);
});

test('what a build uses is not removed before it has ended', () => {
  const images = store();
  const used = new StepCache(newPath(), images, clock, log);
  images.there.add(image(1)).add(image(2));
  used.add('k1', step(1));
  used.hold(image(1));
  used.hold(image(2)); // of a build without cache: no record
  assert.deepEqual(used.remove(['k1']), []);
  used.letGo([image(2)]);
  assert.deepEqual([...images.there], [image(1)]);
  used.letGo([image(1)]);
  assert.equal(used.remove(['k1']).length, 1);
  assert.deepEqual([...images.there], []);
});

test('a daemon that builds nothing leaves no file behind, and does not write the one that is there again', () => {
  const path = newPath();
  new StepCache(path, store(), clock, log).save();
  assert.equal(existsSync(path), false);
  const images = store();
  const cache = new StepCache(path, images, clock, log);
  images.there.add(image(1));
  cache.add(stepKey('a'), step(1));
  cache.save();
  const { ino } = statSync(path);
  cache.save();
  new StepCache(path, images, clock, log).save();
  assert.equal(statSync(path).ino, ino);
});
