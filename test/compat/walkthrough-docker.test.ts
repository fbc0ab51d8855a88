/** Both walk-throughs, end to end, through the docker client. */
import { after, before, test } from 'node:test';
import { commandLineClient, playLinks, playNetworks, walkthroughEngine } from '../harness/walkthrough.ts';

let world: Awaited<ReturnType<typeof walkthroughEngine>>;

before(async () => {
  world = await walkthroughEngine((engine) => commandLineClient(engine, 'docker', { DOCKER_HOST: engine.url }));
});
after(() => world?.engine.destroy());

test('links, through the docker client', () => playLinks(world.engine, world.client, world.images));
test('networks, through the docker client', () => playNetworks(world.engine, world.client));
