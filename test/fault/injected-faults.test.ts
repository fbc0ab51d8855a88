/**
 * Something that a call does outside of its process fails: no room, no memory, no descriptor, a device with errors. The
 * call says so in a sentence and has done nothing, or does it all the same; and without the fault it succeeds. In the
 * suite a sample, another one with another CAUSEWAY_SEED, and what was once found; each door and error with `npm run
 * test:fault`.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { errnosFor } from './injected/errnos.ts';
import { FOUND } from './injected/found.ts';
import { courseOf, failAt, settledState, swept, type Outcome } from './injected/round.ts';
import { FULL, recordResult, spread, Turns } from './results.ts';
import { CONTAINER_OPERATIONS } from './step-boundaries/container-operations.ts';
import type { Operation } from './step-boundaries/operation.ts';
import { OTHER_OPERATIONS } from './step-boundaries/other-operations.ts';
import { setStage, type Stage } from './step-boundaries/world.ts';
import type { Visit } from '../harness/doors/order.ts';

const SEED = Number(process.env['CAUSEWAY_SEED'] ?? 1);
const ONLY = process.env['CAUSEWAY_OPERATION'];
/** With CAUSEWAY_OPERATION: only doors with this in their names. */
const DOOR = process.env['CAUSEWAY_DOOR'] ?? '';
const OPERATIONS = [...CONTAINER_OPERATIONS, ...OTHER_OPERATIONS].filter(
  ({ name }) => ONLY === undefined || name === ONLY,
);
/** Operations of the short form, and faults in each. */
const SAMPLE = { operations: 3, faults: 3 };
const SAMPLED = [
  CONTAINER_OPERATIONS[1]!,
  ...Array.from({ length: SAMPLE.operations - 1 }, (_, index) => OPERATIONS[(SEED + index * 5) % OPERATIONS.length]!),
];
/** A full form that would take longer than this tries each door with one error only, and says how many it left out. */
const FULL_SECONDS = Number(process.env['CAUSEWAY_FAULT_SECONDS'] ?? 1200);

const ABOUT =
  'Each visit of a door (`test/harness/doors`), whether it changes something or only looks, fails once with each error that has nothing to do with what was asked: ENOSPC, EIO, EMFILE, ENOMEM, EBUSY. ' +
  "Then the call is refused in a sentence that is not one of Node's, and kernel, disk and API are as before it; the same call, without the fault, succeeds and what it is for works. Or it is done all the same, as a whole. " +
  "Running containers and their traffic notice nothing, and the daemon's log has no surprise. Left out: what the time given to the operation was too short for; each door comes once before any comes with its other errors.";

interface Fault {
  readonly visit: Visit;
  readonly errno: string;
}

/**
 * Each door once, then what is left of errors, then doors that are gone through again by the same callers: a form that
 * has too little time leaves out the least.
 */
function faultsOf(visits: readonly Visit[]): Fault[] {
  const wanted = visits.filter(({ name }) => name.includes(DOOR));
  const groups = [wanted.filter(({ n }) => n === 1), wanted.filter(({ n }) => n > 1)];
  return groups.flatMap((group) => [
    ...spread(
      group.flatMap((visit) =>
        errnosFor(visit)
          .slice(0, 1)
          .map((errno) => ({ visit, errno })),
      ),
      SEED,
    ),
    ...spread(
      group.flatMap((visit) =>
        errnosFor(visit)
          .slice(1)
          .map((errno) => ({ visit, errno })),
      ),
      SEED,
    ),
  ]);
}

function chosen({ name }: Operation, faults: readonly Fault[]): readonly Fault[] {
  if (FULL || ONLY !== undefined) return faults;
  const sample = SAMPLED.some((operation) => operation.name === name)
    ? Array.from(
        { length: SAMPLE.faults },
        (_, index) => faults[(SEED * 31 + Math.floor((index * faults.length) / SAMPLE.faults)) % faults.length]!,
      )
    : [];
  const found = FOUND.filter(({ operation }) => operation === name).map(({ door, n, errno }) => {
    const fault = faults.find(
      ({ visit, errno: error }) => visit.name.startsWith(door) && (n ?? visit.n) === visit.n && error === errno,
    );
    assert.ok(fault, `${name} no longer goes through ${door}: correct injected/found.ts`);
    return fault;
  });
  return [...new Set([...found, ...sample])];
}

describe('a fault in', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  let stage: Stage;
  let empty: readonly string[];
  let turns: Turns | undefined;
  const begin = async (): Promise<void> => {
    stage = await setStage();
    empty = await settledState(stage);
  };
  before(begin);
  after(() => stage.strike());

  const today =
    FULL || ONLY !== undefined
      ? OPERATIONS
      : OPERATIONS.filter(
          (operation) => SAMPLED.includes(operation) || FOUND.some((found) => found.operation === operation.name),
        );
  for (const operation of today) {
    test(operation.name, { timeout: FULL || ONLY !== undefined ? 3_600_000 : 300_000 }, async () => {
      assert.deepEqual(await tryAll(operation), [], `CAUSEWAY_SEED=${SEED} gives the same sample again`);
    });
  }

  async function tryAll(operation: Operation): Promise<string[]> {
    turns ??= new Turns(today.length, FULL_SECONDS);
    const end = turns.next();
    const violations: string[] = [];
    const outcomes: Record<Outcome, number> = { refused: 0, 'done all the same': 0 };
    const course = await courseOf(stage, operation);
    const faults = chosen(operation, faultsOf(course.visits));
    let tried = 0;
    for (const { visit, errno } of faults) {
      if (tried > 0 && Date.now() > end) break;
      tried++;
      if (process.env['PROGRESS']) console.error(tried, faults.length, visit.name, errno);
      try {
        outcomes[await failAt(stage, operation, course, visit, errno)]++;
      } catch (error) {
        violations.push(`${operation.name}, ${errno} at ${visit.name} (${visit.n}): ${(error as Error).message}`);
        if (FULL || ONLY !== undefined) console.error(violations.at(-1));
        if (await swept(stage, operation, empty)) continue;
        await stage.strike();
        await begin();
      }
    }
    recordResult({
      part: 'Injected faults',
      about: ABOUT,
      item: operation.name,
      counts: {
        doors: course.visits.length,
        'faults injected': tried,
        refused: outcomes.refused,
        'done all the same': outcomes['done all the same'],
        'faults left out': faults.length - tried,
      },
      violations,
    });
    return violations;
  }
});
