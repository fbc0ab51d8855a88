/** What CONTRIBUTING.md and its neighbours name is there: files, commands, groups of tests, links. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { MAX_FILE_LINES } from './borders.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };

const PAGES = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'ARCHITECTURE.md',
  'docs/decisions.md',
  'docs/testing.md',
  'README.md',
  'README.zh-CN.md',
];
const GITHUB = readdirSync(join(root, '.github'), { recursive: true, encoding: 'utf8' })
  .map((path) => join('.github', path))
  .filter((path) => /\.(md|yml)$/.test(path));
const FOLDERS = ['src', 'test', 'docs', 'scripts', 'bench', 'demo', 'packaging', 'bin', '.github'];

/** What is wrong with the commands in a text. */
function commandFaults(text: string): string[] {
  const npm = [...text.matchAll(/\bnpm run (?:-s |--silent )?([a-z:]+)/g)]
    .filter(([, name]) => !(name! in scripts))
    .map(([command]) => command);
  const runs = [...text.matchAll(/scripts\/run-tests\.mjs ((?:[a-z][\w./-]*)(?: [a-z][\w./-]*)*)/g)].flatMap(
    ([, names]) => names!.split(' '),
  );
  const groups = runs.filter(
    (name) => name !== 'unit' && !existsSync(join(root, 'test', name)) && !existsSync(join(root, name)),
  );
  const programs = [...text.matchAll(/\b(?:node|sh) ((?:scripts|test|bench)\/[\w./-]+)/g)]
    .filter(([, path]) => !existsSync(join(root, path!)))
    .map(([command]) => command);
  return [...npm, ...groups.map((name) => `no tests at ${name}`), ...programs];
}

/** Paths in backticks, from the root of the project. */
function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1]!);
  return quoted.filter(
    (path) =>
      /^[\w.-]+(\/[\w.-]+)*\/?$/.test(path) &&
      (FOLDERS.includes(path.split('/')[0]!) || /^[A-Z][\w.-]*\.md$/.test(path)),
  );
}

test('CONTRIBUTING.md names files that are there', () => {
  const paths = pathsIn(read('CONTRIBUTING.md'));
  assert.ok(paths.length > 60, `only ${paths.length} paths were found in it`);
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(root, path))),
    [],
  );
  assert.deepEqual(pathsIn('`src/none.ts`, `src`, `test/x` `NO.md` `a/b` `x`'), [
    'src/none.ts',
    'src',
    'test/x',
    'NO.md',
  ]);
});

test('ARCHITECTURE.md, the decisions and the page about tests name files that are there', () => {
  for (const page of ['ARCHITECTURE.md', 'docs/decisions.md', 'docs/testing.md']) {
    const files = [...read(page).matchAll(/`([\w-]+(?:\/[\w.-]+)+\.(?:ts|mjs|sh))`/g)].map((match) => match[1]!);
    assert.ok(files.length > 2, page);
    assert.deepEqual(
      files.filter((path) => !existsSync(join(root, path)) && !existsSync(join(root, 'src', path))),
      [],
      page,
    );
  }
});

test('each answer of the page contains what the page quotes', () => {
  const rows = [...read('CONTRIBUTING.md').matchAll(/^\| [^|]+ \| `([^`]+)` \| `([^`]+)` \|$/gm)];
  assert.ok(rows.length >= 6, `only ${rows.length} rows were found`);
  assert.deepEqual(
    rows.filter(([, path, text]) => !read(path!).includes(text!)).map(([row]) => row),
    [],
  );
});

test('the commands that pages and workflows name can be run', () => {
  for (const path of [...PAGES, ...GITHUB]) assert.deepEqual(commandFaults(read(path)), [], path);
  assert.equal(
    commandFaults('npm run none; node scripts/none.mjs; node scripts/run-tests.mjs unit none test/none.test.ts').length,
    4,
  );
});

test('the links between pages lead to files', () => {
  const broken = PAGES.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
      .filter(([, path]) => !existsSync(join(root, dirname(page), path!)))
      .map(([link]) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});

test('the numbers that CONTRIBUTING.md gives are those that are checked', () => {
  const page = read('CONTRIBUTING.md');
  assert.ok(page.includes(`fewer than ${MAX_FILE_LINES} lines`));
  const { printWidth } = JSON.parse(read('.oxfmtrc.json')) as { printWidth: number };
  assert.ok(page.includes(`at most ${printWidth} columns`));
  assert.match(read('.editorconfig'), new RegExp(`^max_line_length = ${printWidth}$`, 'm'));
  const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
  assert.ok(page.includes(`Node.js ${engines.node.replace('>=', '')} or newer`));
});

test('the workflow and the issue forms can be read, and the workflow asks for no rights but to read', () => {
  for (const path of GITHUB.filter((one) => one.endsWith('.yml')))
    assert.equal(typeof parse(read(path)), 'object', path);
  const workflow = parse(read('.github/workflows/ci.yml')) as {
    permissions: unknown;
    jobs: Record<string, { steps: { uses?: string; run?: string }[] }>;
  };
  assert.deepEqual(workflow.permissions, { contents: 'read' });
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  for (const { run = '' } of steps) if (/npm (ci|install)/.test(run)) assert.match(run, /--ignore-scripts/);
  for (const { uses = 'actions/' } of steps)
    assert.match(uses, /^actions\//, 'only what GitHub itself publishes has a say in what is built');
});
