#!/usr/bin/env node
// Runs the tests: all of them, or the groups named ("unit", or a folder of test/), three files at a time
// (CAUSEWAY_TEST_LANES), each in a process of its own and with its time. Ends with the longest files and one line of totals.
//
//   run-tests.mjs [unit|kernel|network|dns|oci|image|api|cli|golden|compat|security|fault|PATH]...
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, dirname, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleTests } from './bundle-tests.mjs';

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
/** First, so that none of them runs at the end beside nothing. */
const LONGEST = [
  'test/fault/step-boundaries.test.ts',
  'test/network/page-commands.test.ts',
  'test/fault/beside-engines.test.ts',
  'test/fault/injected-faults.test.ts',
  'test/network/paths-beside-engines.test.ts',
  'test/compat/program-calls.test.ts',
  'test/network/firewalls.test.ts',
  'test/compat/testcontainers.test.ts',
  'test/network/links.test.ts',
  'test/network/isolation.test.ts',
  'test/compat/ansible.test.ts',
  'test/network/crowd.test.ts',
  'test/network/other-firewalls.test.ts',
];
/** Most tests wait more than they work: with two of them a machine of two processors is idle much of the time. */
const LANES = Math.max(1, Math.trunc(Number(process.env.CAUSEWAY_TEST_LANES)) || 3);
const WATCH = fileURLToPath(new URL('./test-end.mjs', import.meta.url));

const wanted = process.argv.slice(2);
const totals = { pass: 0, fail: 0, skipped: 0 };
const times = [];
const queue = [];
for (const name of wanted.length === 0 ? ['unit', ...ORDER] : wanted) {
  const files = groups[name] ?? testsUnder(relative('.', name)); // also of an absolute path
  if (files.length === 0 && wanted.length > 0) (console.error(`no tests at ${name}`), (totals.fail += 1));
  queue.push(...files.map((file) => ({ file, group: name === 'unit' ? name : undefined })));
}
const { programs, remove } = await bundleTests(process.cwd(), [...new Set(queue.map(({ file }) => file))]);
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const pid of running) endGroup(pid);
    remove();
    process.exit(1);
  });

const rank = ({ file }) => (LONGEST.includes(file) ? LONGEST.indexOf(file) : LONGEST.length);
const together = queue.filter(({ file }) => !ALONE.has(file)).sort((a, b) => rank(a) - rank(b));
const unit = { left: together.filter(({ group }) => group).length, pass: 0, failed: 0, began: 0 };
const lane = async () => {
  for (let next = together.shift(); next !== undefined; next = together.shift()) await runFile(next);
};
await Promise.all(Array.from({ length: LANES }, lane));
for (const next of queue.filter(({ file }) => ALONE.has(file))) await runFile(next);
remove();
times.sort((a, b) => b.seconds - a.seconds);
console.log(
  `\nlongest: ${times
    .slice(0, 12)
    .map(({ name, seconds }) => `${name} ${seconds} s`)
    .join(', ')}`,
);
console.log(`\n${totals.pass} passed, ${totals.fail} failed, ${totals.skipped} skipped`);
process.exit(totals.fail === 0 && totals.pass > 0 ? 0 : 1);

/** What of a process group is still there. */
function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is.
  }
}

/**
 * One file. One that does not end in FILE_MINUTES has failed; what it had printed by then is shown. With it ends what it
 * started and left behind.
 */
async function runFile({ file, group }) {
  const began = Date.now();
  unit.began ||= group ? began : 0;
  const args = [
    '--enable-source-maps',
    `--import=${pathToFileURL(WATCH).href}`,
    '--test-reporter=tap',
    '--test-reporter-destination=stdout',
    `--test-reporter=${WATCH}`,
    '--test-reporter-destination=stderr',
    programs.get(file),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  running.add(child.pid);
  let late = false;
  const timer = setTimeout(() => ((late = true), endGroup(child.pid)), FILE_MINUTES * 60_000);
  child.once('exit', () => {
    endGroup(child.pid);
    // What has left the group may hold the other end of its output for ever.
    setTimeout(() => child.stdout.destroy(), 10_000).unref();
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (part) => (out += part));
  const [status] = await new Promise((resolve) => child.once('close', (...ended) => resolve(ended)));
  clearTimeout(timer);
  running.delete(child.pid);
  report({ file, group, out, seconds: Math.round((Date.now() - began) / 1000), status, late });
}

function report({ file, group, out, seconds, status, late }) {
  // One that was ended has no totals.
  const count = (what, lines = /(?!)/g) =>
    Number(new RegExp(`^# ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? out.match(lines)?.length ?? 0);
  const pass = count('pass', /^ *ok \d+ (?!.*# SKIP)/gm);
  // One that left before its end has said nothing; where all is skipped there are tests all the same.
  const hasRun = /^# (tests|suites) [1-9]/m.test(out);
  const failed = count('fail', /^ *not ok /gm) + count('cancelled') || (status === 0 && hasRun ? 0 : 1);
  totals.pass += pass;
  totals.fail += failed;
  totals.skipped += count('skipped') + count('todo');
  if (group) ((unit.pass += pass), (unit.failed += failed), (unit.left -= 1));
  else times.push({ name: file, seconds });
  if (!group || failed)
    console.log(
      `\n${file}: ${pass} passed${failed ? `, ${failed} FAILED` : ''} in ${seconds} s${late ? ' (and was ended: it did not end by itself)' : ''}`,
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
  if (!group || unit.left > 0) return;
  const took = Math.round((Date.now() - unit.began) / 1000);
  times.push({ name: 'unit', seconds: took });
  console.log(
    `\nunit: ${unit.pass} passed${unit.failed ? `, ${unit.failed} FAILED` : ''} in ${took} s, with what ran beside`,
  );
}
