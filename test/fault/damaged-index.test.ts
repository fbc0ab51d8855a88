/** The image index is damaged or gone: the daemon starts, says so, and images and containers are there. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { pino } from 'pino';
import { ImageStore } from '../../src/image/image-store.ts';
import { TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
let images: readonly string[]; // id and name, sorted
let tags: readonly string[];

const root = (): string => join(engine.dataRoot, 'image');
const index = (): string => join(root(), 'index.json');
const previous = (): string => join(root(), 'index.previous.json');
const kept = (): string[] => readdirSync(root()).filter((name) => name.startsWith('index.json.damaged-'));
const list = (): string[] =>
  engine.ok('images', '--no-trunc', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}').split('\n').sort();
const ids = (): string[] => [...new Set(engine.ok('images', '-aq', '--no-trunc').split('\n'))].sort();
const doctor = (): string =>
  engine.host.run(join(import.meta.dirname, '../../bin/causeway'), 'doctor', '--data-root', engine.dataRoot).out;

before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
  engine.ok('run', '-d', '--name', 'runs', '-p', '8080:80', 'nginx');
  engine.ok('run', '--name', 'changed', 'busybox', 'sh', '-c', 'echo new > /file');
  engine.ok('commit', 'changed', 'committed');
  // As from elsewhere: with a manifest and compressed layers.
  assert.equal(
    engine.shell(`docker save busybox -o ${engine.dir}/saved.tar && docker load -i ${engine.dir}/saved.tar`).code,
    0,
  );
  engine.ok('tag', 'busybox', 'last');
  images = list();
  tags = images.map((line) => line.split(' ')[1]!).sort();
});

after(() => engine?.destroy());

const DAMAGE: Record<string, (file: string) => void> = {
  empty: (file) => writeFileSync(file, ''),
  half: (file) => writeFileSync(file, readFileSync(file).subarray(0, statSync(file).size / 2)),
  garbage: (file) => writeFileSync(file, Buffer.alloc(4096, 0xa5)),
  'not an object': (file) => writeFileSync(file, 'null'),
  'of the wrong shape': (file) =>
    writeFileSync(file, '{"version":1,"bootId":"x","images":{"x":5},"references":[],"layers":{},"compressed":{}}'),
  'changed in one letter': (file) =>
    writeFileSync(file, readFileSync(file, 'utf8').replace(/library\/last/, 'library/lasd')),
  'a directory': (file) => {
    rmSync(file);
    mkdirSync(file);
  },
};

function othersLive(): void {
  assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);
  assert.equal(engine.ok('ps', '--format', '{{.Names}}'), 'runs');
  assert.match(engine.ok('ps', '-a', '--format', '{{.Names}}'), /changed/);
}

describe('an image index that is', () => {
  before(() => engine.stop());

  for (const [what, damage] of Object.entries(DAMAGE)) {
    test(`${what} is put aside, and the one before takes its place`, async () => {
      const [good, lines] = [readFileSync(index()), [] as string[]];
      writeFileSync(previous(), good);
      damage(index());
      const store = await ImageStore.open(root(), {
        log: pino({ level: 'error' }, { write: (line: string) => void lines.push(line) }),
      });
      const names = store.list().flatMap(({ repoTags }) => repoTags);
      store.close();
      const [file] = kept();
      assert.ok(file !== undefined && lines.join('').includes(join(root(), file)), lines.join(''));
      assert.deepEqual(names.sort(), tags);
      rmSync(join(root(), file), { recursive: true });
    });
  }

  test('damaged is named everywhere, and containers and their images live', async () => {
    writeFileSync(previous(), readFileSync(index()));
    DAMAGE['half']!(index());
    await engine.boot();
    const [file] = kept();
    for (const text of [engine.log, doctor(), engine.ok('info', '-f', '{{range .Warnings}}{{println .}}{{end}}')])
      assert.ok(text.includes(join(root(), file!)), text);
    assert.deepEqual(list(), images);
    othersLive();
    rmSync(join(root(), file!));
  });

  test('gone is made anew', async () => {
    await engine.stop();
    rmSync(index());
    await engine.boot();
    assert.deepEqual(kept(), []);
    assert.match(engine.log, /the image index .* is damaged \(it is missing\)/);
    assert.deepEqual(ids(), [...new Set(images.map((line) => line.split(' ')[0]!))].sort());
    othersLive();
  });
});

test('the index of before is one change old, and an image that came with the last change is there', async () => {
  engine.ok('tag', 'busybox', 'forelast');
  engine.ok('commit', '-m', 'the last', 'changed');
  const all = ids();
  await engine.stop();
  assert.ok(existsSync(previous()));
  writeFileSync(index(), 'x');
  await engine.boot();
  assert.deepEqual(ids(), all);
  assert.ok(engine.ok('images', '-q', 'forelast'));
  othersLive();
  for (const file of kept()) rmSync(join(root(), file), { recursive: true });
});

test('with no index at all images are found again by what is on the disk, can be named and used, and nothing of them is thrown away', async () => {
  const all = ids();
  const blobs = readdirSync(join(root(), 'blobs/sha256')).sort();
  const layers = readdirSync(join(root(), 'layers')).sort();
  await engine.stop();
  writeFileSync(index(), '{"half":');
  writeFileSync(previous(), '');
  await engine.boot();
  assert.deepEqual(ids(), all);
  assert.deepEqual(readdirSync(join(root(), 'blobs/sha256')).sort(), blobs);
  assert.deepEqual(readdirSync(join(root(), 'layers')).sort(), layers);
  othersLive();
  const image = engine.ok('inspect', '-f', '{{.Image}}', 'changed');
  engine.ok('tag', image, 'named:again');
  assert.equal(engine.ok('run', '--rm', 'named:again', 'echo', 'well'), 'well');
  engine.ok('start', 'changed');
  const saved = engine.shell(
    `docker save named:again -o ${engine.dir}/again.tar && docker load -i ${engine.dir}/again.tar`,
  );
  assert.equal(saved.code, 0, saved.err);
});
