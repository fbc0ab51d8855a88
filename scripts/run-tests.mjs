#!/usr/bin/env node
// Runs the tests: all of them, or the groups named ("unit", or a folder of test/), two files at a time
// (CAUSEWAY_TEST_LANES), each with its time. Ends with the longest files and one line of totals.
//
//   run-tests.mjs [unit|kernel|network|dns|oci|image|api|cli|golden|compat|security|fault|PATH]...
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
// Reading extra certificates costs every Node process 38 ms.
delete process.env.NODE_EXTRA_CA_CERTS;

function testsUnder(dir) {
  if (!existsSync(dir)) return [];
  if (statSync(dir).isFile()) return [dir];
  return readdirSync(dir, { recursive: true })
    .map((name) => join(dir, name))
    .filter((path) => path.endsWith('.test.ts'))
    .sort();
}

const FILE_MINUTES = 15;
const ORDER = [
  'kernel',
  'network',
  'dns',
  'oci',
  'image',
  'api',
  'cli',
  'golden',
  'compat',
  'security',
  'fuzz',
  'fault',
];
const groups = {
  unit: [
    ...testsUnder('src'),
    ...testsUnder('bench'),
    ...testsUnder('test').filter((path) => dirname(path) === 'test'),
  ],
};
for (const name of ORDER) groups[name] = testsUnder(join('test', name));

/** They look at the whole machine before and after, or fill it: nothing else runs meanwhile. */
const ALONE = new Set(['test/compat/demo.test.ts', 'test/fault/churn.test.ts', 'test/fault/soak.test.ts']);
const LANES = Number(process.env.CAUSEWAY_TEST_LANES ?? 2);

const wanted = process.argv.slice(2);
const runs = wanted.length === 0 ? ['unit', ...ORDER] : wanted;
const totals = { pass: 0, fail: 0, skipped: 0 };
const times = [];
const queue = [];
for (const name of runs) {
  const files = groups[name] ?? testsUnder(name);
  if (files.length === 0 && wanted.length > 0) (console.error(`no tests at ${name}`), (totals.fail += 1));
  if (name === 'unit') await runFiles(name, files, LANES);
  else queue.push(...files);
}
const alone = queue.filter((file) => ALONE.has(file));
const together = queue.filter((file) => !ALONE.has(file));
const lane = async () => {
  for (let file = together.shift(); file !== undefined; file = together.shift()) await runFiles(file, [file], 1);
};
await Promise.all(Array.from({ length: LANES }, lane));
for (const file of alone) await runFiles(file, [file], 1);
times.sort((a, b) => b.seconds - a.seconds);
console.log(
  `\nlongest: ${times
    .slice(0, 12)
    .map(({ name, seconds }) => `${name} ${seconds} s`)
    .join(', ')}`,
);
console.log(`\n${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped`);
process.exit(totals.fail === 0 && totals.pass > 0 ? 0 : 1);

/**
 * One run of node's test runner. One that does not end in FILE_MINUTES has failed; what it had printed by then is
 * shown.
 */
async function runFiles(name, files, concurrency) {
  const began = Date.now();
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      '--test-reporter=tap',
      // A file of its own needs no runner around it, which would load everything once more.
      ...(files.length === 1 ? [] : ['--test', `--test-concurrency=${concurrency}`]),
      ...files,
    ],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: FILE_MINUTES * 60_000,
    },
  );
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (out += part));
  const [status, signal] = await new Promise((resolve) => child.once('close', (...ended) => resolve(ended)));
  const seconds = Math.round((Date.now() - began) / 1000);
  times.push({ name, seconds });
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? 0);
  const failed = count('fail') + count('cancelled') || (status === 0 ? 0 : 1);
  totals.pass += count('pass');
  totals.fail += failed;
  totals.skipped += count('skipped') + count('todo');
  console.log(
    `\n${name}: ${count('pass')} passed${failed ? `, ${failed} FAILED` : ''} in ${seconds} s${signal ? ` (ended with ${signal})` : ''}`,
  );
  // What a test prints (counts, measurements) is worth seeing; of the results only what failed.
  const notes = out
    .split('\n')
    .filter(
      (line) =>
        /^\s*# (?!Subtest|tests |suites |pass |fail |cancelled |skipped 0|todo |duration_ms )/.test(line) ||
        /^\s*# skip(?!ped 0)/i.test(line),
    );
  if (notes.length > 0) console.log(notes.join('\n'));
  if (failed) console.log(out);
}
