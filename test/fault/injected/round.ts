/**
 * One fault: the operation is prepared and called while one thing that it does outside of the process fails. It
 * succeeds all the same, whole, or it says why not in a sentence and has done nothing; and then, without the fault, it
 * succeeds.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../../../src/base/within.ts';
import { faultOfSentence } from '../../fuzz/campaign.ts';
import type { Visit } from '../../harness/doors/order.ts';
import { sleep } from '../../harness/test-engine.ts';
import type { Reply } from '../step-boundaries/caller.ts';
import type { Operation } from '../step-boundaries/operation.ts';
import { differenceOf, stateOf } from '../step-boundaries/state.ts';
import type { Stage } from '../step-boundaries/world.ts';

const SETTLES_MS = 60_000;

export interface Course {
  /** All doors that the operation goes through, acts and looks. */
  readonly visits: readonly Visit[];
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly between: readonly (readonly string[])[];
}

/** Does the operation once as it should go. */
export async function courseOf(stage: Stage, operation: Operation): Promise<Course> {
  const between: string[][] = [];
  for (const lead of operation.between ?? []) {
    await operation.prepare(stage);
    await lead(stage);
    between.push(await settledState(stage));
    await operation.clean(stage);
  }
  await operation.prepare(stage);
  const before = await settledState(stage);
  const output = join(stage.engine.dir, 'visits');
  rmSync(output, { force: true });
  stage.engine.order({ mode: 'list', output });
  const reply = await operation.call(stage);
  if (operation.goesOn && done(reply)) await operation.settled?.(stage);
  stage.engine.order(undefined);
  if (!done(reply)) throw new Error(`${operation.name}: ${reply.status} ${reply.body}`);
  await operation.settled?.(stage);
  const after = await settledState(stage);
  const visits = existsSync(output)
    ? readFileSync(output, 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Visit)
    : [];
  await operation.clean(stage);
  return { visits, before, after, between };
}

export type Outcome = 'refused' | 'done all the same';

/** @throws what is wrong, as an Error that names it */
export async function failAt(
  stage: Stage,
  operation: Operation,
  course: Course,
  visit: Visit,
  errno: string,
): Promise<Outcome> {
  const { engine } = stage;
  const logBefore = engine.log.length;
  await operation.prepare(stage);
  engine.order({ mode: 'fault', name: visit.name, n: visit.n, errno });
  const called = operation.call(stage);
  const reply = (await within(called, 60_000)) ? await called : undefined;
  if (operation.goesOn && reply && done(reply)) await operation.settled?.(stage);
  engine.order(undefined);
  if (reply === undefined) throw new Error('no answer within 60 s');
  if (reply.status === 0) throw new Error('the daemon cut the connection');
  if (done(reply)) await operation.settled?.(stage);
  else await judgeRefusal(stage, operation, course, reply);
  await matches(stage, [course.after], 'after it was done');
  await operation.check?.(stage);
  await operation.clean(stage);
  const surprise = engine.log
    .slice(logBefore)
    .split('\n')
    .find((line) => /unhandled|uncaught|TypeError|RangeError|ReferenceError|"level":60/.test(line));
  if (surprise !== undefined) throw new Error(`the log: ${surprise.slice(0, 800)}`);
  const complaints = await stage.bystanders.complaints();
  if (complaints.length > 0) throw new Error(`bystanders: ${complaints.join('; ')}`);
  return done(reply) ? 'done all the same' : 'refused';
}

async function judgeRefusal(stage: Stage, operation: Operation, course: Course, reply: Reply): Promise<void> {
  const message = sentenceOf(reply);
  // The harness marks its errors: where the mark is seen, Node's own text would have been.
  const fault = /: injected,/.test(message) ? `says what Node said: ${message}` : faultOfSentence(message);
  if (fault !== undefined) throw new Error(fault);
  if (message.trim() === '') throw new Error(`${reply.status} and not a word`);
  // A daemon that refused to start cannot be asked what there is: the next one shows it.
  if (await stage.engine.answers())
    await matches(stage, [course.before, ...course.between], `after it was refused (${reply.status} ${message})`);
  const again = await operation.call(stage);
  if (!done(again) && !operation.repeated.includes(again.status))
    throw new Error(`then, without the fault: ${again.status} ${again.body}`);
  await operation.settled?.(stage);
}

const done = ({ status }: Reply): boolean => status >= 200 && status < 300;

function sentenceOf({ body }: Reply): string {
  const inStream = /"errorDetail":\{"message":("(?:[^"\\]|\\.)*")/.exec(body)?.[1];
  if (inStream !== undefined) return JSON.parse(inStream) as string;
  try {
    return String((JSON.parse(body) as { message?: unknown }).message ?? body);
  } catch {
    return body;
  }
}

/** Takes away what a violation left; false where something stays, which must not be blamed on the next fault. */
export async function swept(stage: Stage, operation: Operation, empty: readonly string[]): Promise<boolean> {
  try {
    if (!(await stage.engine.answers())) return false;
    await operation.clean(stage);
    await matches(stage, [empty], 'after all was removed');
    return true;
  } catch {
    return false;
  }
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

export async function settledState(stage: Stage): Promise<string[]> {
  const end = Date.now() + SETTLES_MS;
  for (let last = await stateOf(stage.engine, stage.api, stage.parent); ;) {
    await sleep(200);
    const now = await stateOf(stage.engine, stage.api, stage.parent);
    const difference = differenceOf(last, now);
    if (difference === '') return now;
    if (Date.now() > end) throw new Error(`the state does not come to rest:\n${difference}`);
    last = now;
  }
}
