import assert from 'node:assert/strict';
import test from 'node:test';
import { parseDockerfile } from './dockerfile/dockerfile.ts';
import { MAX_INSTRUCTIONS } from './dockerfile/limits.ts';
import { planStages, type PlannedStage } from './stage-graph.ts';
import { buildStages } from './stage-pool.ts';

function planned(text: string, target = ''): PlannedStage[] {
  return planStages(parseDockerfile(text), target, { baseOf: ({ from }) => from.base, isReplaced: () => false });
}

const shown = (stages: readonly PlannedStage[]) => stages.map(({ stage, needs }) => [stage.index, [...needs]]);

test('only what the target needs is planned: bases, copies and mounts', () => {
  const file =
    'FROM a AS one\nFROM b AS unused\nFROM one AS two\nFROM c AS three\nRUN --mount=from=two,target=/x true\n' +
    'FROM d\nCOPY --from=THREE x y\nCOPY --from=0 x y\nCOPY --from=other/image x y\n';
  assert.deepEqual(shown(planned(file)), [
    [0, []],
    [2, [0]],
    [3, [2]],
    [4, [3, 0]],
  ]);
  assert.deepEqual(shown(planned(file, 'two')), [
    [0, []],
    [2, [0]],
  ]);
  assert.deepEqual(shown(planned(file, '1')), [[1, []]]);
});

test('a stage is none before it has come, and no number is a base', () => {
  assert.deepEqual(shown(planned('FROM a AS one\nFROM two\nFROM b AS two', '1')), [[1, []]]);
  assert.deepEqual(shown(planned('FROM a\nFROM 0')), [[1, []]]);
  assert.throws(() => planned('FROM a\nCOPY --from=0 x y'), /refers to current build stage/);
  assert.throws(() => planned('FROM a\nCOPY --from=7 x y'), /index out of bounds/);
  assert.throws(() => planned('FROM a AS x\nFROM b AS x'), /duplicate name x/);
  assert.throws(() => planned('FROM a', 'x'), /target stage "x" could not be found$/);
  assert.throws(() => planned('FROM a AS build', 'biuld'), /could not be found \(did you mean build\?\)$/);
});

test('a chain of stages may be as long as a file', () => {
  const count = MAX_INSTRUCTIONS - 1;
  const chain = Array.from({ length: count }, (_, i) => `FROM s${i} AS s${i + 1}`);
  const stages = planned(['FROM a AS s0', ...chain].join('\n'));
  assert.equal(stages.length, count + 1);
  assert.deepEqual([...stages.at(-1)!.needs], [count - 1]);
});

test('two stages are built at a time, each after those that it needs', async () => {
  const stages = planned(
    'FROM a AS one\nFROM a AS two\nFROM a AS three\nFROM one\nCOPY --from=two x y\nCOPY --from=three x y',
  );
  const running = new Set<number>();
  let most = 0;
  const order: number[] = [];
  await buildStages(stages, async ({ stage, needs }) => {
    running.add(stage.index);
    most = Math.max(most, running.size);
    for (const index of needs) assert.ok(order.includes(index));
    await new Promise((resolve) => setImmediate(resolve));
    running.delete(stage.index);
    order.push(stage.index);
  });
  assert.equal(most, 2);
  assert.equal(order.at(-1), 3);
});

test('after a failure what runs ends, and nothing else begins', async () => {
  const begun: number[] = [];
  const building = buildStages(
    planned('FROM a AS one\nFROM a AS two\nFROM one\nCOPY --from=two x y'),
    async ({ stage }) => {
      begun.push(stage.index);
      if (stage.index === 0) throw new Error('first');
      await new Promise((resolve) => setImmediate(resolve));
    },
  );
  await assert.rejects(building, /first/);
  assert.deepEqual(begun, [0, 1]);
});
