/**
 * Stages are built side by side, and told of one after the other in the order of the file: what a later one has to say
 * waits until those before it have ended.
 */
import type { BuildNews, ReportNews } from '../model/build-news.ts';

/** Where nobody minds the order: see `BuildRequest.ordered`. */
export interface StageNews {
  of(stage: number): ReportNews;
  end(stage: number): void;
}

export const asItHappens = (report: ReportNews): StageNews => ({ of: () => report, end: () => {} });

/** Of one stage that waits: what comes beyond is left out, and that is told. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;

interface Waiting {
  readonly news: BuildNews[];
  chars: number;
  ended: boolean;
}

export class OrderedNews implements StageNews {
  readonly #report: ReportNews;
  readonly #order: number[];
  readonly #waiting = new Map<number, Waiting>();

  constructor(stages: readonly number[], report: ReportNews) {
    this.#order = [...stages];
    this.#report = report;
    for (const stage of stages) this.#waiting.set(stage, { news: [], chars: 0, ended: false });
  }

  of(stage: number): ReportNews {
    return (news) => {
      if (this.#order[0] === stage) return this.#report(news);
      const waiting = this.#waiting.get(stage);
      if (!waiting) return undefined;
      if (news.news === 'output') {
        if (waiting.chars > MAX_WAITING_CHARS) return undefined;
        waiting.chars += news.text.length;
        if (waiting.chars > MAX_WAITING_CHARS) waiting.news.push({ ...news, text: '[output left out]\n' });
        else waiting.news.push(news);
        return undefined;
      }
      waiting.news.push(news);
      return undefined;
    };
  }

  end(stage: number): void {
    this.#waiting.get(stage)!.ended = true;
    for (let first = this.#order[0]; first !== undefined; first = this.#order[0]) {
      const waiting = this.#waiting.get(first)!;
      for (const news of waiting.news.splice(0)) this.#report(news);
      if (!waiting.ended) return;
      this.#order.shift();
    }
  }
}
