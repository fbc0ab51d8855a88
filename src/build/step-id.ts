/** What a step of a build is told apart by while it is built. */
import { createHash } from 'node:crypto';
import type { StageInstruction } from './dockerfile/instruction.ts';

/** `stage`: its number, -1 before the first; `number`: of the step in it. */
export const stepId = (stage: number, number: number, text: string): string =>
  `sha256:${createHash('sha256')
    .update(JSON.stringify([stage, number, text]))
    .digest('hex')}`;

export const mayChangeFiles = ({ kind }: StageInstruction): boolean =>
  kind === 'run' || kind === 'copy' || kind === 'add' || kind === 'workdir';
