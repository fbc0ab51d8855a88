/** What a command does not use, its start does not wait for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Script } from 'node:vm';

const PROGRAM = join(import.meta.dirname, '../../dist/cli.cjs');
const LOADED = `process.on('exit', () => console.error(JSON.stringify(process.moduleLoadList)));`;

/** Node's own modules that were loaded when the program ended. */
function loadedBy(program: string, ...args: string[]): string[] {
  const script = `${LOADED} process.argv.splice(1, 0, 'causeway'); ${program}`;
  const { NODE_OPTIONS: _, ...env } = process.env;
  // Into a pipe: a device might be a terminal.
  const shell = `{ "$0" -e "$SCRIPT" -- "$@" | cat >/dev/null; } 2>&1`;
  const printed = execFileSync('sh', ['-c', shell, process.execPath, ...args], {
    env: { ...env, SCRIPT: script },
    encoding: 'utf8',
  });
  return (JSON.parse(printed.trim().split('\n').at(-1)!) as string[]).map((name) => name.replace(/^\w+ /, ''));
}

test('help is printed to a file without HTTP, TLS, cryptography and streams, which take longer to load than all of it', (t) => {
  if (!existsSync(PROGRAM)) return t.skip('npm run build first');
  const always = loadedBy('');
  const loaded = loadedBy(`require(${JSON.stringify(PROGRAM)});`, '--help');
  assert.ok(loaded.includes('fs'), 'the list has the names of modules');
  assert.deepEqual(
    loaded.filter(
      (name) =>
        !always.includes(name) &&
        ['http', '_http_client', 'https', 'tls', 'crypto', 'child_process', 'tty', 'net', 'stream'].includes(name),
    ),
    [],
  );
});

const CODE = join(import.meta.dirname, '../../dist/cli.code');

/** The file's parts, as src/cli/start.ts describes them. */
function parts(): { head: string; text: string; compiled: Buffer } {
  const file = readFileSync(CODE);
  const start = file.indexOf('\n') + 1;
  const head = file.toString('latin1', 0, start);
  const end = start + Number(/\|(\d+)\n$/.exec(head)?.[1]);
  return { head, text: file.toString('latin1', start, end), compiled: file.subarray(end) };
}

/** What the command line prints of itself when cli.code has other contents. */
function printedWith(contents: Buffer): string {
  const directory = mkdtempSync(join(tmpdir(), 'cw-start-'));
  try {
    copyFileSync(PROGRAM, join(directory, 'cli.cjs'));
    writeFileSync(join(directory, 'cli.code'), contents);
    return execFileSync(process.execPath, ['--', join(directory, 'cli.cjs'), '--help'], { encoding: 'utf8' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

test('the Node that built the command line runs what it compiled then', (t) => {
  if (!existsSync(CODE)) return t.skip('npm run build first');
  const { text, compiled } = parts();
  assert.match(text, /^[\0-\x7f]*$/, 'read as Latin-1');
  const script = new Script(text, { filename: CODE, cachedData: compiled });
  assert.equal(script.cachedDataRejected, false);
});

test('what another Node compiled is not used, and the command line is the same', (t) => {
  if (!existsSync(CODE)) return t.skip('npm run build first');
  const usual = printedWith(readFileSync(CODE));
  assert.match(usual, /^\s*Usage:/);
  const { head, text, compiled } = parts();
  const other = head.replace(/^\S+/, 'v0.0.0');
  // Would be run if it were used: V8 looks at its head only.
  const spoilt = Buffer.concat([compiled.subarray(0, 64), Buffer.alloc(compiled.length - 64, 0xff)]);
  assert.equal(printedWith(Buffer.concat([Buffer.from(other + text, 'latin1'), spoilt])), usual);
  assert.equal(printedWith(Buffer.from(head + text, 'latin1')), usual, 'without compiled code');
});
