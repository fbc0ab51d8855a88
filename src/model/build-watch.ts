/** Who watches a build that a client's session has asked for. */
import type { ReportNews } from './build-news.ts';

/** A part of a build that is no instruction. */
export interface BuildPhase {
  /** How far something in it has come; `total` 0 = nobody knows. */
  status(what: string, current: number, total: number): void;
  /** That is done. */
  done(what: string): void;
  end(failure?: unknown): void;
}

export interface SolveWatch {
  /** News of the steps, as they happen. */
  readonly report: ReportNews;
  phase(name: string): BuildPhase;
  /** The Dockerfile that is built, and what it is called. */
  source(filename: string, text: string): void;
}
