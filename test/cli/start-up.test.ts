/** What a command does not use, its start does not wait for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const PROGRAM = join(import.meta.dirname, '../../dist/cli.cjs');
const LOADED = `process.on('exit', () => console.error(JSON.stringify(process.moduleLoadList)));`;

/** Node's own modules that were loaded when the program ended. */
function loadedBy(program: string, ...args: string[]): string[] {
  const script = `${LOADED} process.argv.splice(1, 0, 'causeway'); ${program}`;
  const { NODE_OPTIONS: _, ...env } = process.env;
  const shell = `"$0" -e "$SCRIPT" -- "$@" 2>&1 >/dev/null`;
  const printed = execFileSync('sh', ['-c', shell, process.execPath, ...args], {
    env: { ...env, SCRIPT: script },
    encoding: 'utf8',
  });
  return (JSON.parse(printed.trim().split('\n').at(-1)!) as string[]).map((name) => name.replace(/^\w+ /, ''));
}

test('help is printed without HTTP, TLS and cryptography, which take longer to load than all of it', (t) => {
  if (!existsSync(PROGRAM)) return t.skip('npm run build first');
  const always = loadedBy('');
  const loaded = loadedBy(`require(${JSON.stringify(PROGRAM)});`, '--help');
  assert.ok(loaded.includes('fs'), 'the list has the names of modules');
  assert.deepEqual(
    loaded.filter(
      (name) =>
        !always.includes(name) && ['http', '_http_client', 'https', 'tls', 'crypto', 'child_process'].includes(name),
    ),
    [],
  );
});
