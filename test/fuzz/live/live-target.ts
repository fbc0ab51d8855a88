import type { Input } from '../campaign.ts';
import type { Random } from '../random.ts';
import type { World } from './world.ts';

/** Something to be sent to a real engine. */
export interface LiveTarget {
  readonly name: string;
  make(random: Random, world: World): Input;
  /** Sends it; what is wrong with the answer, undefined when nothing is. */
  send(input: Input, world: World): Promise<string | undefined>;
  /** How many are under way at once. */
  readonly parallel: number;
}
