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
  const visit = (stage: Stage): void => {
    if (planned.has(stage.index)) return;
    const needs = new Set<number>();
    for (const name of facts.isReplaced(stage) ? [] : namesIn(stage, facts.baseOf)) {
      const other = stageNamed(stages, name, stage.index);
      if (other) needs.add(other.index);
    }
    planned.set(stage.index, { stage, needs });
    for (const index of needs) visit(stages[index]!);
  };
  visit(last);
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

/** A stage before this one; of several things of a name, stages come first. */
export function stageNamed(stages: readonly Stage[], name: string, before: number): Stage | undefined {
  const named = stages.find(
    ({ from, index }) => index < before && from.name !== '' && from.name === name.toLowerCase(),
  );
  if (named) return named;
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
