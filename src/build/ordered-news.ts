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

/** Of one stage that waits, and of all: the output that comes beyond is left out, and that is told. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024;
const MAX_WAITING_CHARS_IN_ALL = 16 * 1024 * 1024;
/** What news take besides their text: a command may write each character by itself. */
const NEWS_CHARS = 200;

interface Waiting {
  readonly news: BuildNews[];
  chars: number;
  isCut: boolean;
  ended: boolean;
}

export class OrderedNews implements StageNews {
  readonly #report: ReportNews;
  readonly #order: number[];
  readonly #waiting = new Map<number, Waiting>();
  #chars = 0;

  constructor(stages: readonly number[], report: ReportNews) {
    this.#order = [...stages];
    this.#report = report;
    for (const stage of stages) this.#waiting.set(stage, { news: [], chars: 0, isCut: false, ended: false });
  }

  of(stage: number): ReportNews {
    return (news) => {
      if (this.#order[0] === stage) return this.#report(news);
      const waiting = this.#waiting.get(stage);
      if (!waiting) return undefined;
      if (news.news === 'output' || news.news === 'pull') this.#keepSome(waiting, news);
      else waiting.news.push(news);
      return undefined;
    };
  }

  #keepSome(waiting: Waiting, news: Extract<BuildNews, { news: 'output' | 'pull' }>): void {
    const chars = NEWS_CHARS + (news.news === 'output' ? news.text.length : 0);
    const fits = waiting.chars + chars <= MAX_WAITING_CHARS && this.#chars + chars <= MAX_WAITING_CHARS_IN_ALL;
    if (fits && !waiting.isCut) {
      waiting.chars += chars;
      this.#chars += chars;
      waiting.news.push(news);
      return;
    }
    if (news.news === 'pull' || waiting.isCut) return;
    waiting.isCut = true;
    waiting.news.push({ ...news, text: '[output left out]\n' });
  }

  end(stage: number): void {
    this.#waiting.get(stage)!.ended = true;
    for (let first = this.#order[0]; first !== undefined; first = this.#order[0]) {
      const waiting = this.#waiting.get(first)!;
      for (const news of waiting.news.splice(0)) this.#report(news);
      this.#chars -= waiting.chars;
      waiting.chars = 0;
      if (!waiting.ended) return;
      this.#order.shift();
    }
  }
}
