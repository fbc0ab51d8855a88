import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSpec, ProcessSpec } from '../../model/container.ts';
import type { ImageConfig } from '../../model/image.ts';
import { checkImageShare, commandOf, mergeImage, oddPortWarnings, processEnvironment } from './image-defaults.ts';

const image: ImageConfig = {
  user: 'app',
  env: ['PATH=/opt/bin', 'A=image'],
  entrypoint: ['/entry'],
  cmd: ['serve'],
  workingDir: '/srv',
  exposedPorts: ['80/tcp'],
  volumes: ['/data'],
  labels: { a: '1', b: '2' },
  stopSignal: 'SIGQUIT',
  healthcheck: null,
  shell: null,
  onBuild: null,
};
const bare = {
  user: '',
  env: [],
  cmd: null,
  entrypoint: null,
  workingDir: '',
  stopSignal: '',
  healthcheck: null,
  hostname: 'box',
  tty: false,
} as unknown as ProcessSpec;
const spec = (process: Partial<ProcessSpec>): ContainerSpec =>
  ({
    labels: { b: 'own' },
    volumes: [],
    shell: null,
    onBuild: null,
    process: { ...bare, ...process },
    connection: { exposedPorts: ['90/udp'] },
  }) as unknown as ContainerSpec;
const words = (process: Partial<ProcessSpec>): string[] => {
  const { path, args } = commandOf(mergeImage(spec(process), image).process);
  return [path, ...args];
};

test('ports of an image have one form; invalid ones are dropped and logged', () => {
  const odd = { ...image, exposedPorts: ['80', '443/TCP', 'x', '', '70000/tcp', '80-90/tcp', '5/foo', '80/tcp'] };
  assert.deepEqual(mergeImage(spec({}), odd).connection.exposedPorts, ['90/udp', '80/tcp', '443/tcp']);
  assert.deepEqual(oddPortWarnings(odd), [
    'The image exposes what is no port, which is left out: "x", "", "70000/tcp", "80-90/tcp", "5/foo"',
  ]);
  assert.deepEqual(oddPortWarnings(image), []);
});

test('an image with a megabyte of configuration is refused by name, with its size and the bound', () => {
  checkImageShare('app', { ...image, labels: { note: 'x'.repeat(1_000_000) } });
  for (const large of [
    { labels: { note: 'ü'.repeat(600_000) } },
    { env: Array.from({ length: 20_000 }, (_, n) => `VARIABLE_${n}=${'x'.repeat(50)}`) },
    { cmd: ['x'.repeat(1_100_000)] },
  ]) {
    assert.throws(
      () => checkImageShare('app:latest', { ...image, ...large }),
      /image app:latest .* is 1\d{6} bytes long: .* at most 1048576/,
    );
  }
});

test('what the user leaves open comes from the image', () => {
  const merged = mergeImage(spec({}), image);
  assert.deepEqual(words({}), ['/entry', 'serve']);
  assert.equal(merged.process.user, 'app');
  assert.equal(merged.process.stopSignal, 'SIGQUIT');
  assert.deepEqual(merged.labels, { a: '1', b: 'own' });
  assert.deepEqual(merged.connection.exposedPorts, ['90/udp', '80/tcp']);
  assert.deepEqual(merged.volumes, ['/data']);
});

test("a command replaces the image's command; an entrypoint drops it; an empty entrypoint clears the image's", () => {
  assert.deepEqual(words({ cmd: ['ls'] }), ['/entry', 'ls']);
  assert.deepEqual(words({ entrypoint: ['sh'] }), ['sh']);
  assert.deepEqual(words({ entrypoint: [''], cmd: ['ls'] }), ['ls']);
  assert.throws(() => commandOf({ ...bare }), /no command specified/);
});

test("link variables stand behind the engine's own and before HOME; the user wins in place", () => {
  const process = { ...bare, env: ['A=own', 'DB_PORT=mine', 'HOSTNAME'] };
  assert.deepEqual(processEnvironment(process, ['DB_PORT=tcp://1.2.3.4:1', 'DB_NAME=/web/db']), [
    'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'DB_PORT=mine',
    'DB_NAME=/web/db',
    'A=own',
  ]);
});
