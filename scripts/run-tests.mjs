#!/usr/bin/env node
// Runs the tests: all of them, or the groups named ("unit", or a folder of test/). Each file is a process of its own; files
// that start engines run one after the other, pure ones side by side. Ends with one line of totals.
//
//   run-tests.mjs [unit|kernel|network|dns|oci|image|api|cli|golden|compat|security|fault|PATH]...
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
// Reading extra certificates costs every Node process 38 ms.
delete process.env.NODE_EXTRA_CA_CERTS;

function testsUnder(dir) {
  if (!existsSync(dir)) return [];
  if (statSync(dir).isFile()) return [dir];
  return readdirSync(dir, { recursive: true }).map((name) => join(dir, name)).filter((path) => path.endsWith('.test.ts')).sort();
}

const ORDER = ['kernel', 'network', 'dns', 'oci', 'image', 'api', 'cli', 'golden', 'compat', 'security', 'fuzz', 'fault'];
const groups = { unit: [...testsUnder('src'), ...testsUnder('bench'), ...testsUnder('test').filter((path) => dirname(path) === 'test')] };
for (const name of ORDER) groups[name] = testsUnder(join('test', name));

const wanted = process.argv.slice(2);
const runs = wanted.length === 0 ? ['unit', ...ORDER] : wanted;
const totals = { pass: 0, fail: 0, skipped: 0 };
for (const name of runs) {
  const files = groups[name] ?? testsUnder(name);
  if (files.length === 0) {
    if (wanted.length > 0) console.error(`no tests at ${name}`), (totals.fail += 1);
    continue;
  }
  console.log(`\n=== ${name} (${files.length} files)`);
  const concurrency = name === 'unit' ? 2 : 1;
  const result = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--test', '--test-reporter=tap', `--test-concurrency=${concurrency}`, ...files],
    { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'], timeout: 50 * 60_000 },
  );
  const out = result.stdout ?? '';
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? 0);
  const failed = count('fail') + count('cancelled') || (result.status === 0 ? 0 : 1);
  totals.pass += count('pass');
  totals.fail += failed;
  totals.skipped += count('skipped') + count('todo');
  // What a test prints (counts, measurements) is worth seeing; of the results only what failed.
  const notes = out.split('\n').filter((line) => /^\s*# (?!Subtest|tests |suites |pass |fail |cancelled |skipped |todo |duration_ms )/.test(line) || /^\s*# skip/i.test(line));
  if (notes.length > 0) console.log(notes.join('\n'));
  console.log(failed ? out : `${count('pass')} passed in ${Math.round(Number(/duration_ms ([\d.]+)$/m.exec(out)?.[1] ?? 0) / 1000)} s`);
}
console.log(`\n${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped`);
process.exit(totals.fail === 0 && totals.pass > 0 ? 0 : 1);
