/**
 * State that is damaged: one record, one image, one directory. The daemon starts, says what it found and how to go on,
 * lists are answered for everybody, and nothing that could still be of use is thrown away.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { open, type RootDatabase } from 'lmdb';
import { RECORD_SHAPES } from '../../src/daemon/record-shapes.ts';
import { TestEngine } from '../harness/test-engine.ts';
import { ownCgroupParent, removeCgroupParent } from './traces.ts';

const parent = ownCgroupParent();
/** Each of them is tried beside the shapes; here, some. */
const EVERY = 7;
const TABLES = ['containers', 'networks', 'sandboxes', 'volumes'] as const;
let engine: TestEngine;

before(async () => {
  engine = await TestEngine.start({ flags: ['--cgroup-parent', parent] });
  engine.importFixtures();
  engine.ok('network', 'create', 'net');
  engine.ok('run', '-d', '--name', 'runs', '--network', 'net', '-p', '8080:80', '-v', 'kept:/kept', 'nginx');
});

after(async () => {
  await engine?.destroy();
  removeCgroupParent(parent);
});

/**
 * The store's tables, raw, while no daemon has them. Without its copy, unless it is to be kept, nothing takes the place
 * of what is damaged.
 */
async function withStore(
  work: (table: (name: string) => ReturnType<RootDatabase['openDB']>) => void | Promise<void>,
  { copy = false } = {},
): Promise<void> {
  if (!copy) rmSync(join(engine.dataRoot, 'state/copy.jsonl'), { force: true });
  const root = open({ path: join(engine.dataRoot, 'state'), maxDbs: 12, mapSize: 1 << 30 });
  const tables = new Map<string, ReturnType<RootDatabase['openDB']>>();
  try {
    await work((name) => {
      if (!tables.has(name)) tables.set(name, root.openDB({ name, encoding: 'binary' }));
      return tables.get(name)!;
    });
    await root.flushed;
  } finally {
    await root.close();
  }
}

const read = (table: ReturnType<RootDatabase['openDB']>, key: string): Record<string, unknown> =>
  JSON.parse((table.get(key) as Buffer).toString()) as Record<string, unknown>;
const write = (table: ReturnType<RootDatabase['openDB']>, key: string, text: string): void =>
  void table.putSync(key, Buffer.from(text));

const idOf = (name: string): string => engine.ok('inspect', '-f', '{{.Id}}', name);
const asideFile = (table: string, key: string): string => join(engine.dataRoot, 'state/aside', table, `${key}.json`);
const served = (): void =>
  assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8080/'), /Welcome/);

/** Every list answers. */
function listsAnswer(): void {
  for (const path of [
    'containers/json',
    'containers/json?all=1',
    'containers/json?all=1&size=1',
    'images/json?all=1',
    'networks',
    'volumes',
    'system/df',
    'info',
    'events?since=1&until=2',
  ]) {
    const answer = engine.shell(
      `curl -s -o /dev/null -w '%{http_code}' --unix-socket ${engine.socket} 'http://d/v1.51/${path}'`,
    );
    assert.equal(answer.out, '200', `${path}\n${engine.log.slice(-2000)}`);
  }
}

function warnings(): string {
  return engine.ok('info', '-f', '{{range .Warnings}}{{println .}}{{end}}');
}

const doctor = (): string =>
  engine.host.run(join(import.meta.dirname, '../../bin/causeway'), 'doctor', '--data-root', engine.dataRoot).out;

describe('a record that cannot be read', () => {
  test('is set aside in each table, is named everywhere, and comes back when it is mended', async () => {
    engine.ok('create', '--name', 'bad', '-v', 'bads:/data', 'busybox', 'true');
    writeFileSync(join(engine.dataRoot, 'rootfs/containers', idOf('bad'), 'diff/file'), 'kept');
    engine.ok('network', 'create', 'badnet');
    engine.ok('volume', 'create', 'badvolume');
    engine.ok('run', '-d', '--name', 'both', '--network', 'badnet', 'busybox', 'sleep', '1000');
    engine.ok('network', 'connect', 'net', 'both');
    const keys = {
      containers: idOf('bad'),
      networks: engine.ok('network', 'inspect', '-f', '{{.Id}}', 'badnet'),
      volumes: 'badvolume',
    };
    await engine.stop();
    const whole = new Map<string, Buffer>();
    await withStore((table) => {
      for (const [name, key] of Object.entries(keys)) {
        whole.set(name, Buffer.from(table(name).get(key) as Buffer));
        write(table(name), key, whole.get(name)!.toString().slice(0, -3));
      }
      write(table('sandboxes'), 'f'.repeat(64), '{"half":');
    });
    await engine.boot();
    listsAnswer();
    served();
    assert.deepEqual(engine.ok('ps', '--format', '{{.Names}}').split('\n').sort(), ['both', 'runs']);
    // Its other network is not touched, and is its way out now.
    engine.ok('exec', 'both', 'ping', '-c', '1', '-W', '5', 'runs');
    assert.equal(
      engine.ok('exec', 'both', 'sh', '-c', "ip route | awk '/default/ { print $3 }'"),
      engine.ok('network', 'inspect', '-f', '{{range .IPAM.Config}}{{.Gateway}}{{end}}', 'net'),
    );
    assert.equal(engine.ok('ps', '-aq', '-f', 'name=^bad$'), '');
    const said = [warnings(), doctor(), engine.log];
    for (const [name, key] of Object.entries({ ...keys, sandboxes: 'f'.repeat(64) })) {
      assert.ok(existsSync(asideFile(name, key)), `${name} is set aside`);
      for (const text of said) assert.ok(text.includes(asideFile(name, key)), `${name} is named in\n${text}`);
    }
    assert.deepEqual(
      readFileSync(asideFile('containers', keys.containers)),
      whole.get('containers')!.subarray(0, -3),
      'nothing of it is lost',
    );
    // What it could need stays.
    assert.match(engine.docker('volume', 'rm', 'bads').err, /volume is in use/);
    engine.ok('volume', 'prune', '-af');
    assert.match(engine.ok('volume', 'ls', '-q'), /^bads$/m);
    await engine.restart();
    assert.ok(
      existsSync(join(engine.dataRoot, 'rootfs/containers', keys.containers, 'diff/file')),
      'its files are kept',
    );
    await engine.stop();
    for (const [name, bytes] of whole) writeFileSync(asideFile(name, keys[name as keyof typeof keys]), bytes);
    rmSync(asideFile('sandboxes', 'f'.repeat(64)));
    await engine.boot();
    assert.equal(warnings().includes('set aside'), false, warnings());
    assert.match(doctor(), /ok +state: /);
    assert.equal(idOf('bad'), keys.containers);
    engine.ok('restart', '-t', '0', 'both');
    assert.deepEqual(
      Object.keys(
        JSON.parse(engine.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'both')) as object,
      ).sort(),
      ['badnet', 'net'],
    );
    engine.ok('rm', '-f', 'both');
    engine.ok('network', 'rm', 'badnet');
    engine.ok('volume', 'rm', 'badvolume');
    engine.ok('rm', '-v', 'bad');
    engine.ok('volume', 'rm', 'bads');
  });

  test('comes back from the copy where that has it, of each kind, and what was there is kept and named', async () => {
    engine.ok('network', 'create', '--label', 'mine=yes', 'copied');
    engine.ok('volume', 'create', '--label', 'mine=yes', 'copied');
    engine.ok('run', '-d', '--name', 'copied', '--network', 'copied', '-v', 'copied:/data', '-p', '8083:80', 'nginx');
    const pid = engine.ok('inspect', '-f', '{{.State.Pid}}', 'copied');
    const keys = {
      containers: idOf('copied'),
      networks: engine.ok('network', 'inspect', '-f', '{{.Id}}', 'copied'),
      sandboxes: idOf('copied'),
      volumes: 'copied',
    };
    const seen = (): string[] => [
      engine.ok(
        'inspect',
        '-f',
        '{{.State.Pid}} {{.NetworkSettings.Networks.copied.IPAddress}} {{json .Mounts}}',
        'copied',
      ),
      engine.ok('network', 'inspect', '-f', '{{json .IPAM}} {{json .Labels}} {{json .Containers}}', 'copied'),
      engine.ok('volume', 'inspect', '-f', '{{json .Labels}} {{.CreatedAt}}', 'copied'),
      engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8083/'),
    ];
    const before = seen();
    await engine.restart(); // the copy has them
    await engine.stop('SIGKILL');
    const broken = Object.keys(keys).map((name, index) =>
      index % 2 ? '{"half":' : JSON.stringify({ id: 7, of: name }),
    );
    await withStore(
      (table) => Object.entries(keys).forEach(([name, key], index) => write(table(name), key, broken[index]!)),
      { copy: true },
    );
    await engine.boot();
    listsAnswer();
    assert.deepEqual(seen(), before);
    const files = Object.entries(keys).map(([name, key]) =>
      join(engine.dataRoot, 'state/replaced', name, `${key}.json`),
    );
    for (const [index, file] of files.entries()) {
      assert.equal(readFileSync(file, 'utf8'), broken[index]);
      for (const text of [warnings(), doctor(), engine.log])
        assert.ok(text.includes(`took its place; what was there is ${file}`), `${file} is named in\n${text}`);
    }
    await engine.restart();
    assert.deepEqual(seen(), before, 'it stays');
    assert.ok(existsSync(`/proc/${pid}`));
    for (const file of files) rmSync(file);
    assert.equal(warnings(), '');
    engine.ok('rm', '-f', 'copied');
    engine.ok('network', 'rm', 'copied');
    engine.ok('volume', 'rm', 'copied');
  });

  for (const note of ['there', 'damaged', 'gone'])
    test(`a container that runs goes on with its network, and deleting the file removes what is left, with the note of its run ${note}`, async () => {
      engine.ok('run', '-d', '--name', 'hidden', '--network', 'net', '-p', '8081:80', 'nginx');
      const id = idOf('hidden');
      const pid = engine.ok('inspect', '-f', '{{.State.Pid}}', 'hidden');
      await engine.stop('SIGKILL');
      await withStore((table) => write(table('containers'), id, 'not JSON'));
      const noteFile = join(engine.execRoot, 'oci/containers', `${id}.json`);
      if (note === 'damaged') writeFileSync(noteFile, '{');
      if (note === 'gone') rmSync(noteFile);
      await engine.boot();
      listsAnswer();
      assert.ok(existsSync(`/proc/${pid}`), 'it is not killed');
      assert.match(engine.host.ok('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8081/'), /Welcome/);
      assert.match(engine.log, new RegExp(`${id}.*a container runs whose record cannot be read`));
      served();
      await engine.stop();
      rmSync(asideFile('containers', id));
      await engine.boot();
      assert.ok(!existsSync(`/proc/${pid}`), 'nobody knows it any more');
      assert.ok(!existsSync(join(engine.dataRoot, 'rootfs/containers', id)));
      assert.equal(engine.host.run('curl', '-s', '--max-time', '5', 'http://127.0.0.1:8081/').out, '');
    });

  test('whatever is wrong with any field: the daemon starts and lists answer', async () => {
    engine.ok(
      'create',
      '--name',
      'model',
      '--link',
      'runs:alias',
      '--health-cmd',
      'true',
      '-p',
      '8082:80',
      '--tmpfs',
      '/t',
      '--mount',
      'type=volume,src=kept,dst=/x',
      'busybox',
      'true',
    );
    const ids: Record<string, string> = {
      containers: idOf('model'),
      networks: engine.ok('network', 'inspect', '-f', '{{.Id}}', 'net'),
      sandboxes: idOf('runs'),
      volumes: 'kept',
    };
    await engine.stop();
    let written = 0;
    await withStore((table) => {
      for (const name of TABLES) {
        const record = read(table(name), ids[name]!);
        for (const [index, variant] of variants(record).entries()) {
          if (index > 5 && index % EVERY !== 0) continue;
          // One that can be read is a network like any other, with the same bridge as the one that it is a copy of.
          if ((name === 'networks' || name === 'sandboxes') && RECORD_SHAPES[name]!.shape(variant) === undefined)
            continue;
          const key = name === 'volumes' ? `v${index}` : `${String(index).padStart(8, '0')}${ids[name]!.slice(8)}`;
          const own = JSON.stringify(variant).replaceAll(
            name === 'volumes' ? '"kept"' : ids[name]!,
            name === 'volumes' ? `"${key}"` : key,
          );
          write(table(name), key, own);
          written += 1;
        }
      }
    });
    await engine.boot();
    listsAnswer();
    served();
    const aside = TABLES.map((name) =>
      existsSync(join(engine.dataRoot, 'state/aside', name))
        ? readdirSync(join(engine.dataRoot, 'state/aside', name)).length
        : 0,
    );
    assert.ok(
      aside.every((count) => count > 4),
      `set aside: ${aside.join()}`,
    );
    await engine.stop();
    rmSync(join(engine.dataRoot, 'state/aside'), { recursive: true });
    await withStore((table) => {
      for (const name of TABLES) {
        const made = Array.from(table(name).getKeys()).filter((key) =>
          /^(v\d+|0000\d{4}[0-9a-f]{56})$/.test(String(key)),
        );
        for (const key of made) table(name).removeSync(key);
      }
    });
    await engine.boot();
    engine.ok('rm', 'model');
    console.log(`# ${written} damaged records, ${aside.join('+')} set aside`);
  });
});

/** The record with each of its fields, at any depth, missing, null and of another type. */
function variants(record: unknown): unknown[] {
  const results: unknown[] = [null, [], 'text', 7, {}];
  const visit = (value: unknown, put: (changed: unknown) => unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const key of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[key];
      const replaced = (changed: unknown): unknown =>
        put(
          Array.isArray(value)
            ? value.map((item: unknown, i) => (String(i) === key ? changed : item))
            : { ...value, [key]: changed },
        );
      for (const wrong of [undefined, null, typeof inner === 'string' ? 5 : 'nonsense']) results.push(replaced(wrong));
      visit(inner, replaced);
    }
  };
  visit(record, (changed) => changed);
  return results;
}

describe('what a record refers to is gone', () => {
  test('an image, a layer, a root filesystem: listed, inspected, removed', async () => {
    for (const name of ['image-gone', 'rootfs-gone', 'link-gone', 'dir-gone'])
      engine.ok('create', '--name', name, '-p', '80', 'training/postgres', 'true');
    const image = engine.ok('inspect', '-f', '{{.Image}}', 'image-gone').replace('sha256:', '');
    const others = engine.ok('images').split('\n').length;
    const rootfs = join(engine.dataRoot, 'rootfs/containers');
    writeFileSync(join(rootfs, idOf('link-gone'), 'diff/file'), 'kept');
    rmSync(join(rootfs, idOf('rootfs-gone')), { recursive: true });
    rmSync(join(rootfs, idOf('link-gone'), 'image'));
    rmSync(join(engine.dataRoot, 'containers', idOf('dir-gone')), { recursive: true });
    listsAnswer();
    await engine.restart();
    listsAnswer();
    assert.match(engine.ok('inspect', '-f', '{{.State.Error}}', 'rootfs-gone'), /its file system .* is missing/);
    assert.notEqual(engine.docker('start', 'rootfs-gone').code, 0);
    assert.equal(
      engine.ok('cp', 'link-gone:/file', '-').includes('kept'),
      true,
      'its files are there, its image is found again',
    );
    const blob = join(engine.dataRoot, 'image/blobs/sha256', image);
    await engine.stop();
    renameSync(blob, `${engine.dir}/blob`);
    await engine.boot();
    listsAnswer();
    served();
    const names = engine.ok('ps', '-a', '--format', '{{.Names}}');
    for (const name of ['image-gone', 'rootfs-gone', 'link-gone', 'dir-gone', 'runs'])
      assert.match(names, new RegExp(`^${name}$`, 'm'));
    assert.match(engine.ok('inspect', '-f', '{{.State.Error}}', 'image-gone'), /its image sha256:.* is missing/);
    assert.match(engine.docker('start', 'image-gone').err, /missing/);
    for (const text of [warnings(), doctor(), engine.log])
      assert.match(text, new RegExp(`the image .* is not whole .*aside/${image}\\.json`));
    engine.ok('rm', '-f', 'rootfs-gone', 'dir-gone');
    await engine.stop();
    renameSync(`${engine.dir}/blob`, blob);
    await engine.boot();
    assert.equal(engine.ok('images').split('\n').length, others, 'the image is back, under its names');
    assert.equal(engine.ok('run', '--rm', '--entrypoint', 'echo', 'training/postgres', 'well'), 'well');
    engine.ok('rm', '-f', 'image-gone', 'link-gone');
  });

  test('a layer that is gone is unpacked again from its blob', async () => {
    const image = engine.ok('inspect', '-f', '{{index .RootFS.Layers 0}}', 'busybox').replace('sha256:', '');
    const layers = join(engine.dataRoot, 'image/layers');
    await engine.stop();
    renameSync(join(layers, image), join(engine.dir, 'layer'));
    await engine.boot();
    listsAnswer();
    assert.equal(engine.ok('run', '--rm', 'busybox', 'echo', 'well'), 'well');
    served();
  });
});

test("a name of no record in the directory of what is set aside is in nobody's way", async () => {
  await engine.stop();
  mkdirSync(join(engine.dataRoot, 'state/aside/containers'), { recursive: true });
  writeFileSync(join(engine.dataRoot, 'state/aside/containers/README'), 'x');
  writeFileSync(join(engine.dataRoot, 'state/aside/containers/..json'), 'x');
  await engine.boot();
  listsAnswer();
  rmSync(join(engine.dataRoot, 'state/aside'), { recursive: true });
});

describe('the file of the state', () => {
  test('truncated under running containers: the copy is used, what the copy lacks is kept, and both are reported', async () => {
    engine.ok('run', '-d', '--name', 'known', 'busybox', 'sleep', '1000');
    await engine.restart(); // the copy has it
    const copy = join(engine.dataRoot, 'state/copy.jsonl');
    const old = readFileSync(copy);
    engine.ok('run', '-d', '--name', 'newer', 'busybox', 'sleep', '1000');
    const [id, pid] = engine.ok('inspect', '-f', '{{.Id}} {{.State.Pid}}', 'newer').split(' ') as [string, string];
    await engine.stop('SIGKILL');
    writeFileSync(
      join(engine.dataRoot, 'state/data.mdb'),
      readFileSync(join(engine.dataRoot, 'state/data.mdb')).subarray(0, 6000),
    );
    writeFileSync(copy, old);
    await engine.boot();
    listsAnswer();
    served();
    assert.match(engine.ok('ps', '--format', '{{.Names}}'), /^known$/m);
    assert.ok(existsSync(`/proc/${pid}`), 'it is not killed');
    for (const text of [warnings(), doctor()]) {
      assert.match(text, /the state was damaged, and a copy took its place; the damaged file is .*data\.mdb\.damaged-/);
      assert.ok(text.includes(asideFile('containers', id)), text);
    }
    await engine.restart();
    assert.ok(
      existsSync(`/proc/${pid}`) && existsSync(join(engine.dataRoot, 'rootfs/containers', id)),
      'nor by the next one',
    );
    await engine.stop();
    rmSync(asideFile('containers', id));
    await engine.boot();
    assert.ok(!existsSync(`/proc/${pid}`));
  });
});
