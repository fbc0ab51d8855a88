/** The reference scenarios by our own command line on the real engine: it shows what Docker shows. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DIFFERENCES } from '../compat/differences.ts';
import { replayScenario } from '../compat/replay.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await TestEngine.start();
  engine.importFixtures();
});
after(() => engine?.destroy());

const unbranded = (text: string) =>
  text
    .replaceAll(/^! causeway: /gm, '! docker: ')
    .replaceAll(/causeway (run|network)/g, 'docker $1')
    .replaceAll('causeway: Error', 'docker: Error')
    .replaceAll(/\n!? ?Run 'docker run --help' for more information(?=\n)/g, '')
    .replaceAll(/\n\n(?=\{ID\}|\$)/g, '\n');

for (const scenario of ['seed-links', 'seed-networks', 'links', 'networks-cli', 'publish']) {
  test(scenario, { timeout: 240_000 }, () => {
    const expected = (DIFFERENCES[scenario] ?? []).reduce(
      (text, { docker, here }) => text.replace(docker, () => here),
      readFileSync(join(PROJECT, 'test/compat/docker-20.10', `${scenario}.out`), 'utf8'),
    );
    const seen = replayScenario(
      engine,
      join(PROJECT, 'test/compat/scenarios', `${scenario}.t`),
      join(PROJECT, 'bin/causeway'),
    );
    assert.equal(unbranded(seen), unbranded(expected));
  });
}
