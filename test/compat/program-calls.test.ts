/**
 * Programs that are not Docker's find in this engine what they find in dockerd: the calls that each makes, from a table
 * made of their sources, with what they read in the answers (test/compat/program-calls). Where dockerd 28.5 is on the
 * machine, it is held to the same table.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { join } from 'node:path';
import { Host } from '../harness/host.ts';
import { missing, OtherEngine } from '../harness/other-engine.ts';
import { PROJECT, TestEngine } from '../harness/test-engine.ts';
import { Commands } from './program-calls/commands.ts';
import { playProgram, wrongIn, type Outcomes } from './program-calls/play.ts';
import type { Outcome } from './program-calls/player.ts';
import { COMMAND_LINE } from './program-calls/programs/command-line.ts';
import { PROGRAMS } from './program-calls/programs/all.ts';
import { makeWorld } from './program-calls/world.ts';

const skip = process.getuid?.() !== 0 && 'needs root';
const played: Record<string, readonly Outcome[]> = {};

describe('programs find what they read', { skip }, () => {
  let engine: TestEngine;
  let world: Record<string, unknown>;
  before(async () => {
    engine = await TestEngine.start();
    engine.importFixtures();
    world = await makeWorld(engine.socket);
  });
  after(() => engine?.destroy());

  const play = (program: (typeof PROGRAMS)[number], client: string): Promise<Outcome[]> => {
    const env = { DOCKER_HOST: engine.url, CAUSEWAY_HOST: engine.url };
    return playProgram(engine.socket, new Commands([client], env), program, world);
  };

  for (const program of PROGRAMS)
    test(program.name, async () => {
      played[program.name] = await play(program, 'docker');
      assert.deepEqual(wrongIn(played[program.name]!), []);
    });

  for (const program of COMMAND_LINE)
    test(`${program.name}, with causeway in the place of docker`, async () => {
      assert.deepEqual(wrongIn(await play(program, join(PROJECT, 'bin/causeway'))), []);
    });
});

/** Differences from dockerd that no program sees, with the reason. */
const EXPLAINED: readonly { readonly step: RegExp; readonly what: string; readonly because: string }[] = [
  {
    step: /\/stats\?stream=(1|true)$/,
    what: 'type',
    because: 'dockerd sends the head of the stream before it sets the type',
  },
];

function comparable(outcomes: Outcomes): Outcomes {
  const told = ({ step, got }: Outcome): Outcome => ({
    step,
    got: Object.fromEntries(
      Object.entries(got).filter(([what]) => !EXPLAINED.some((one) => one.what === what && one.step.test(step))),
    ),
  });
  return Object.fromEntries(Object.entries(outcomes).map(([name, list]) => [name, list.map(told)]));
}

const noDocker = missing('dockerd 28');

test('dockerd 28.5 gives programs the same', { skip: skip || (noDocker ?? false) }, async (t) => {
  const host = Host.create();
  t.after(() => host.destroy());
  const docker = await OtherEngine.start('dockerd 28', host);
  t.after(() => docker.destroy());
  const env = { DOCKER_HOST: `unix://${docker.socket}` };
  docker.importFixtures();
  const world = await makeWorld(docker.socket);
  const theirs: Record<string, Outcome[]> = {};
  for (const program of PROGRAMS)
    theirs[program.name] = await playProgram(docker.socket, new Commands(['docker'], env), program, world);
  assert.deepEqual(Object.values(theirs).flatMap(wrongIn), []);
  assert.deepEqual(comparable(played), comparable(theirs));
});
