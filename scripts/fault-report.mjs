#!/usr/bin/env node
// npm run test:fault: every part of the fault campaign in its full form, then docs/reliability.md from what they recorded (test/fault/results.ts).
// Takes long; the suite has a short form of each part.
//
//   fault-report.mjs [PATH]...   only these test files; the page keeps what the others recorded before
//   fault-report.mjs --page      only the page
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'));
delete process.env.NODE_EXTRA_CA_CERTS;
const RESULTS = 'dist/fault-results';

/** Every test file that records a result has a full form. */
const files = readdirSync('test', { recursive: true }).map((name) => join('test', name)).filter((path) => path.endsWith('.test.ts') && readFileSync(path, 'utf8').includes('recordResult(')).sort();

const wanted = process.argv.slice(2);
const onlyPage = wanted[0] === '--page';
let failed = false;
if (!onlyPage) {
  if (wanted.length === 0) rmSync(RESULTS, { recursive: true, force: true });
  for (const file of wanted.length > 0 ? wanted : files) {
    console.log(`=== ${file}`);
    const env = { ...process.env, CAUSEWAY_FAULT_FULL: '1' };
    if (spawnSync(process.execPath, ['--import', 'tsx', '--test', '--test-reporter=spec', file], { stdio: 'inherit', env }).status !== 0) failed = true;
  }
}

const results = existsSync(RESULTS) ? readdirSync(RESULTS).sort().map((name) => JSON.parse(readFileSync(join(RESULTS, name), 'utf8'))) : [];
const totals = {};
for (const { counts } of results) for (const [what, count] of Object.entries(counts)) totals[what] = (totals[what] ?? 0) + count;
const violations = results.flatMap((result) => result.violations.map((text) => `${result.part}: ${text.split('\n')[0]}`));
const shown = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : value.replaceAll('|', '\\|'));
const row = (cells) => `| ${cells.map(shown).join(' | ')} |`;
const table = (head, rows) => [row(head), row(head.map((_, index) => (index === 0 ? '---' : '--:'))), ...rows.map(row), ''];

const parts = [...new Set(results.map((result) => result.part))].map((part) => results.filter((result) => result.part === part));
const page = [
  '# Reliability',
  '',
  'Written by `npm run test:fault`, which breaks the engine on purpose in every place that it can find. The suite runs a sample of each part.',
  '',
  ...table(['what was tried', 'how often'], [...Object.entries(totals), ['violations', violations.length]]),
  ...violations.map((line) => `- ${line}`),
  ...(violations.length > 0 ? [''] : []),
  ...parts.flatMap((list) => {
    const columns = [...new Set(list.flatMap((result) => Object.keys(result.counts)))];
    return [`## ${list[0].part}`, '', list[0].about, '', ...table(['', ...columns, 'violations'], list.map((result) => [result.item, ...columns.map((column) => result.counts[column] ?? 0), result.violations.length]))];
  }),
].join('\n');
writeFileSync('docs/reliability.md', `${page.trimEnd()}\n`);
for (const [what, count] of Object.entries(totals)) console.log(`${shown(count)} ${what}`);
console.log(`violations: ${violations.length}`);
for (const line of violations) console.log(`  ${line}`);
process.exit(failed || violations.length > 0 ? 1 : 0);
