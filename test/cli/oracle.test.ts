/**
 * One engine (a fake one, at the wire) asked by Docker's own client and by ours: what they print must be the same, byte
 * for byte, but for the program's name.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FakeEngine } from './fake-engine.ts';
import { answers } from './oracle-answers.ts';
import { actions, lists, templates } from './oracle-cases.ts';
import { hasDocker, runCausewayClient, runDockerClient, type Outcome } from './run-client.ts';

/** Where we differ, with the reason. */
const different = new Set([
  // Docker falls back to JSON, whose numbers are strings there, and prints the string's length.
  'inspect -f {{len .RestartCount}} web',
]);

describe('one engine, two clients', { skip: hasDocker ? false : 'there is no docker client here' }, () => {
  let engine: FakeEngine;
  before(async () => {
    engine = await FakeEngine.start(answers);
  });
  after(() => engine.stop());

  const cases = [...lists, ...actions, ...templates.map((template) => ['inspect', '-f', template, 'web'])];
  for (const args of cases.filter((words) => !different.has(words.join(' ')))) {
    it(args.join(' '), { timeout: 60_000 }, async () => {
      const [docker, ours] = await Promise.all([
        runDockerClient(args, { host: engine.host }),
        runCausewayClient(args, { host: engine.host }),
      ]);
      assert.deepEqual(unbranded(ours), docker);
    });
  }
});

function unbranded({ code, stdout, stderr }: Outcome): Outcome {
  const rename = (text: string) => text.replaceAll('causeway', 'docker').replaceAll('Causeway', 'Docker');
  return { code, stdout: rename(stdout), stderr: rename(stderr) };
}
