import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { CdiRegistry } from './cdi-registry.ts';

let dir: string;
let registry: CdiRegistry;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cdi'));
  for (const name of ['etc', 'run']) mkdirSync(join(dir, name));
  registry = new CdiRegistry([join(dir, 'etc'), join(dir, 'run'), join(dir, 'missing')], silentLog);
});
afterEach(() => rmSync(dir, { recursive: true }));

const spec = (devices: Record<string, string>) =>
  JSON.stringify({
    cdiVersion: '0.6.0',
    kind: 'v.com/c',
    containerEdits: { env: ['SPEC=1'] },
    devices: Object.entries(devices).map(([name, value]) => ({ name, containerEdits: { env: [`V=${value}`] } })),
  });
const write = (path: string, text: string) => writeFileSync(join(dir, path), text);
const envOf = async (...names: string[]) =>
  (await registry.editsOf(names.map((name) => `v.com/c=${name}`))).flatMap(({ env }) => env);

test('the later directory takes precedence, and what one directory has twice is nowhere', async () => {
  write('etc/a.json', spec({ one: 'etc', two: 'etc' }));
  write('run/b.json', spec({ two: 'run', three: 'b' }));
  write('run/c.yaml', spec({ three: 'c' }));
  const { devices, warnings } = await registry.list();
  assert.deepEqual(devices, ['v.com/c=one', 'v.com/c=two']);
  const conflict = `conflicting device "v.com/c=three" (specs "${dir}/run/c.yaml", "${dir}/run/b.json")`;
  assert.deepEqual(
    warnings,
    ['c.yaml', 'b.json'].map((name) => `CDI: Error associated with spec file ${dir}/run/${name}: ${conflict}`),
  );
  assert.deepEqual(await envOf('one', 'two', 'one'), ['SPEC=1', 'V=etc', 'SPEC=1', 'V=run', 'V=etc']);
  await assert.rejects(envOf('one', 'three', 'nope'), {
    kind: 'system',
    message: 'CDI device injection failed: unresolvable CDI devices v.com/c=three, v.com/c=nope',
  });
});

test('files that change, come and go count at once', async () => {
  await assert.rejects(envOf('one'), /unresolvable/);
  mkdirSync(join(dir, 'missing'));
  write('missing/a.json', spec({ one: '1' }));
  assert.deepEqual(await envOf('one'), ['SPEC=1', 'V=1']);
  write('missing/a.json', spec({ one: '22' }));
  assert.deepEqual(await envOf('one'), ['SPEC=1', 'V=22']);
  rmSync(join(dir, 'missing'), { recursive: true });
  await assert.rejects(envOf('one'), /unresolvable/);
});

test('what is broken, too large or no file at all is told of, and harms no other', async () => {
  write('etc/good.json', spec({ one: '1' }));
  write('etc/bad.yaml', ': [');
  write('etc/large.json', ' '.repeat(1024 ** 2) + spec({ two: '2' }));
  write('etc/other.txt', 'not looked at');
  mkdirSync(join(dir, 'etc/directory.yaml'));
  symlinkSync('/dev/zero', join(dir, 'etc/zero.yaml'));
  symlinkSync('loop.yaml', join(dir, 'etc/loop.yaml'));
  symlinkSync('../real', join(dir, 'etc/link.yaml'));
  write('real', spec({ linked: '1' }));
  execFileSync('mkfifo', [join(dir, 'etc/fifo.json')]);
  const { devices, warnings } = await registry.list();
  assert.deepEqual(devices, ['v.com/c=linked', 'v.com/c=one']);
  assert.equal(warnings.length, 2, warnings.join('\n'));
  assert.match(
    warnings[0]!,
    /bad\.yaml: failed to load CDI Spec failed to parse CDI Spec ".*bad\.yaml": failed to unmarshal/,
  );
  assert.match(
    warnings[1]!,
    /large\.json: failed to load CDI Spec failed to read CDI Spec ".*": it is larger than 1048576 bytes$/,
  );
});

test('no directories: nothing is listed, and asking is refused', async () => {
  registry = new CdiRegistry([], silentLog);
  await assert.rejects(envOf('one'), {
    message: 'CDI device injection failed: no CDI specification directories specified',
  });
  assert.deepEqual((await registry.list()).warnings, [
    'CDI cache initialization failed: no CDI specification directories specified',
  ]);
});
