import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_IMAGE_CONFIG } from '../image/image-config.ts';
import { StageArgs, GlobalArgs } from './dockerfile/build-args.ts';
import { parseDockerfile } from './dockerfile/dockerfile.ts';
import type { RunInstruction } from './dockerfile/instruction.ts';
import { runStep } from './run-step.ts';
import { stepKey } from './step-cache.ts';

/** What tells the last instruction from others; it is not done. */
async function keyOf(text: string, given: Readonly<Record<string, string>> = {}): Promise<string> {
  const [stage] = parseDockerfile(`FROM scratch\n${text}`).stages;
  const args = new StageArgs(new GlobalArgs({ given: new Map(Object.entries(given)), predefined: new Map() }));
  for (const instruction of stage!.instructions)
    if (instruction.kind === 'arg') for (const { key, value } of instruction.args) args.declare(key, value);
  const keys: string[] = [];
  const soFar = {
    args,
    config: EMPTY_IMAGE_CONFIG,
    word: (word: string) => word,
    step: async (createdBy: string, inputs: readonly unknown[]) => void keys.push(stepKey(createdBy, inputs)),
  };
  await runStep(soFar as unknown as Parameters<typeof runStep>[0], stage!.instructions.at(-1) as RunInstruction);
  return keys[0]!;
}

test('commands are told apart by their words, not by how these read side by side', async () => {
  assert.notEqual(await keyOf('RUN ["a", "b c"]'), await keyOf('RUN ["a b", "c"]'));
  assert.notEqual(await keyOf('RUN echo a'), await keyOf('RUN ["/bin/sh", "-c", "echo", "a"]'));
  assert.equal(await keyOf('RUN echo a'), await keyOf('RUN ["/bin/sh", "-c", "echo a"]'));
});

test('arguments are told apart by their values, not by how these read side by side', async () => {
  const file = 'ARG A\nARG B\nARG C\nRUN make';
  assert.notEqual(await keyOf(file, { A: '1 B=2', C: '3' }), await keyOf(file, { A: '1', B: '2 C=3' }));
  assert.equal(await keyOf(file, { A: '1', B: '2' }), await keyOf(file, { B: '2', A: '1' }));
});

test('a step that failed is not kept with a secret among its variables', async () => {
  const [stage] = parseDockerfile('FROM scratch\nRUN --mount=type=secret,id=word,env=WORD false').stages;
  const calls: string[] = [];
  const host = {
    createStep: async ({ env, secretEnv }: { env: readonly string[]; secretEnv: readonly string[] }) => {
      calls.push(...env, ...secretEnv.map((line) => `in no record: ${line}`));
      return { id: 'c', warnings: [] };
    },
    runStep: async () => 1,
    removeStep: async () => void calls.push('removed'),
    keepStep: async () => void calls.push('kept'),
  };
  const parts = {
    host,
    steps: { flush: async () => {} },
    request: { secret: async () => Buffer.from('hidden'), limits: {}, remove: true, forceRemove: false },
    cacheMounts: { locked: (_ids: unknown, _signal: unknown, work: () => unknown) => work() },
    signal: new AbortController().signal,
  };
  const soFar = {
    parts,
    args: new StageArgs(new GlobalArgs({ given: new Map(), predefined: new Map() })),
    config: EMPTY_IMAGE_CONFIG,
    image: { id: 'i' },
    word: (word: string) => word,
    report: () => {},
    step: async (_createdBy: string, _inputs: unknown, _description: string, work: () => Promise<unknown>) => work(),
  };
  await assert.rejects(
    runStep(soFar as unknown as Parameters<typeof runStep>[0], stage!.instructions[0] as RunInstruction),
  );
  assert.deepEqual(calls, ['in no record: WORD=hidden', 'removed']);
});
