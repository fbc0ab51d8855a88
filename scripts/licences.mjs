#!/usr/bin/env node
// Writes docs/licences.md from package-lock.json: every package that is ever downloaded, its licence and what it is
// for.
//
//   licences.mjs            writes the page
//   licences.mjs --print    prints it (a test compares)
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

// Declared in the form of before npm 3 (`licenses`), which the lockfile does not repeat.
const OLD_FORM = { buildcheck: 'MIT', 'cpu-features': 'MIT', ssh2: 'MIT' };

function packages() {
  return Object.entries(lock.packages)
    .filter(([path]) => path !== '')
    .map(([path, entry]) => ({
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version: entry.version,
      licence: entry.license ?? OLD_FORM[path.slice(path.lastIndexOf('node_modules/') + 13)] ?? 'not declared',
      use: entry.dev || entry.devOptional ? 'development' : 'engine',
      optional: Boolean(entry.optional),
    }));
}

function rows(use) {
  const lines = packages()
    .filter((one) => one.use === use)
    .map(
      ({ name, version, licence, optional }) =>
        `| ${name} | ${version} | ${licence} |${optional ? ' one platform only' : ''} |`,
    );
  return [...new Set(lines)].sort().join('\n');
}

const page = `# Licences

Causeway is under the Apache License 2.0 (LICENSE). This page is written by \`node scripts/licences.mjs\` from package-lock.json: what is downloaded from the npm
registry, every package with an integrity hash. A list for machines (CycloneDX) is printed by \`npm run sbom\`.

## In the engine

| package | version | licence | |
|---|---|---|---|
${rows('engine')}

## For development, tests and benchmarks

| package | version | licence | |
|---|---|---|---|
${rows('development')}

## Programs of the system

conmon (Apache-2.0), crun (GPL-2.0-or-later), runc (Apache-2.0), libnftables (GPL-2.0-only), libseccomp (LGPL-2.1), tini (MIT): installed from the distribution and called, not shipped.
`;

if (process.argv.includes('--print')) process.stdout.write(page);
else writeFileSync(join(root, 'docs/licences.md'), page);
