#!/usr/bin/env node
// Bundles each program of the project into one file under dist/.
//
//   node scripts/build.mjs            all of them
//   node scripts/build.mjs cli dns    only these
//   node scripts/build.mjs --hooks    a second daemon, dist/hooked/, that tests can kill and let fail at every door (test/harness/doors)
//
// The command line and the engine are CJS, as only a script can be there compiled (scripts/code-file.mjs); the others are
// ESM.
// Packages with native code stay outside: they find their own binaries beside their package.json.
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { hookedDoors } from './hooked-doors.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const NATIVE = ['koffi', 'lmdb'];

const hooks = process.argv.includes('--hooks');
const programs = hooks
  ? [
      { name: 'daemon', entry: 'src/daemon/main.ts', output: 'dist/hooked/daemon.mjs', plugins: [hookedDoors(root)] },
      { name: 'dns', entry: 'src/daemon/dns-main.ts', output: 'dist/hooked/dns.mjs' },
    ]
  : [
      // The text with what V8 compiled of it, and what Node starts, which is nothing without that.
      { name: 'cli', entry: 'src/cli/main.ts', output: 'dist/cli.code', finish: compile },
      { name: 'cli', entry: 'src/cli/start.ts', output: 'dist/cli.cjs', after: 'dist/cli.code' },
      // What Node starts, and the two programs that it loads one of, which are there first.
      { name: 'daemon', entry: 'src/daemon/main.ts', output: 'dist/engine.code', finish: compile },
      { name: 'daemon', entry: 'src/daemon/enter-main.ts', output: 'dist/enter.mjs', after: 'dist/engine.code' },
      { name: 'daemon', entry: 'src/daemon/start.ts', output: 'dist/daemon.mjs', after: 'dist/enter.mjs' },
      { name: 'dns', entry: 'src/daemon/dns-main.ts', output: 'dist/dns.mjs' },
      // A child and a thread of the daemon. The hooked daemon has none: its doors are all in its own thread.
      { name: 'archive', entry: 'src/image/archive-main.ts', output: 'dist/archive.mjs' },
      { name: 'extraction', entry: 'src/image/extraction-worker.ts', output: 'dist/extraction.mjs' },
      { name: 'logs', entry: 'src/oci/logs/log-worker.ts', output: 'dist/logs.mjs' },
    ];

let esbuild;
try {
  esbuild = await import('esbuild');
} catch {
  console.error('build: esbuild is not installed; run "npm ci" first');
  process.exit(1);
}

const wanted = process.argv.slice(2).filter((name) => name !== '--hooks');
const unknown = wanted.filter((name) => !programs.some((program) => program.name === name));
if (unknown.length > 0) {
  console.error(`build: no program "${unknown.join('", "')}"; there are: ${programs.map((p) => p.name).join(', ')}`);
  process.exit(1);
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [commit = '', builtAt = ''] = gitHead();
const define = {
  __CAUSEWAY_VERSION__: JSON.stringify(version),
  __CAUSEWAY_COMMIT__: JSON.stringify(commit),
  __CAUSEWAY_BUILT_AT__: JSON.stringify(builtAt),
};

// A bundled CJS package inside an ES module still asks for require and __dirname.
const ESM_BANNER = [
  "import { createRequire as __createRequire } from 'node:module';",
  "import { fileURLToPath as __toPath } from 'node:url';",
  'const require = __createRequire(import.meta.url);',
  'const __filename = __toPath(import.meta.url);',
  "const __dirname = __toPath(new URL('.', import.meta.url));",
].join('\n');

// And an ES module bundled as a script for where it is.
const CJS_BANNER = "const __programUrl = require('node:url').pathToFileURL(__filename).href;";

const builds = new Map();
for (const program of programs)
  if (wanted.length === 0 || wanted.includes(program.name)) builds.set(program.output, build(program));

let failed = false;
for (const outcome of await Promise.allSettled(builds.values())) {
  if (outcome.status === 'fulfilled') {
    console.log(outcome.value);
    continue;
  }
  failed = true;
  const { errors, message } = outcome.reason;
  const lines = errors
    ? await esbuild.formatMessages(errors, { kind: 'error', color: process.stderr.isTTY })
    : [message];
  console.error(`build failed: ${lines.join('')}`);
}
process.exit(failed ? 1 : 0);

/** Resolves with what is said of it. */
async function build({ name, entry, output, plugins = [], finish, after }) {
  if (!existsSync(join(root, entry))) {
    if (wanted.length > 0) throw new Error(`${entry} does not exist`);
    return `${name}: left out, there is no ${entry}`;
  }
  const compiled = finish === compile;
  const format = compiled || name === 'cli' ? 'cjs' : 'esm';
  // Written beside its place and moved there whole: a program that is started meanwhile never reads half a file.
  const fresh = join(root, `${output}.${process.pid}`);
  try {
    await esbuild.build({
      absWorkingDir: root,
      entryPoints: [entry],
      outfile: fresh,
      bundle: true,
      platform: 'node',
      target: 'node20',
      format,
      external: NATIVE,
      define: compiled && name !== 'cli' ? { ...define, 'import.meta.url': '__programUrl' } : define,
      plugins,
      minify: name === 'cli', // half the text to read at every start
      // No module of Node's: what it loads later, it requires.
      supported: compiled ? { 'dynamic-import': false } : {},
      banner: { js: format === 'esm' ? ESM_BANNER : name === 'cli' ? '' : CJS_BANNER },
      legalComments: 'none',
      logLevel: 'silent',
    });
    await finish?.(name, fresh, join(root, output));
    await builds.get(after);
    renameSync(fresh, join(root, output));
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
  return `${name}: ${output}`;
}

/** Puts beside the text at `path` what V8 compiles of it; `output` is where it will be. */
async function compile(name, path, output) {
  // As bin/causeway starts it: what is compiled with other flags would not be used.
  const flags = name === 'cli' ? [] : ['--max-semi-space-size=2', '--expose-gc'];
  const { NODE_OPTIONS: _, NODE_EXTRA_CA_CERTS: __, ...env } = process.env;
  const args = [...flags, '--', join(root, 'scripts/code-file.mjs'), name, path, output];
  await promisify(execFile)(process.execPath, args, { env, timeout: 60_000, killSignal: 'SIGKILL' });
}

/** [short commit, its date] of the checkout, or nothing outside of one. */
function gitHead() {
  try {
    const options = { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] };
    return execFileSync('git', ['log', '-1', '--format=%h%n%cI'], options).trim().split('\n');
  } catch {
    return [];
  }
}
