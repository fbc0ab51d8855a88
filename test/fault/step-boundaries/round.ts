/**
 * One boundary: the operation is prepared and called, the daemon killed there, started again, and then everything has
 * to be as it was before the call or as it is after it; the call, repeated, does it; and what it has made can be taken
 * away without a trace.
 */
import { join } from 'node:path';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { sleep } from '../../harness/test-engine.ts';
import type { Visit } from '../../harness/doors/order.ts';
import type { Operation } from './operation.ts';
import { differenceOf, stateOf } from './state.ts';
import type { Stage } from './world.ts';

export interface Boundaries {
  readonly visits: readonly Visit[];
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly between: readonly (readonly string[])[];
}

/** Does the operation once without a kill: lists its boundaries, and what there is before and after it. */
export async function boundariesOf(stage: Stage, operation: Operation, empty: readonly string[]): Promise<Boundaries> {
  const between: string[][] = [];
  for (const lead of operation.between ?? []) {
    await operation.prepare(stage);
    await lead(stage);
    between.push(await settledState(stage));
    await cleanUp(stage, operation, empty);
  }
  await operation.prepare(stage);
  const before = await settledState(stage);
  const output = join(stage.engine.dir, 'visits');
  rmSync(output, { force: true });
  stage.engine.order({ mode: 'list', output });
  const reply = await operation.call(stage);
  if (reply.status < 200 || reply.status >= 300) throw new Error(`${operation.name}: ${reply.status} ${reply.body}`);
  await operation.settled?.(stage);
  await sleep(150); // what is done after the reply is listed as well; what comes later still is found by the visits that are not reached
  stage.engine.order(undefined);
  const after = await settledState(stage);
  const visits = existsSync(output)
    ? readFileSync(output, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Visit)
    : [];
  await operation.check?.(stage);
  await cleanUp(stage, operation, empty);
  // Replies of the questions that `settled` asks are none of the operation's.
  return {
    before,
    after,
    between,
    visits: visits.filter((visit) => visit.acts && !(visit.name.startsWith('reply.') && visit.n > 1)),
  };
}

export type Outcome = 'struck' | 'not reached';

/** @throws what is wrong, as an Error that names it */
export async function strikeAt(
  stage: Stage,
  operation: Operation,
  { before, after, between }: Boundaries,
  visit: Visit,
): Promise<Outcome> {
  const { engine } = stage;
  await operation.prepare(stage);
  engine.order({ mode: 'kill', name: visit.name, n: visit.n });
  const reply = await operation.call(stage);
  const struck = await engine.died(reply.status === 0 ? 10_000 : 1_500);
  engine.order(undefined);
  if (!struck) {
    await operation.clean(stage);
    return 'not reached';
  }
  await engine.stop();
  await engine.boot();

  const told = reply.status >= 200 && reply.status < 300;
  const allowed = told && !operation.settled ? [after] : [before, after, ...between];
  await matches(stage, allowed, `after the restart (the client was told ${reply.status || 'nothing'})`);
  await operation.beforeRepeat?.(stage);
  const again = await operation.call(stage);
  const succeeded = again.status >= 200 && again.status < 300;
  if (!succeeded && !operation.repeated.includes(again.status))
    throw new Error(`repeated: ${again.status} ${again.body}`);
  await operation.settled?.(stage);
  await matches(stage, [after], 'after it was repeated');
  await operation.check?.(stage);
  await operation.clean(stage); // what it leaves is seen by the next round, and by the last look
  const complaints = await stage.bystanders.complaints();
  if (complaints.length > 0) throw new Error(`bystanders: ${complaints.join('; ')}`);
  return 'struck';
}

async function cleanUp(stage: Stage, operation: Operation, empty: readonly string[]): Promise<void> {
  await operation.clean(stage);
  await assertEmpty(stage, empty);
}

/** Nothing is left of all that was done. */
export async function assertEmpty(stage: Stage, empty: readonly string[]): Promise<void> {
  await matches(stage, [empty], 'after all was removed');
}

/**
 * Fails unless the state is one of the allowed, at the latest after a moment: files and links are deleted in the
 * background.
 */
async function matches(stage: Stage, allowed: readonly (readonly string[])[], when: string): Promise<void> {
  for (const end = Date.now() + 8_000; ; await sleep(150)) {
    const state = await stateOf(stage.engine, stage.api, stage.parent);
    const differences = allowed.map((lines) => differenceOf(lines, state));
    if (differences.includes('')) return;
    if (Date.now() > end) throw new Error(`${when} it is neither of:\n${differences.join('\nnor\n')}`);
  }
}

async function settledState(stage: Stage): Promise<string[]> {
  for (let last = await stateOf(stage.engine, stage.api, stage.parent); ;) {
    await sleep(200);
    const now = await stateOf(stage.engine, stage.api, stage.parent);
    if (differenceOf(last, now) === '') return now;
    last = now;
  }
}
