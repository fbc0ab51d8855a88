/** Which stages a target needs, and which of them need which: the others are not built. */
import { invalid } from '../base/errors.ts';
import type { Dockerfile, Stage } from './dockerfile/dockerfile.ts';
import { didYouMean } from './dockerfile/nearest-word.ts';
import { csvFields } from './dockerfile/csv-fields.ts';

export interface PlannedStage {
  readonly stage: Stage;
  /** Of stages that have to be built before. */
  readonly needs: ReadonlySet<number>;
}

export interface StageFacts {
  /** The name behind FROM with its variables put in. */
  readonly baseOf: (stage: Stage) => string;
  /** A named context stands in its place. */
  readonly isReplaced: (stage: Stage) => boolean;
}

/** In the order of the file, the target last. */
export function planStages({ stages }: Dockerfile, target: string, facts: StageFacts): PlannedStage[] {
  checkNames(stages);
  const last = targetStage(stages, target);
  const planned = new Map<number, PlannedStage>();
  // Files are untrusted: a chain of stages may be as long as they are, and is no reason to run out of stack.
  const todo = [last];
  for (let stage = todo.pop(); stage; stage = todo.pop()) {
    if (planned.has(stage.index)) continue;
    const needs = new Set<number>();
    for (const name of facts.isReplaced(stage) ? [] : namesIn(stage, facts.baseOf)) {
      const other = stageNamed(stages, name, stage.index);
      if (other) needs.add(other.index);
    }
    planned.set(stage.index, { stage, needs });
    for (const index of needs) todo.push(stages[index]!);
  }
  return [...planned.values()].sort((a, b) => a.stage.index - b.stage.index);
}

function checkNames(stages: readonly Stage[]): void {
  const seen = new Set<string>();
  for (const { from } of stages) {
    if (from.name === '') continue;
    if (seen.has(from.name)) throw invalid(`duplicate name ${from.name}`);
    seen.add(from.name);
  }
}

function targetStage(stages: readonly Stage[], target: string): Stage {
  if (target === '') return stages.at(-1)!;
  const found =
    stages.find(({ from }) => from.name === target.toLowerCase()) ??
    (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
  if (!found)
    throw invalid(
      `target stage ${JSON.stringify(target)} could not be found${didYouMean(target, stageNames(stages), { exactCase: true })}`,
    );
  return found;
}

export const stageNames = (stages: readonly Stage[]): string[] =>
  stages.map(({ from }) => from.name).filter((name) => name !== '');

/** Each list of stages by their names, made once: a file may ask for a name some hundred thousand times. */
const named = new WeakMap<readonly Stage[], ReadonlyMap<string, Stage>>();

function byName(stages: readonly Stage[]): ReadonlyMap<string, Stage> {
  const known = named.get(stages);
  if (known) return known;
  const made = new Map(stages.map((stage) => [stage.from.name, stage]));
  named.set(stages, made);
  return made;
}

/** A stage before this one; of several things of a name, stages come first. */
export function stageNamed(stages: readonly Stage[], name: string, before: number): Stage | undefined {
  const found = name === '' ? undefined : byName(stages).get(name.toLowerCase());
  if (found && found.index < before) return found;
  if (!/^\d{1,5}$/.test(name)) return undefined;
  if (Number(name) === before) throw invalid(`invalid from flag value ${name}: refers to current build stage`);
  if (Number(name) > before) throw invalid(`invalid from flag value ${name}: index out of bounds`);
  return stages[Number(name)];
}

function namesIn(stage: Stage, baseOf: (stage: Stage) => string): string[] {
  // A number is a stage only where something is taken from it.
  const base = baseOf(stage);
  const names = /^\d+$/.test(base) ? [] : [base];
  for (const instruction of stage.instructions) {
    if (instruction.kind === 'copy' && instruction.from !== '') names.push(instruction.from);
    if (instruction.kind === 'run') names.push(...instruction.mounts.flatMap(fromOf));
  }
  return names;
}

function fromOf(mount: string): string[] {
  const field = csvFields(mount).find((one) => /^from=/i.test(one));
  return field === undefined || field.length === 5 ? [] : [field.slice(5)];
}
