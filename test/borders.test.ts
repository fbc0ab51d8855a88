import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { BANNED_FILE_NAMES, BORDERS, MAX_FILE_LINES, MAY_CHANGE_ROOT, MAY_JOIN_TREES, PURE_BECAUSE, PURE_NETWORK_PARTS, ROOT_CHANGES, TREE_JOINS } from './borders.ts';

const src = join(dirname(fileURLToPath(import.meta.url)), '../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));

interface Import {
  readonly from: string; // path below src
  readonly to: string;
}

/** Static, dynamic and type-only imports and re-exports of our own files. */
function importsOf(path: string): Import[] {
  const text = readFileSync(join(src, path), 'utf8');
  const specifiers = [...text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)(['"])(\.[^'"]*)\1/g)].map((match) => match[2]!);
  return specifiers.map((specifier) => ({ from: path, to: normalize(join(dirname(path), specifier)) }));
}

const imports = files.flatMap(importsOf);
const roomOf = (path: string): string => path.split('/')[0]!;

test('rooms import only what their border allows, type imports counted', () => {
  const crossings = imports
    .filter(({ from, to }) => roomOf(from) !== roomOf(to))
    // A test beside the code may use what its subject may not.
    .filter(({ from }) => !from.endsWith('.test.ts'))
    .filter(({ from, to }) => !BORDERS[roomOf(from)]?.mayImport.includes(roomOf(to)))
    .map(({ from, to }) => `${from} imports ${to}: ${BORDERS[roomOf(from)]?.because ?? 'no such room'}`);
  assert.deepEqual(crossings, []);
});

test('the pure parts of network import only base, model and each other', () => {
  const pure = (path: string): boolean => PURE_NETWORK_PARTS.some((part) => path.startsWith(`network/${part}/`));
  const crossings = imports
    .filter(({ from }) => pure(from) && !from.endsWith('.test.ts'))
    .filter(({ to }) => !pure(to) && !['base', 'model'].includes(roomOf(to)))
    .map(({ from, to }) => `${from} imports ${to}: ${PURE_BECAUSE}`);
  assert.deepEqual(crossings, []);
  const impure = files.filter((path) => pure(path) && !path.endsWith('.test.ts')).filter((path) => /from 'node:(fs|child_process|dgram|http)/.test(readFileSync(join(src, path), 'utf8')));
  assert.deepEqual(impure, [], PURE_BECAUSE);
});

test('nothing makes every promise of the daemon slower', () => {
  const hooking = files.filter((path) => /from 'node:async_hooks'/.test(readFileSync(join(src, path), 'utf8')));
  assert.deepEqual(hooking, [], 'from its first use on, AsyncLocalStorage has each promise of the process call hooks: a tenth of the time of a start');
});

test('nothing imports in a circle', () => {
  const graph = new Map<string, string[]>();
  for (const { from, to } of imports) graph.set(from, [...(graph.get(from) ?? []), to]);
  const state = new Map<string, 'open' | 'done'>();
  const circles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return;
    if (state.get(path) === 'open') {
      circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    state.set(path, 'open');
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of files) visit(path, []);
  assert.deepEqual(circles, []);
});

test('every room is in the table, and files are named after what is in them', () => {
  const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  assert.deepEqual(rooms.filter((room) => !(room in BORDERS)), []);
  assert.deepEqual(files.filter((path) => BANNED_FILE_NAMES.includes(basename(path))), []);
  assert.deepEqual(files.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path))), []);
});

test('files stay small enough to be read', () => {
  const large = files
    .filter((path) => !path.endsWith('.test.ts'))
    .map((path) => ({ path, lines: readFileSync(join(src, path), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > MAX_FILE_LINES)
    .map(({ path, lines }) => `${relative('.', path)}: ${lines} lines`);
  assert.deepEqual(large, []);
});

test("no path is put together from a container's tree, and no program gets one as its root", () => {
  for (const bad of ["join(merged, 'etc')", 'join(record.upperDir, path)', '`${volume.mountpoint}/${subpath}`', 'join(mount.source, name)']) assert.match(bad, TREE_JOINS);
  for (const bad of ['chroot(root)', "spawn('chroot', [root])", 'exec chroot "$root"']) assert.match(bad, ROOT_CHANGES);
  const code = files.filter((path) => !path.endsWith('.test.ts')).flatMap((path) => readFileSync(join(src, path), 'utf8').split('\n').map((line) => ({ path, line })));
  const found = (pattern: RegExp, may: readonly string[]) => code.filter(({ path, line }) => !may.includes(path) && pattern.test(line)).map(({ path, line }) => `${path}: ${line.trim()}`);
  assert.deepEqual(found(TREE_JOINS, Object.keys(MAY_JOIN_TREES)), []);
  assert.deepEqual(found(ROOT_CHANGES, MAY_CHANGE_ROOT), []);
});
