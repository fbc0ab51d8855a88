/**
 * Image configurations whose fields are of other types than clients can read: refused with the field's name, whichever
 * way the image comes, and nothing stays.
 */
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { pack } from 'tar-stream';
import { digestOf } from '../../src/image/blob-store.ts';
import { acceptImageConfig, parseImageConfig } from '../../src/image/image-config.ts';
import { bytes, BUSYBOX_TREE, importTree, listing, openStore, tarOf, temporaryDirectory } from './image-fixture.ts';

const LAYER = `sha256:${'a'.repeat(64)}`;
const HEAD = '"architecture":"amd64","os":"linux"';
const ROOTFS = `"rootfs":{"type":"layers","diff_ids":["${LAYER}"]}`;
const withConfig = (config: string) => `{${HEAD},${ROOTFS},"config":{${config}}}`;
const withField = (field: string) => `{${HEAD},${ROOTFS},${field}}`;

const go = (what: string, field: string, type: string) =>
  `json: cannot unmarshal ${what} into Go struct field Image.${field} of type ${type}`;
const REFUSED: Readonly<Record<string, string>> = {
  [withConfig('"Healthcheck":{"Interval":1e19}')]: go(
    'number 10000000000000000000',
    'config.Healthcheck.Interval',
    'time.Duration',
  ),
  [withConfig('"Healthcheck":{"Timeout":1.5}')]: go('number 1.5', 'config.Healthcheck.Timeout', 'time.Duration'),
  [withConfig('"Healthcheck":{"StartPeriod":"1s"}')]: go('string', 'config.Healthcheck.StartPeriod', 'time.Duration'),
  [withConfig('"Healthcheck":{"Retries":1e30}')]: go('number 1e30', 'config.Healthcheck.Retries', 'int'),
  [withConfig('"Healthcheck":[]')]: go('array', 'config.Healthcheck', 'v1.HealthcheckConfig'),
  [withConfig('"StopTimeout":1e30')]: go('number 1e30', 'config.StopTimeout', 'int'),
  [withConfig('"ExposedPorts":["80/tcp"]')]: go('array', 'config.ExposedPorts', 'nat.PortSet'),
  [withConfig('"ExposedPorts":{"80/tcp":5}')]: go('number', 'config.ExposedPorts.80~1tcp', 'struct {}'),
  [withConfig('"Volumes":["/v"]')]: go('array', 'config.Volumes', 'map[string]struct {}'),
  [withConfig('"Env":"A=B"')]: go('string', 'config.Env', '[]string'),
  [withConfig('"Env":[5]')]: 'json: cannot unmarshal number into Image.config.Env.0 of type string',
  [withConfig('"Labels":{"a":5}')]: go('number', 'config.Labels.a', 'string'),
  [withConfig('"User":5')]: go('number', 'config.User', 'string'),
  [withConfig('"Tty":5')]: go('number', 'config.Tty', 'bool'),
  [withField('"config":5')]: go('number', 'config', 'container.Config'),
  [withField('"history":[{"created_by":5}]')]: go('number', 'history.0.created_by', 'string'),
  [withField('"history":[{},{}]')]: 'too many non-empty layers in History section',
  [withField('"created":"x"')]: 'parsing time "x" as "2006-01-02T15:04:05Z07:00": it is none (Image.created)',
  [withField('"created":"99999-01-01T00:00:00Z"')]:
    'parsing time "99999-01-01T00:00:00Z" as "2006-01-02T15:04:05Z07:00": it is none (Image.created)',
  [withField('"author":5')]: go('number', 'author', 'string'),
  [withField('"Size":1e30')]: go('number 1e30', 'Size', 'int64'),
};

test("what clients could not read is refused in Go's words, which name the field", () => {
  for (const [config, message] of Object.entries(REFUSED))
    assert.throws(() => acceptImageConfig(config), { message, kind: 'invalid' }, config);
});

test('what Docker takes is taken: nulls, one text for a command, ports that are none, bounds of 64 bits', () => {
  const { config } = acceptImageConfig(
    `{${HEAD},${ROOTFS},"created":null,"history":null,"config":{"Env":null,"Cmd":"run","Labels":{"a":null},"ExposedPorts":{"x":{}},"Healthcheck":{"Interval":9223372036854775807}}}`,
  );
  assert.deepEqual([config.cmd, config.labels, config.exposedPorts], [['run'], { a: '' }, ['x']]);
  assert.ok(BigInt(JSON.stringify(config.healthcheck!.intervalNs)) < 2n ** 63n);
  for (const created of ['2020-02-03T04:05:06Z', '2020-02-03T04:05:06.123456789+02:00'])
    acceptImageConfig(withField(`"created":"${created}"`));
});

test('of an image that is here already all that can be read is shown', () => {
  for (const config of Object.keys(REFUSED))
    assert.doesNotThrow(() => JSON.stringify(parseImageConfig(config)), config);
  assert.equal(
    parseImageConfig(withConfig('"Healthcheck":{"Interval":1e19,"Retries":1e30}')).config.healthcheck!.retries,
    0,
  );
});

test('load, import and commit refuse it, and nothing stays', async (t) => {
  const directory = temporaryDirectory(t);
  const store = join(directory, 'store');
  const { images, rootfs } = await openStore(store);
  await importTree(images, directory, 'base', BUSYBOX_TREE);
  const base = images.get('base');
  await rootfs.create('c1', base);
  const before = listing(store);
  const layer = tarOf('echo x > x', directory);
  const config = withConfig('"Healthcheck":{"Interval":1e19}').replace(LAYER, digestOf(layer));
  const archive = pack();
  archive.entry({ name: 'c.json' }, config);
  archive.entry({ name: 'l.tar' }, layer);
  archive.entry(
    { name: 'manifest.json' },
    JSON.stringify([{ Config: 'c.json', Layers: ['l.tar'], RepoTags: ['odd:latest'] }]),
  );
  archive.finalize();
  await assert.rejects(
    images.load(Readable.from(archive), () => {}),
    /cannot unmarshal number 10000000000000000000 into Go struct field Image\.config\.Healthcheck\.Interval/,
  );
  const changes = ['HEALTHCHECK --interval=99999999999999h CMD true'];
  await assert.rejects(
    importTree(images, directory, 'odd', 'echo x > x', changes),
    /time: invalid duration "99999999999999h"/,
  );
  await assert.rejects(
    importTree(images, directory, 'odd', 'echo x > x', ['HEALTHCHECK --retries=99999999999 CMD true']),
    /parsing "99999999999": value out of range/,
  );
  const healthcheck = {
    test: ['CMD', 'true'],
    intervalNs: 1e19,
    timeoutNs: 0,
    startPeriodNs: 0,
    startIntervalNs: 0,
    retries: 0,
  };
  const commit = {
    base,
    upperDir: rootfs.upperDir('c1'),
    config: { ...base.config, healthcheck },
    changes: [],
    ref: 'odd',
    author: '',
    comment: '',
    createdBy: '',
  };
  await assert.rejects(images.commitLayer(commit), /Image\.config\.Healthcheck\.Interval/);
  assert.deepEqual(listing(store), before);
});

test('an image that could not be read again is refused with its size and the bound before its layer is read; what was made, can be saved', async (t) => {
  const directory = temporaryDirectory(t);
  const { images, rootfs } = await openStore(join(directory, 'store'));
  const id = await importTree(images, directory, 'base', BUSYBOX_TREE);
  const base = images.byId(id)!;
  await rootfs.create('c1', base);
  const command = 'x'.repeat(3_500_000); // twice in the configuration: as the command, and in the history
  const commit = (cmd: string) =>
    images.commitLayer({
      base,
      upperDir: rootfs.upperDir('c1'),
      config: { ...base.config, cmd: [cmd] },
      changes: [],
      ref: 'large',
      author: '',
      comment: '',
      createdBy: cmd,
    });
  const tooLong = {
    kind: 'invalid',
    message: /^the image configuration is 7\d{6} bytes long, and at most 4194304 are taken: /,
  };
  await assert.rejects(
    images.commitLayer({
      base,
      upperDir: '/nosuch',
      config: { ...base.config, cmd: [command] },
      changes: [],
      ref: 'large',
      author: '',
      comment: '',
      createdBy: command,
    }),
    tooLong,
  );
  const untouched = new Readable({ read: () => assert.fail('it was read') });
  await assert.rejects(
    images.importTar(untouched, { ref: 'large', message: command, changes: [`LABEL a=${command}`], platform: '' }),
    { kind: 'invalid', message: / bytes long, and at most 4194304 are taken: / },
  );
  assert.deepEqual(
    images.list().map((image) => image.id),
    [id],
  );
  await commit('x'.repeat(2_000_000));
  assert.ok((await bytes(await images.save(['large']))).length > 4_000_000);
});

test('save refuses an image whose configuration cannot be read, instead of ending in the middle', async (t) => {
  const directory = temporaryDirectory(t);
  const { images } = await openStore(join(directory, 'store'));
  const id = await importTree(images, directory, 'base', BUSYBOX_TREE);
  appendFileSync(images.catalog.blobs.path(id), ' ');
  await assert.rejects(images.save(['base']), /damaged on disk/);
});
