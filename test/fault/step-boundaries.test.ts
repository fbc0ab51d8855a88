/**
 * The daemon is killed right before each thing that a call does outside of its process, and started again: everything
 * is as before the call or as after it, nobody else notices, the call can be repeated, and nothing is left over. In the
 * suite a sample, another one with another CAUSEWAY_SEED; all of it with `npm run test:fault`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Visit } from '../harness/doors/order.ts';
import { FULL, recordResult, spread, Turns } from './results.ts';
import { CONTAINER_OPERATIONS } from './step-boundaries/container-operations.ts';
import type { Operation } from './step-boundaries/operation.ts';
import { OTHER_OPERATIONS } from './step-boundaries/other-operations.ts';
import { assertEmpty, boundariesOf, strikeAt } from './step-boundaries/round.ts';
import { stateOf } from './step-boundaries/state.ts';
import { setStage, type Stage } from './step-boundaries/world.ts';

const OPERATIONS = [...CONTAINER_OPERATIONS, ...OTHER_OPERATIONS];
const SEED = Number(process.env['CAUSEWAY_SEED'] ?? 1);
/** So many operations have a second boundary tried in the short form. */
const EXTRA = 6;

const ABOUT =
  'What a killed process leaves depends only on what it did outside of itself, so each system call, file operation, commit, program and message that changes ' +
  'something is a boundary (`test/harness/doors`). The daemon is killed right before it and started again. Then kernel, disk and API are as before the call or as after it, ' +
  'as a whole; if the client was told that it is done, as after it; running containers are the same processes, and the numbers through their TCP connections and the answers to ' +
  'their queries come without a gap; the call, repeated, does what it is for; and what it made goes without a trace. Not reached: what is done once for each daemon. Left out: what the time given to the operation was too short for.';

/** All; or the first commit to the store, and where it is the operation's turn another one. */
function chosen(visits: readonly Visit[], index: number): readonly Visit[] {
  if (FULL) return spread(visits, SEED);
  const commit = visits.find((visit) => visit.name.startsWith('store.commit')) ?? visits[SEED % visits.length]!;
  const hasTurn = (index + SEED) % OPERATIONS.length < EXTRA;
  return hasTurn ? [commit, visits[(SEED * 7 + index) % visits.length]!] : [commit];
}

describe('killed at the boundaries of', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let stage: Stage;
  let empty: readonly string[];
  let turns: Turns | undefined;
  const begin = async (): Promise<void> => {
    stage = await setStage();
    empty = await stateOf(stage.engine, stage.api, stage.parent);
  };

  before(begin);
  after(() => stage.strike());

  for (const [index, operation] of OPERATIONS.entries()) {
    test(operation.name, { timeout: FULL ? 3_600_000 : 300_000 }, async () => {
      assert.deepEqual(await tryAll(operation, index), [], `CAUSEWAY_SEED=${SEED} gives the same sample again`);
    });
  }

  async function tryAll(operation: Operation, index: number): Promise<string[]> {
    turns ??= new Turns(OPERATIONS.length, Infinity);
    const end = turns.next();
    const violations: string[] = [];
    const count = { killed: 0, notReached: 0, packets: -stage.bystanders.packets };
    const boundaries = await boundariesOf(stage, operation, empty);
    const wanted = chosen(boundaries.visits, index);
    for (const visit of wanted) {
      if (count.killed + count.notReached > 0 && Date.now() > end) break;
      try {
        if ((await strikeAt(stage, operation, boundaries, visit)) === 'struck') count.killed++;
        else count.notReached++;
      } catch (error) {
        count.killed++;
        violations.push(
          `${operation.name}, killed before ${visit.name} (${visit.n}): ${(error as Error).message}\n${stage.engine.log.split('\n').slice(-8).join('\n')}`,
        );
        count.packets += stage.bystanders.packets;
        await stage.strike(); // whatever it left must not be blamed on the next one
        await begin();
      }
    }
    await assertEmpty(stage, empty);
    recordResult({
      part: 'Step boundaries',
      about: ABOUT,
      item: operation.name,
      counts: {
        boundaries: boundaries.visits.length,
        kills: count.killed,
        'not reached': count.notReached,
        'boundaries left out': wanted.length - count.killed - count.notReached,
        "bystanders' packets": count.packets + stage.bystanders.packets,
      },
      violations,
    });
    return violations;
  }
});
