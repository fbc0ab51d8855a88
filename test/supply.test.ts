/**
 * What is downloaded to build and run the engine: every package is pinned by its content, nothing of it runs when it is
 * installed.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}/${path}`, 'utf8');
const packages = Object.entries(
  (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }).packages,
).filter(([path]) => path !== '');

test('every package of the lockfile has a SHA-512 of its content and names no host', () => {
  assert.ok(packages.length > 100);
  for (const [path, { integrity, resolved }] of packages) {
    assert.match(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, path);
    if (resolved !== undefined) assert.match(resolved, /^https:\/\/registry\.npmjs\.org\//, path);
  }
});

test('install scripts are known ones that are not needed, and are never run', () => {
  // koffi and lmdb look for a prebuilt binary that their packages bring along; the others build what nothing here uses.
  const known = ['cpu-features', 'esbuild', 'koffi', 'lmdb', 'msgpackr-extract', 'protobufjs', 'ssh2'];
  const found = packages
    .filter(([, one]) => one.hasInstallScript)
    .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 13));
  assert.deepEqual(
    found.filter((name) => !known.includes(name)),
    [],
  );
  for (const line of read('scripts/setup.sh')
    .split('\n')
    .filter((text) => /npm (ci|install)/.test(text) && !text.trim().startsWith('#')))
    assert.match(line, /--ignore-scripts/);
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const name of ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'])
    assert.equal(scripts[name], undefined, name);
});

test('every licence permits use with the Apache License, and docs/licences.md lists them', () => {
  const permitted =
    /^\(?(MIT|ISC|Apache-2\.0|BSD-2-Clause|BSD-3-Clause|0BSD|Unlicense|CC0-1\.0|BlueOak-1\.0\.0|MIT-0)( (OR|AND) (MIT|Apache-2\.0|BSD-3-Clause|CC0-1\.0|WTFPL))*\)?$/;
  const oldForm: Readonly<Record<string, string>> = { buildcheck: 'MIT', 'cpu-features': 'MIT', ssh2: 'MIT' }; // `licenses`, which the lockfile does not repeat
  for (const [path, { license }] of packages)
    assert.match(license ?? oldForm[path.slice(path.lastIndexOf('node_modules/') + 13)] ?? 'none', permitted, path);
  assert.equal(
    read('docs/licences.md'),
    execFileSync(process.execPath, [`${root}/scripts/licences.mjs`, '--print'], { encoding: 'utf8' }),
  );
});

test('npm run sbom names what the engine is made of', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const sbom = JSON.parse(
    execFileSync('sh', ['-c', scripts['sbom']!], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }),
  ) as { bomFormat: string; components: { name: string; hashes?: { alg: string }[] }[] };
  assert.equal(sbom.bomFormat, 'CycloneDX');
  const koffi = sbom.components.find(({ name }) => name === 'koffi');
  assert.equal(koffi?.hashes?.[0]?.alg, 'SHA-512');
});
