import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  BANNED_FILE_NAMES,
  BORDERS,
  DRIVER_NAMES,
  MAX_FILE_LINES,
  MAY_CHANGE_ROOT,
  MAY_READ_SENTENCES,
  MAY_OPEN_TREES,
  NETWORK_LAYERS,
  ROOT_CHANGES,
  SENTENCES_READ,
  TREE_OPENS,
} from './borders.ts';
import { MAY_JOIN_TREES, treePathsIn } from './tree-paths.ts';

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

const layerNames = Object.keys(NETWORK_LAYERS).toSorted((a, b) => b.length - a.length);
const inNetwork = (path: string): boolean => path.startsWith('network/');
/** Undefined: a file that is loose at the root of network. */
const layerOf = (path: string): string | undefined =>
  layerNames.find((name) => path === `network/${name}` || path.startsWith(`network/${name}/`));
const isTest = (path: string): boolean => path.endsWith('.test.ts');

test('each file of network is in a layer, and layers import only what they may', () => {
  assert.deepEqual(
    files.filter((path) => inNetwork(path) && layerOf(path) === undefined),
    [],
    'network has layers (test/borders.ts): which one is it part of?',
  );
  const crossings = imports
    .filter(({ from, to }) => inNetwork(from) && inNetwork(to) && !isTest(from) && layerOf(from) !== layerOf(to))
    .filter(({ from, to }) => !NETWORK_LAYERS[layerOf(from)!]!.mayImport.includes(layerOf(to)!))
    .map(({ from, to }) => `${from} imports ${to}: ${NETWORK_LAYERS[layerOf(from)!]!.because}`);
  assert.deepEqual(crossings, []);
});

test('the pure layers of network import only base, model and each other', () => {
  const pure = files.filter((path) => inNetwork(path) && !isTest(path) && !NETWORK_LAYERS[layerOf(path)!]?.acts);
  const crossings = imports
    .filter(({ from, to }) => pure.includes(from) && !inNetwork(to) && !['base', 'model'].includes(roomOf(to)))
    .map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(crossings, [], 'what is decided must be testable without a kernel');
  // What they may take of Node is in outside-imports.test.ts.
});

/**
 * A file's statements, each on a line of its own however many it takes there: what is looked for does not depend on how
 * it is set.
 */
const statementsOf = (path: string): string[] =>
  readFileSync(join(src, path), 'utf8')
    .replace(/^\s*(?:\/\/|\/?\*).*$/gm, '')
    .split(/(?<=[;{}])[ \t]*\n/)
    .map((statement) => statement.replace(/\s*\n\s*/g, ' ').trim());

const opens = (path: string, pattern: RegExp): boolean =>
  files.includes(path) && statementsOf(path).some((line) => pattern.test(line));

test('a border that nothing crosses any more is taken off the table', () => {
  const code = imports.filter(({ from }) => !isTest(from));
  const rooms = Object.entries(BORDERS).flatMap(([room, { mayImport }]) =>
    mayImport
      .filter((to) => !code.some((one) => roomOf(one.from) === room && roomOf(one.to) === to))
      .map((to) => `${room} imports nothing of ${to}`),
  );
  const layers = Object.entries(NETWORK_LAYERS).flatMap(([layer, { mayImport }]) => [
    ...(files.some((path) => layerOf(path) === layer) ? [] : [`${layer} has no files`]),
    ...mayImport
      .filter((to) => !code.some((one) => layerOf(one.from) === layer && layerOf(one.to) === to))
      .map((to) => `${layer} imports nothing of ${to}`),
  ]);
  const doors = [
    ...MAY_CHANGE_ROOT.filter((path) => !opens(path, ROOT_CHANGES)),
    ...Object.keys(MAY_OPEN_TREES).filter((path) => !opens(path, TREE_OPENS)),
  ];
  assert.deepEqual([...rooms, ...layers, ...doors], []);
});

test('no error of the engine is recognised by its words', () => {
  for (const bad of [
    "error.message.startsWith('x')",
    '/x/.test(errorMessage(error))',
    '/x/.exec((error as Error).message)',
    "errorMessage(error).includes('x')",
    "errorMessage(error) === 'x'",
    '/x/.test(error.detail)',
    "errorText(error).startsWith('x')",
  ])
    assert.match(bad, SENTENCES_READ);
  for (const good of [
    'errorCode(error) === x',
    'text.includes(x)',
    'errorMessage(error)',
    'codes.includes(error.code)',
    "stderr.includes('x')",
  ])
    assert.doesNotMatch(good, SENTENCES_READ);
  const found = files
    .filter((path) => !path.endsWith('.test.ts'))
    .flatMap((path) =>
      statementsOf(path)
        .filter((line) => SENTENCES_READ.test(line))
        .map((line) => ({ path, line: line.trim() })),
    );
  assert.deepEqual(
    found.filter(({ path }) => !(path in MAY_READ_SENTENCES)),
    [],
    'give the error what it knows: a class, a kind, a cause with a code',
  );
  assert.deepEqual(
    Object.keys(MAY_READ_SENTENCES).filter((file) => !found.some(({ path }) => path === file)),
    [],
    'these need no leave any more',
  );
});

test('the properties of a network come from its driver: no code in network or engine compares driver names', () => {
  for (const bad of [
    "network.driver === 'bridge'",
    "({ driver }) => driver !== 'null'",
    "driverNamed('bridge').createNetwork(x)",
  ])
    assert.match(bad, DRIVER_NAMES);
  for (const good of [
    "spec.ipam.driver === 'null'",
    "link.kind === 'bridge'",
    "spec.driver === 'overlay'",
    'driverNamed(network.driver)',
  ])
    assert.doesNotMatch(good, DRIVER_NAMES);
  const asking = files.filter(
    (path) =>
      /^(network|engine\/(network|container))\//.test(path) &&
      !path.startsWith('network/plan/drivers/') &&
      !isTest(path),
  );
  const found = asking.flatMap((path) =>
    statementsOf(path)
      .filter((line) => DRIVER_NAMES.test(line))
      .map((line) => `${path}: ${line.trim()}`),
  );
  assert.deepEqual(found, [], 'ask its policy (network/plan/network-policy.ts)');
});

test('nothing makes every promise of the daemon slower', () => {
  const hooking = files.filter((path) => /from 'node:async_hooks'/.test(readFileSync(join(src, path), 'utf8')));
  assert.deepEqual(
    hooking,
    [],
    'from its first use on, AsyncLocalStorage has each promise of the process call hooks: a tenth of the time of a start',
  );
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
  const rooms = readdirSync(src, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);
  assert.deepEqual(
    rooms.filter((room) => !(room in BORDERS)),
    [],
  );
  assert.deepEqual(
    files.filter((path) => BANNED_FILE_NAMES.includes(basename(path))),
    [],
  );
  assert.deepEqual(
    files.filter((path) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/.test(basename(path))),
    [],
  );
});

test('files stay small enough to be read', () => {
  const large = files
    .filter((path) => !path.endsWith('.test.ts'))
    .map((path) => ({ path, lines: readFileSync(join(src, path), 'utf8').split('\n').length }))
    .filter(({ lines }) => lines > MAX_FILE_LINES)
    .map(({ path, lines }) => `${relative('.', path)}: ${lines} lines`);
  assert.deepEqual(large, []);
});

const code = files
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => ({ path, statements: statementsOf(path) }));

/** Each is a way by which a path of a container could be followed from the host's root. */
const TREE_PATHS = [
  "join(merged, 'etc')",
  'join(record.upperDir, path)',
  '`${volume.mountpoint}/${subpath}`',
  'join(mount.source, name)',
  "join(root, 'etc')",
  '`${root}/${p}`',
  '`${root}${dst}`',
  'join(hostPath, n)',
  'join(found.hostPath, n)',
  'join(rootfs.mergedDir(id), p)',
  "join(context.rootfs.mount(id), 'etc')",
  'join(layer, n)',
  'join(this.layers.path(diffId), n)',
  'resolve(merged, p)',
  'merged + p',
  "root + '/etc'",
  'join(\n  merged,\n  name,\n)',
  '`/proc/${pid}/root${p}`',
  '`/proc/${state.pid}/root/etc/passwd`',
  '`/proc/${pid}/cwd/x`',
  "spawnProgram({ file: 'tar', cwd: merged })",
  'process.chdir(upperDir)',
  'const there = context.rootfs.mount(id);\nreturn join(there, name);',
  'const at = found.hostPath;\nopenSync(`${at}/${name}`);',
];
const OTHER_PATHS = [
  'join(directory, name)',
  '`${root}`',
  "join(dataRoot, 'layers')",
  "startConfined({ program: 'cp', from, to })",
  'openFd(view.root, O_PATH)',
  '`/proc/self/fd/${found.fd}`',
  'readlinkSync(`/proc/${pid}/root`)',
];

test("no path is put together from a container's tree but where nothing of it is on the way", () => {
  for (const bad of TREE_PATHS) assert.notDeepEqual(treePathsIn(bad), [], bad);
  for (const good of OTHER_PATHS) assert.deepEqual(treePathsIn(good), [], good);
  const found = code.flatMap(({ path, statements }) =>
    treePathsIn(statements.join('\n')).map((treePath) => ({ path, ...treePath })),
  );
  const refused = found
    .filter(({ path, from }) => MAY_JOIN_TREES[path]?.from !== from)
    .map(({ path, text }) => `${path}: ${text}`);
  assert.deepEqual(
    refused,
    [],
    'resolve it by a descriptor (kernel/root-path.ts), or say in test/tree-paths.ts why nothing of a container is on the way',
  );
  assert.deepEqual(
    Object.keys(MAY_JOIN_TREES).filter((file) => !found.some(({ path }) => path === file)),
    [],
    'these need no leave any more',
  );
});

test('no program gets a tree as its root', () => {
  for (const bad of ['chroot(root)', "spawn('chroot', [root])", 'exec chroot "$root"']) assert.match(bad, ROOT_CHANGES);
  const found = code
    .filter(({ path }) => !MAY_CHANGE_ROOT.includes(path))
    .flatMap(({ path, statements }) =>
      statements.filter((line) => ROOT_CHANGES.test(line)).map((line) => `${path}: ${line.trim()}`),
    );
  assert.deepEqual(found, []);
});

test('files of containers are opened by one function, which a lease does not block', () => {
  for (const bad of [
    'openFd(found.hostPath)',
    'openFd(`/proc/self/fd/${place}`, O_RDONLY)',
    'writeFileSync(beneath, text)',
    'readFileSync(request.files.hosts)',
    "openSync(record.files.hosts, 'r+')",
  ])
    assert.match(bad, TREE_OPENS);
  for (const good of [
    'openFd(found.hostPath, O_DIRECTORY)',
    'openFd(`/proc/self/fd/${place}`, O_RDONLY | O_NONBLOCK)',
    'openSync(beneath, constants.O_WRONLY | constants.O_NONBLOCK)',
  ])
    assert.doesNotMatch(good, TREE_OPENS);
  const found = code
    .filter(({ path }) => !(path in MAY_OPEN_TREES))
    .flatMap(({ path, statements }) =>
      statements.filter((line) => TREE_OPENS.test(line)).map((line) => `${path}: ${line.trim()}`),
    );
  assert.deepEqual(found, [], 'a lease on the file would silence the engine: kernel/regular-file.ts opens it');
});
