/** A Dockerfile as a whole: what comes before the first stage, and the stages. */
import { invalid } from '../../base/errors.ts';
import type { Directives } from './directives.ts';
import { readInstruction } from './instruction-reader.ts';
import type { ArgInstruction, FromInstruction, StageInstruction } from './instruction.ts';
import { parseError } from './source-error.ts';
import { readSource } from './source-instruction.ts';

export interface Stage {
  readonly from: FromInstruction;
  /** Its number, from 0. */
  readonly index: number;
  readonly instructions: readonly StageInstruction[];
}

export interface Dockerfile extends Directives {
  /** Those before the first FROM; only FROM lines see them. */
  readonly args: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
  readonly warnings: readonly string[];
}

/** @throws invalid in Docker's words, with the line */
export function parseDockerfile(text: string): Dockerfile {
  const { instructions, ...source } = readSource(text);
  const args: ArgInstruction[] = [];
  const stages: { from: FromInstruction; index: number; instructions: StageInstruction[] }[] = [];
  for (const found of instructions) {
    const instruction = readInstruction(found, source.escape);
    if (instruction.kind === 'from') {
      stages.push({ from: instruction, index: stages.length, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === 'arg') args.push(instruction);
    else throw parseError(found.line, 'no build stage in current context');
  }
  if (stages.length === 0) throw invalid('no build stage in current context');
  return { ...source, args, stages };
}

/** The instructions that an image's ONBUILD holds. */
export function parseTrigger(text: string): StageInstruction[] {
  return readSource(text).instructions.map((source) => {
    const instruction = readInstruction(source, '\\');
    if (instruction.kind === 'from') throw parseError(source.line, "FROM isn't allowed as an ONBUILD trigger");
    return instruction;
  });
}
