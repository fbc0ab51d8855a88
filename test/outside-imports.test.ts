import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NETWORK_LAYERS } from './borders.ts';
import { BUILT_INS, PACKAGES, PURE_BUILT_INS, PURE_ROOMS } from './outside-imports.ts';

interface Outside {
  readonly from: string; // path below src
  readonly name: string; // 'valibot', 'node:fs'
  /** What is taken of it; empty where all of it is (`import * as`, `import()`). */
  readonly names: readonly string[];
}

const IMPORTS =
  /(?:\b(?:import|export)\s+(?:type\s+)?([^'"();]*?)\s*from\s*|\bimport\s*\(\s*|\bimport\s+|\brequire\(\s*)(['"])([^.'"][^'"]*)\2/g;

/** Imports of packages and of Node's built-ins, those of types too. */
function importsFromOutside(path: string, text: string): Outside[] {
  return [...text.matchAll(IMPORTS)].map(([, clause = '', , name]) => {
    const names = /\{([^}]*)\}/.exec(clause)?.[1] ?? '';
    const bare = names.split(',').map(
      (one) =>
        one
          .trim()
          .replace(/^type /, '')
          .split(' as ')[0]!,
    );
    return { from: path, name: name!, names: bare.filter(Boolean) };
  });
}

const src = join(dirname(fileURLToPath(import.meta.url)), '../src');
const code = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
);
const outside = code.flatMap((path) => importsFromOutside(path, readFileSync(join(src, path), 'utf8')));
const roomOf = (path: string): string => path.split('/')[0]!;
const layers = Object.keys(NETWORK_LAYERS).toSorted((a, b) => b.length - a.length);
const layerOf = (path: string): string | undefined =>
  layers.find((layer) => path.startsWith(`network/${layer}/`) || path === `network/${layer}`);
const isPure = (path: string): boolean =>
  PURE_ROOMS.includes(roomOf(path)) || (roomOf(path) === 'network' && !NETWORK_LAYERS[layerOf(path) ?? '']?.acts);
const isBuiltIn = (name: string): boolean => name.startsWith('node:');
/** 'lmdb' of 'lmdb/native.js', '@a/b' of '@a/b/c'. */
const packageOf = (name: string): string =>
  name
    .split('/')
    .slice(0, name.startsWith('@') ? 2 : 1)
    .join('/');

test('imports are read in every form that they have', () => {
  const read = (line: string): unknown => importsFromOutside('x.ts', line).map(({ name, names }) => [name, ...names]);
  assert.deepEqual(
    read("import { type A, b as c } from 'node:fs';\nimport type { D } from \"koffi\";\nexport { E } from 'pino';"),
    [
      ['node:fs', 'A', 'b'],
      ['koffi', 'D'],
      ['pino', 'E'],
    ],
  );
  assert.deepEqual(
    read(
      "import * as v from 'valibot'; const a = await import('re2js'); import './x.ts'; import e from 'lmdb/x'; import 'tsx'; require('a')",
    ),
    [['valibot'], ['re2js'], ['lmdb/x'], ['tsx'], ['a']],
  );
});

test('packages of npm and built-ins of Node are imported by the rooms that they belong to', () => {
  const refused = outside.flatMap(({ from, name }) => {
    const rule = isBuiltIn(name) ? BUILT_INS[name.slice(5)] : PACKAGES[packageOf(name)];
    if (rule ? rule.rooms.includes(roomOf(from)) : isBuiltIn(name)) return [];
    return [`${from} imports ${name}: ${rule?.because ?? 'no package of test/outside-imports.ts'}`];
  });
  assert.deepEqual(refused, []);
});

test('pure code takes of Node only what computes', () => {
  const refused = outside
    .filter(({ from, name }) => isPure(from) && isBuiltIn(name))
    .filter(
      ({ name, names }) => names.length === 0 || !names.every((one) => PURE_BUILT_INS[name.slice(5)]?.includes(one)),
    )
    .map(({ from, name, names }) => `${from} imports ${names.join(', ')} from ${name}`);
  assert.deepEqual(refused, [], 'what is decided must be testable without a kernel, a disk and a network');
});

test('the tables have no entry that nothing uses', () => {
  const taken = outside.map(({ from, name }) => `${roomOf(from)} imports ${isBuiltIn(name) ? name : packageOf(name)}`);
  const takenNames = outside.flatMap(({ name, names }) => names.map((one) => `${one} of ${name}`));
  const allowed = [
    ...Object.entries(PACKAGES).flatMap(([name, { rooms }]) => rooms.map((room) => `${room} imports ${name}`)),
    ...Object.entries(BUILT_INS).flatMap(([name, { rooms }]) => rooms.map((room) => `${room} imports node:${name}`)),
  ];
  const allowedNames = Object.entries(PURE_BUILT_INS).flatMap(([name, names]) =>
    names.map((one) => `${one} of node:${name}`),
  );
  assert.deepEqual(
    [...allowed.filter((one) => !taken.includes(one)), ...allowedNames.filter((one) => !takenNames.includes(one))],
    [],
  );
  const { dependencies } = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  assert.deepEqual(Object.keys(PACKAGES).toSorted(), Object.keys(dependencies).toSorted());
});
