/** Both walk-throughs, end to end, through the project's own command line. */
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { PROJECT } from '../harness/test-engine.ts';
import { commandLineClient, playLinks, playNetworks, walkthroughEngine } from '../harness/walkthrough.ts';

let world: Awaited<ReturnType<typeof walkthroughEngine>>;

before(async () => {
  world = await walkthroughEngine((engine) =>
    commandLineClient(engine, join(PROJECT, 'causeway'), { CAUSEWAY_HOST: engine.url }),
  );
});
after(() => world?.engine.destroy());

test("links, through the project's own command line", () => playLinks(world.engine, world.client, world.images));
test("networks, through the project's own command line", () => playNetworks(world.engine, world.client));
