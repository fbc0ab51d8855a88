/**
 * Runs plans. Setting up stops at the first failure and leaves the undoing to the stack; tearing down goes on to the
 * end.
 */
import type { UndoStack } from '../../base/undo.ts';
import type { Step, StepKind, StepOf } from '../plan/step.ts';
import type { ApplyContext } from './context.ts';
import { EXECUTORS, type Undo } from './executors.ts';

/** Throws the first failure; what was done until then is on `undo`. */
export function applySteps(steps: readonly Step[], context: ApplyContext, undo: UndoStack): void {
  for (const step of steps) {
    const back = execute(step, context);
    if (back) undo.push(step.kind, back);
  }
}

/** Runs every step whatever fails, and returns what did. What runs concurrently goes on: see the context's `settle`. */
export function tearDown(steps: readonly Step[], context: ApplyContext): unknown[] {
  const errors: unknown[] = [];
  for (const step of steps) {
    try {
      execute(step, context);
    } catch (error) {
      errors.push(error);
    }
  }
  return errors;
}

function execute<K extends StepKind>(step: StepOf<K>, context: ApplyContext): Undo | undefined {
  // The table has the executor of exactly this kind; the compiler cannot follow the pair through the union.
  const executor = EXECUTORS[step.kind as K] as (step: StepOf<K>, context: ApplyContext) => Undo | undefined;
  return executor(step, context);
}
