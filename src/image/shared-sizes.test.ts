import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { sharedSizes } from './shared-sizes.ts';

const SIZES: Readonly<Record<string, number>> = { a: 1, b: 20, c: 300, d: 4000 };
const sizeOf = (layer: string) => SIZES[layer]!;
const image = (id: string, ...diffIds: string[]) => ({ id, diffIds });

test('a layer is shared where it is named more than once', () => {
  const shared = sharedSizes([image('x', 'a', 'b'), image('y', 'a', 'c'), image('z', 'd'), image('e')], sizeOf);
  assert.deepEqual(Object.fromEntries(shared), { x: 1, y: 1, z: 0, e: 0 });
  assert.equal(sharedSizes([image('twice', 'b', 'b', 'c')], sizeOf).get('twice'), 40);
});

test('what images have for themselves is never more than what is on the disk', () => {
  const layers = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(layers, { maxLength: 6 }), (lists) => {
      const images = lists.map((diffIds, i) => image(String(i), ...diffIds));
      const shared = sharedSizes(images, sizeOf);
      const total = (list: readonly string[]) => list.reduce((sum, layer) => sum + sizeOf(layer), 0);
      const own = images.map(({ id, diffIds }) => total(diffIds) - shared.get(id)!);
      const onDisk = total([...new Set(lists.flat())]);
      return own.every((bytes) => bytes >= 0) && own.reduce((sum, bytes) => sum + bytes, 0) <= onDisk;
    }),
  );
});
