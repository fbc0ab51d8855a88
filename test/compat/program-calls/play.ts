/** Plays the whole table to an engine. */
import type { Commands } from './commands.ts';
import { Player, type Outcome } from './player.ts';
import type { Program } from './table.ts';

export type Outcomes = Readonly<Record<string, readonly Outcome[]>>;

export async function playProgram(
  socketPath: string,
  commands: Commands,
  program: Program,
  kept: Readonly<Record<string, unknown>>,
): Promise<Outcome[]> {
  const player = new Player(socketPath, commands, program, kept);
  const outcomes: Outcome[] = [];
  try {
    for (const step of program.steps) outcomes.push(await player.play(step));
    return outcomes;
  } catch (error) {
    return [...outcomes, { step: 'after these', got: { error: `${String(error)}, not the rest` } }];
  } finally {
    player.close();
  }
}

/** What is not as the table says. */
export const wrongIn = (outcomes: readonly Outcome[]): string[] =>
  outcomes.flatMap(({ step, got }) =>
    Object.entries(got).flatMap(([what, value]) => (value.includes(', not ') ? [`${step}: ${what}: ${value}`] : [])),
  );
