#!/usr/bin/env node
// npm run test:fault: every part of the fault campaign in its full form, then docs/reliability.md from what they
// recorded (test/fault/results.ts). Takes hours; the suite has a short form of each part.
//
//   fault-report.mjs [PATH]...        only these test files; the page keeps what the others recorded before
//   fault-report.mjs --minutes N      all of it in about N minutes: each part has its share, and the page says what was left out
//   fault-report.mjs --page           only the page
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
delete process.env.NODE_EXTRA_CA_CERTS;
const RESULTS = 'dist/fault-results';
/** So many files at a time, but for those that look for how long nobody is answered. */
const AT_A_TIME = 2;
/** What of N minutes a file gets; the first three are two at a time. What is made before and after takes the rest. */
const SHARES = {
  'test/fault/step-boundaries.test.ts': 0.62,
  'test/fault/injected-faults.test.ts': 0.52,
  'test/fuzz/pure.test.ts': 0.08,
  'test/fuzz/engine.test.ts': 0.1,
  'test/fault/soak.test.ts': 0.1,
};

/** Every test file that records a result has a full form. */
const recording = readdirSync('test', { recursive: true })
  .map((name) => join('test', name))
  .filter((path) => path.endsWith('.test.ts') && readFileSync(path, 'utf8').includes('recordResult('));
const files = [
  ...Object.keys(SHARES).filter((file) => recording.includes(file)),
  ...recording.filter((file) => !(file in SHARES)).sort(),
];

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string' }, page: { type: 'boolean' } },
  allowPositionals: true,
});
const seconds = Number(values.minutes ?? 'NaN') * 60;
if (values.minutes !== undefined && !(seconds > 0))
  throw new Error(`--minutes ${values.minutes}: a number of minutes is needed`);
let failed = false;

async function runFile(file) {
  console.log(`=== ${file}`);
  const env = { ...process.env, CAUSEWAY_FAULT_FULL: '1' };
  if (seconds > 0) env.CAUSEWAY_PART_SECONDS = String(Math.round(seconds * (SHARES[file] ?? 0.05)));
  const child = spawn(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=spec', file], {
    stdio: 'inherit',
    env,
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) failed = true;
}

async function runAll(list, atATime) {
  const left = [...list];
  const lane = async () => {
    for (let file = left.shift(); file !== undefined; file = left.shift()) await runFile(file);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

if (!values.page) {
  if (positionals.length === 0) rmSync(RESULTS, { recursive: true, force: true });
  const wanted = positionals.length > 0 ? positionals : files;
  const alone = (file) => /silence/i.test(readFileSync(file, 'utf8'));
  await runAll(
    wanted.filter((file) => !alone(file)),
    AT_A_TIME,
  );
  await runAll(wanted.filter(alone), 1);
}

const results = existsSync(RESULTS)
  ? readdirSync(RESULTS)
      .sort()
      .map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8')))
  : [];
const totals = {};
for (const { counts } of results)
  for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
const violations = results.flatMap((result) =>
  result.violations.map((text) => `${result.part}: ${text.split('\n')[0]}`),
);
const shown = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : value.replaceAll('|', '\\|'));
const row = (cells) => `| ${cells.map(shown).join(' | ')} |`;
const table = (head, rows) => [
  row(head),
  row(head.map((_, index) => (index === 0 ? '---' : '--:'))),
  ...rows.map(row),
  '',
];

const parts = [...new Set(results.map((result) => result.part))].map((part) =>
  results.filter((result) => result.part === part),
);
const page = [
  '# Reliability',
  '',
  `Written by \`npm run test:fault${seconds > 0 ? ` -- --minutes ${values.minutes}` : ''}\`, which breaks the engine on purpose in every place that it can find. The suite runs a sample of each part.`,
  '',
  ...table(['what was tried', 'how often'], [...Object.entries(totals), ['violations', violations.length]]),
  ...violations.map((line) => `- ${line}`),
  ...(violations.length > 0 ? [''] : []),
  ...parts.flatMap((list) => {
    const columns = [...new Set(list.flatMap((result) => Object.keys(result.counts)))];
    return [
      `## ${list[0].part}`,
      '',
      list[0].about,
      '',
      ...table(
        ['', ...columns, 'violations'],
        list.map((result) => [
          result.item,
          ...columns.map((column) => result.counts[column] ?? 0),
          result.violations.length,
        ]),
      ),
    ];
  }),
].join('\n');
writeFileSync('docs/reliability.md', `${page.trimEnd()}\n`);
for (const [what, count] of Object.entries(totals)) console.log(`${shown(count)} ${what}`);
console.log(`violations: ${violations.length}`);
for (const line of violations) console.log(`  ${line}`);
process.exit(failed || violations.length > 0 ? 1 : 0);
