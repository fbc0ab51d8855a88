/** A scenario measures one or more rows on one engine at a time; the runs of all engines are interleaved. */
import type { Engine, EngineName } from './engines.ts';

export interface Settings {
  readonly quick: boolean;
}

export interface Scenario {
  readonly rows: readonly string[];
  /** How often; the median counts. */
  readonly runs: number;
  /** 0: with --quick only when one of its rows is asked for by name. */
  readonly quickRuns: number;
  /** On which of the engines, with the reason why not on all. */
  readonly only?: { readonly engines: readonly EngineName[]; readonly because: string };
  /** A run before those that count. */
  readonly warmUp: boolean;
  prepare?(engine: Engine): Promise<void>;
  measure(engine: Engine, settings: Settings): Promise<Readonly<Record<string, number>>>;
  finish?(engine: Engine): Promise<void>;
}
