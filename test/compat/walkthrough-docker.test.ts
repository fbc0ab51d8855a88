/** Both walk-throughs, end to end, through the docker client: the system's, and one of today. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run } from '../harness/host.ts';
import { missingClient, TEST_CLIENTS } from '../harness/test-clients.ts';
import { commandLineClient, playLinks, playNetworks, walkthroughEngine } from '../harness/walkthrough.ts';

let world: Awaited<ReturnType<typeof walkthroughEngine>>;

before(async () => {
  world = await walkthroughEngine((engine) => commandLineClient(engine, 'docker', { DOCKER_HOST: engine.url }));
});
after(() => world?.engine.destroy());

test('links, through the docker client', () => playLinks(world.engine, world.client, world.images));
test('networks, through the docker client', () => playNetworks(world.engine, world.client));
test('both, through a docker client of 28.2 or later', { skip: missingClient('docker') }, async () => {
  const [, major, minor] = / version (\d+)\.(\d+)\./.exec(run(TEST_CLIENTS.docker, ['--version']).out) ?? [];
  assert.ok(Number(major) * 100 + Number(minor) >= 2802, `it is ${major}.${minor}`);
  const client = commandLineClient(world.engine, TEST_CLIENTS.docker, { DOCKER_HOST: world.engine.url });
  await playLinks(world.engine, client, world.images);
  await playNetworks(world.engine, client);
});
