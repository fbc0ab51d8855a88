/** Pages for man(1): of each command with each of its flags, in roff that has nothing to complain of. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { allCommands } from '../../src/cli/command/find.ts';
import { runCausewayClient } from './run-client.ts';

const directory = mkdtempSync(join(tmpdir(), 'causeway-manual-'));
const page = (...words: string[]): string => readFileSync(join(directory, `causeway-${words.join('-')}.1`), 'utf8');

before(async () => {
  const outcome = await runCausewayClient(['__manual', '--date', '2026-01-02', directory]);
  assert.deepEqual(outcome, { code: 0, stdout: '', stderr: '' });
});
after(() => rmSync(directory, { recursive: true, force: true }));

describe('the manual', () => {
  it('has a page for each command, with each flag that --help lists', async () => {
    const all = allCommands().filter(({ entry }) => !entry.hidden);
    assert.equal(new Set(all.map(({ words }) => words.join('-'))).size + 1, readdirSync(directory).length);
    for (const { words, entry } of all) {
      const text = page(...words);
      for (const flag of (await entry.load()).flags)
        assert.equal(
          text.includes(`\\-\\-${flag.name.replaceAll('-', '\\-')}\\fR`),
          !flag.hidden,
          `${words.join(' ')} --${flag.name}`,
        );
    }
  });

  it('names the release and shows usage, text and defaults', () => {
    assert.match(page('network', 'create'), /^\.TH "CAUSEWAY-NETWORK-CREATE" "1" "2026-01-02" "Causeway /);
    assert.match(page('cp'), /causeway cp .*\n\.br\ncauseway cp /);
    assert.match(page('network', 'create'), /\(default bridge\)/);
  });

  const hasGroff = spawnSync('groff', ['--version']).error === undefined;
  it('is roff without complaints', { skip: !hasGroff && 'there is no groff' }, () => {
    const files = readdirSync(directory).map((name) => join(directory, name));
    for (const file of files) {
      const { status, stderr } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-z', file], { encoding: 'utf8' });
      assert.deepEqual([status, stderr], [0, ''], file);
    }
  });
});
