/**
 * Whatever comes from outside is read or refused in a sentence, never a crash: everything that once went wrong, and a
 * fixed budget of new inputs.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequestSchema } from '../../src/wire/container-create.ts';
import { FULL, PART_SECONDS, recordResult } from '../fault/results.ts';
import { FUZZ_ABOUT, judge, tryAll, type Finding, type Target } from './campaign.ts';
import { storedInputs } from './corpus.ts';
import { fieldsOf, fromSchema } from './from-schema.ts';
import { Random } from './random.ts';
import { PURE_TARGETS } from './targets/all.ts';
import { WORDS } from './targets/requests.ts';

const describe = (finding: Finding): string =>
  `${finding.target}: ${finding.what}\n  input: ${JSON.stringify(finding.input).slice(0, 500)}`;

test('what once went wrong does not again', () => {
  const wrong = storedInputs().flatMap(({ target: name, inputs }) => {
    const target = PURE_TARGETS.find((candidate) => candidate.name === name);
    assert.ok(target, `a corpus for ${name}, which is no target`);
    return inputs.flatMap((input) => {
      const what = judge(target, input);
      return what === undefined ? [] : [describe({ target: name, input, what })];
    });
  });
  assert.deepEqual(wrong, []);
});

test(FULL ? 'new inputs' : 'new inputs, the same ones each time', (t) => {
  const { counts, findings } = tryAll(
    PURE_TARGETS,
    FULL
      ? { seed: Date.now() % 2 ** 31, inputsPerTarget: Infinity, seconds: PART_SECONDS ?? 900 }
      : { seed: 20251126, inputsPerTarget: 400, seconds: 30 },
  );
  for (const [item, inputs] of counts)
    recordResult({
      part: 'Fuzz',
      about: FUZZ_ABOUT,
      item,
      counts: { inputs },
      violations: findings.filter(({ target }) => target === item).map(describe),
    });
  t.diagnostic(`${[...counts.values()].reduce((sum, count) => sum + count, 0)} inputs on ${counts.size} targets`);
  assert.deepEqual(findings.map(describe), []);
  assert.equal(counts.size, PURE_TARGETS.length);
});

test("the harness sees a crash, a sentence of Node's and a reader that takes too long, and cuts the input down", () => {
  const target = (read: (text: string) => void): Target => ({
    name: 'x',
    make: (random) => `${'y'.repeat(random.below(20))}<${'z'.repeat(30)}`,
    read: (input) => read(input as string),
  });
  const findings = (read: (text: string) => void): Finding[] =>
    tryAll([target(read)], { seed: 1, inputsPerTarget: 5, seconds: 20 }).findings;
  const [crash, ...more] = findings((text) => {
    if (text.includes('<')) (null as unknown as string).trim();
  });
  assert.deepEqual([crash?.input, more], ['<', []]);
  assert.match(crash!.what, /^TypeError/);
  assert.match(findings(() => JSON.parse('{'))[0]!.what, /^SyntaxError/);
  assert.match(
    judge(
      {
        ...target(() => {
          throw new Error('Cannot read properties of undefined');
        }),
        refusals: [Error],
      },
      'x',
    )!,
    /what Node said/,
  );
  assert.match(
    judge(
      target(() => {
        for (const end = process.cpuUsage().user + 2e6; process.cpuUsage().user < end;);
      }),
      'x',
    )!,
    /took \d+ ms/,
  );
  assert.equal(
    judge(
      target(() => {}),
      'x',
    ),
    undefined,
  );
});

test('a request made from its schema meets every field of it', () => {
  const met = new Set<string>();
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      met.add(name);
      walk(inner);
    }
  };
  const random = new Random(3);
  for (let left = 6000; left > 0; left--) walk(fromSchema(random, createRequestSchema, WORDS));
  assert.deepEqual(
    [...fieldsOf(createRequestSchema)].filter((name) => !met.has(name)),
    [],
  );
});
